"""Writing to one link after another, and the lock of a session."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc.sessions.outlet import SessionLock, is_mine
from tests.unit.mainproc.page import kept, main_with


async def test_a_write_that_ends_with_its_link_is_the_last_on_it() -> None:
    """It ends in the very turn of the loop in which another link takes over."""
    async with kept(main_with()) as page:
        outlet = page.connection._outlet  # noqa: SLF001
        old, new = page.link, type(page.link)(page, -1)
        loop = asyncio.get_running_loop()
        old.stuck, new.stuck = loop.create_future(), loop.create_future()
        written = len(old.frames)
        page.contents.send("a", 1)
        outlet.flush()  # this frame is on its way
        for n in range(2, 600):  # more than one frame holds
            page.contents.send("a", n)

        def take_over() -> None:
            outlet.detach()
            outlet.attach(new)
            outlet.flush()

        old.stuck.set_result(None)
        loop.call_soon(take_over)  # behind the end of the write, before who awaits it
        for _ in range(10):  # turns of the loop in which it could write, wrongly
            await asyncio.sleep(0)
        new.stuck.set_result(None)
        await page.until(lambda: len(new.frames) == 3)
        on_old = [pb.StreamResponse.FromString(f) for f in old.frames[written:]]
        on_new = [pb.StreamResponse.FromString(f) for f in new.frames]
        assert [frame.first for frame in on_old if frame.messages] == [1]
        assert [frame.first for frame in on_new if frame.messages] == [2, 258, 514]
        outlet.detach()
        outlet.attach(old)


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
