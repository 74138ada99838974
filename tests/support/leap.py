"""Time that passes when a test says so.

A deadline that lies in the future until what must happen before it has happened, and in
the past from then on, is met by no machine too early or too late.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from renderer.patience import Patience
from renderer.wire.errors import IpcError

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


def leap_once_refused(
    kind: type[IpcError], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have so many seconds pass for renderers when an attempt to connect fails so."""
    next_pause = Patience.next_pause

    def leaping(patience: Patience, error: IpcError | None) -> float:
        if isinstance(error, kind):
            leap_over_deadlines(seconds, monkeypatch)
        return next_pause(patience, error)

    monkeypatch.setattr(Patience, "next_pause", leaping)
