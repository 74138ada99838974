"""The lock of a session, when something interrupts its holder."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from mainproc.sessions.outlet import SessionLock, is_mine


def test_its_holder_is_known_as_soon_as_it_is_held() -> None:
    lock, known = SessionLock(), list[bool]()

    def interrupt(frame: FrameType, event: str, arg: object) -> Any:
        frame.f_trace_opcodes = True
        if repr(lock).startswith("<locked"):
            known.append(is_mine(lock))
        return interrupt

    def hold() -> None:
        with lock:
            pass

    traced = sys.gettrace()
    sys.settrace(interrupt)
    try:
        hold()
    finally:
        sys.settrace(traced)
    assert known
    assert all(known)
    assert not is_mine(lock)
