"""What a measurement says: how long each call took, or how much passed in a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Samples:
    """Seconds that calls took, made one after the other.

    Attributes:
        seconds: each.
        busy: seconds that all processes computed for it; None if that is not known.
    """

    seconds: list[float]
    busy: float | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.seconds)

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

    Attributes:
        count: how many.
        start: when the first was sent.
        end: when the last was there.
        busy: seconds that all processes computed for it; None if that is not known.
    """

    count: int
    start: float
    end: float
    busy: float | None = None

    @property
    def rate(self) -> float:
        """Things per second."""
        return self.count / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Weight:
    """The memory that one of many takes, in bytes."""

    bytes: float


Result = Samples | Span | Weight


def effort(results: Iterable[Result]) -> float | None:
    """Return the seconds that processors were busy for each thing, in all rounds."""
    measured = [result for result in results if not isinstance(result, Weight)]
    times = [result.busy for result in measured if result.busy is not None]
    count = sum(result.count for result in measured)
    return sum(times) / count if times and len(times) == len(measured) else None


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
