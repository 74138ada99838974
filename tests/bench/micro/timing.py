"""How small pieces of work are timed."""

from __future__ import annotations

import gc
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


def cost(
    what: str, work: Callable[[], object], pieces: int = 1, *, collecting: bool = False
) -> Cost:
    """Return the least of several measurements: the others were disturbed.

    Args:
        what: what it is.
        work: does it.
        pieces: how often it does it at once.
        collecting: with the collector of garbage, which `timeit` switches off.
    """
    timer = timeit.Timer(work, gc.enable if collecting else "pass")
    number = max(1, round(_SECONDS / max(timer.timeit(1), 1e-7)))
    best = min(timer.repeat(_REPEATS, number))
    return Cost(what, best / number / pieces)
