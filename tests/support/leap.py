"""Time that passes when a test says so.

A deadline that lies in the future until what must happen before it has happened, and in
the past from then on, is met by no machine too early or too late.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def leap(seconds: float) -> None:
    """Have so many seconds pass at once on the running loop's clock."""
    loop = asyncio.get_running_loop()
    now = type(loop).time
    ahead = loop.time() - now(loop) + seconds
    # Only this loop: others may run in other threads.
    vars(loop)["time"] = lambda: now(loop) + ahead


def leap_over_deadlines(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have so many seconds pass at once for every `Deadline` of a renderer."""
    monkeypatch.setattr(
        "renderer.deadline.monotonic", lambda: time.monotonic() + seconds
    )
