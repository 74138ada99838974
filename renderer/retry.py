"""When to try again: backoff as a plain sequence, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0


def backoff(
    draw: Callable[[], float], *, first: float = FIRST_S, longest: float = LONGEST_S
) -> Iterator[float]:
    """Yield the seconds to wait before each attempt, without end.

    Exponential with full jitter: each is drawn at random below a bound that doubles, so
    that a thousand renderers that lost their main together do not return together.

    Args:
        draw: returns a random number in [0, 1), as `random.random`.
        first: seconds below which the first is drawn.
        longest: seconds beyond which the bound does not grow.
    """
    bound = first
    while True:
        yield draw() * bound
        bound = min(2 * bound, longest)


__all__ = ("backoff",)
