"""When to try again, and for how long: plain sequences, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0

FIRST_ATTEMPT_S: Final = 2.0
LONGEST_ATTEMPT_S: Final = 10.0


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


def attempts(
    *, first: float = FIRST_ATTEMPT_S, longest: float = LONGEST_ATTEMPT_S
) -> Iterator[float]:
    """Yield the seconds that each attempt may take, without end.

    A connection may be swallowed before anybody can notice: the next one may do better.
    A main that is busy, or far away, gets more time from one to the next.

    Args:
        first: seconds for the first.
        longest: seconds beyond which they do not grow.
    """
    limit = first
    while True:
        yield min(limit, longest)
        limit = min(2 * limit, longest)


__all__ = ("attempts", "backoff")
