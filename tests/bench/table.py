"""The results, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.figures import PUBLISHED, Measured, of_comparison
from tests.bench.ratios import RATIOS
from tests.bench.report import Report
from tests.bench.rounds import Comparison
from tests.bench.units import quantity

_Line = tuple[str, ...]


def table(report: Report) -> str:
    """Return all there is to tell, in lines."""
    ratios = [_ratio(comparison) for comparison in report.comparisons]
    head = (
        "ratio",
        "ours",
        "other",
        "",
        "ours ÷ other",
        "rounds",
        "goal",
        "",
        "processor time",
    )
    figures = [_figure(figure) for figure in (*_tails(report), *report.figures)]
    published = [_figure(figure) for figure in PUBLISHED]
    parts = [
        _aligned([head, *ratios]) if ratios else "",
        _aligned([("figure", "", ""), *figures, *published]) if figures else "",
        "\n".join(f"skipped  {name}: {why}" for name, why in report.skipped.items()),
        "\n".join(f"broken   {name}: {why}" for name, why in report.broken.items()),
    ]
    return "\n\n".join(filter(None, parts))


def goals() -> str:
    """Return the list of ratios: what each says, and its goal."""
    return _aligned([(ratio.name, ratio.goal_text, ratio.what) for ratio in RATIOS])


def _ratio(comparison: Comparison) -> _Line:
    ratio = comparison.ratio
    ours = median(ratio.value(one) for one, _ in comparison.rounds)
    other = median(ratio.value(two) for _, two in comparison.rounds)
    met = ratio.is_met(comparison.median)
    return (
        ratio.name,
        quantity(ours, ratio.unit),
        quantity(other, ratio.unit),
        ratio.other.peer.name,
        f"{comparison.median:.2f}",
        f"{min(comparison.ratios):.2f} … {max(comparison.ratios):.2f}",
        ratio.goal_text,
        "met" if met else "goal missed",
        _efforts(comparison),
    )


def _efforts(comparison: Comparison) -> str:
    """Return what each costs in time of processors: other programs add little to it."""
    ours, other = comparison.efforts
    if ours is None or other is None:
        return ""
    return f"{quantity(ours, 's')} ÷ {quantity(other, 's')}"


def _tails(report: Report) -> Iterator[Measured]:
    for comparison in report.comparisons:
        for figure in of_comparison(comparison):
            if figure.name.endswith("_p99"):
                yield figure


def _figure(figure: Measured) -> _Line:
    return (figure.name, quantity(figure.value, figure.unit), figure.what)


def _aligned(lines: Sequence[_Line]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
