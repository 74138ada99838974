"""The units of what is measured."""

from __future__ import annotations

from typing import Final, Literal

from tests.bench.results import Result, Samples, Span

Unit = Literal["s", "/s", "B"]
"""Seconds and bytes: less is better. Things per second: more is."""

SUFFIX: Final[dict[Unit, str]] = {"s": "_s", "/s": "_per_s", "B": "_bytes"}
"""What follows the name of a figure in a file."""


def value_of(result: Result, unit: Unit) -> float:
    """Return a measurement in a unit; the median of samples."""
    if isinstance(result, Samples):
        return result.p50
    if isinstance(result, Span):
        return result.rate if unit == "/s" else 1 / result.rate
    return result.bytes


def quantity(value: float, unit: Unit) -> str:
    """Return a number with a unit that makes it short, for people."""
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit == "B":
        return f"{value / 1024:.1f} KiB"
    return f"{value * 1e3:,.1f} ms" if value >= 0.01 else f"{value * 1e6:,.0f} µs"
