"""Waiting for what no event tells of."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

from tests.support.processes import PATIENCE

TIMEOUTS: Final = (0.05, 0.5, 5.0)
"""Seconds, for calls that must have begun when their time is over. Where one is too
short for that, the next may do: how long a message is on its way, nobody knows."""


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until a condition holds that any thread or process may bring about."""
    async with asyncio.timeout(patience):
        # Not a time that is hoped to suffice: a look at the condition each time.
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


def wait_until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Do the same on a thread."""
    deadline, never = time.monotonic() + patience, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it does not hold yet"
        never.wait(0.001)
