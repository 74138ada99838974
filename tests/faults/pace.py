"""How numbered messages are spread over time, so that a cut hits some of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

PAUSE_S: Final = 0.02
"""Seconds between bursts."""
_BURSTS: Final = 20
_CALLS: Final = 20


def bursts(count: int, rng: random.Random) -> Iterator[int]:
    """Divide a number of messages into bursts of random size, each sent at once."""
    largest = max(1, 2 * count // _BURSTS)
    while count > 0:
        size = min(count, rng.randint(1, largest))
        count -= size
        yield size


def is_call(n: int) -> bool:
    """Tell whether the message with this number is a call, not an event."""
    return n % _CALLS == 0
