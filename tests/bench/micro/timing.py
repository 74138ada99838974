"""How small pieces of work are timed."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_REPEATS: Final = 7
_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one piece of work costs, in seconds."""

    what: str
    seconds: float


Costs = Iterator[Cost]


def cost(what: str, work: Callable[[], object], pieces: int = 1) -> Cost:
    """Return the least of several measurements: the others were disturbed.

    Args:
        what: what it is.
        work: does it; without the collector of garbage, as `timeit` has it.
        pieces: how often it does it at once.
    """
    timer = timeit.Timer(work)
    number = max(1, round(_SECONDS / max(timer.timeit(1), 1e-7)))
    best = min(timer.repeat(_REPEATS, number))
    return Cost(what, best / number / pieces)
