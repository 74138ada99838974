"""The results, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.ratios import Ratio, Unit
from tests.bench.rounds import Comparison

_HEAD = ("ratio", "ours", "other", "ours ÷ other", "goal", "")


def table(comparisons: Sequence[Comparison]) -> str:
    """Return a table with a line for each comparison."""
    lines = [_HEAD, *map(_line, comparisons)]
    return "\n".join(_aligned(lines))


def _line(comparison: Comparison) -> tuple[str, ...]:
    ratio = comparison.ratio
    ours = median(ratio.value(one) for one, _ in comparison.rounds)
    other = median(ratio.value(two) for _, two in comparison.rounds)
    met = ratio.is_met(comparison.median)
    return (
        ratio.name,
        quantity(ours, ratio.unit),
        f"{quantity(other, ratio.unit)}  {ratio.other.peer.name}",
        f"{comparison.median:.2f} ({spread(comparison.ratios)})",
        goal(ratio),
        "met" if met else "goal missed",
    )


def goal(ratio: Ratio) -> str:
    """Return a goal as people write it."""
    return f"{'≥' if ratio.unit == '/s' else '≤'} {ratio.goal:g}"


def spread(ratios: Sequence[float]) -> str:
    """Return between what the rounds lie."""
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def quantity(value: float, unit: Unit) -> str:
    """Return a number with a unit that makes it short."""
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit == "B":
        return f"{value / 1024:.1f} KiB"
    return f"{value * 1e3:,.1f} ms" if value >= 0.01 else f"{value * 1e6:,.0f} µs"


def _aligned(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        yield "  ".join(cells).rstrip()
