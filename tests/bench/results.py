"""What a measurement says: how long each call took, or how much passed in a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Samples:
    """Seconds that calls took, made one after the other."""

    seconds: list[float]

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return median(self.seconds)

    @property
    def p99(self) -> float:
        """In seconds, of at least two samples."""
        return quantiles(self.seconds, n=100, method="inclusive")[98]


@dataclass(frozen=True, slots=True)
class Span:
    """So many things passed between two readings of the machine's monotonic clock.

    All processes have that clock in common, so that their spans can be put together.
    """

    count: int
    start: float
    end: float

    @property
    def rate(self) -> float:
        """Things per second."""
        return self.count / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Weight:
    """The memory that one of many takes, in bytes."""

    bytes: float


Result = Samples | Span | Weight


def said(result: Result) -> dict[str, Any]:
    """Return a result as a JSON object."""
    return asdict(result)


def heard(answer: Mapping[str, Any]) -> Result:
    """Return the result in a JSON object."""
    return Samples(**answer) if "seconds" in answer else Span(**answer)


def together(results: Sequence[Result]) -> Result:
    """Return what several processes measured at the same time, as one result."""
    spans = [result for result in results if isinstance(result, Span)]
    if len(spans) == len(results):
        return Span(
            sum(span.count for span in spans),
            min(span.start for span in spans),
            max(span.end for span in spans),
        )
    (only,) = results
    return only


def all_samples(results: Iterable[Result]) -> Samples:
    """Return the samples of all rounds."""
    return Samples(
        [s for result in results if isinstance(result, Samples) for s in result.seconds]
    )
