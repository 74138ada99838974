"""Time that passes when a test says so, for all that waits on its event loop."""

from __future__ import annotations

import asyncio


def leap(seconds: float) -> None:
    """Have so many seconds pass at once on the running loop's clock.

    A deadline that lies in the future until what must happen before it has happened,
    and in the past from then on, is met by no machine too early or too late.
    """
    loop = asyncio.get_running_loop()
    now = type(loop).time
    ahead = loop.time() - now(loop) + seconds
    # Only this loop: others may run in other threads.
    vars(loop)["time"] = lambda: now(loop) + ahead
