"""On which lane main sends."""

from __future__ import annotations

from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.limits import DEFAULT_LIMITS
from tests.unit.mainproc.page import Page, connected, main_with


def written(page: Page) -> list[pb.Message]:
    """Return all messages that main wrote to a renderer."""
    frames = map(pb.StreamResponse.FromString, page.frames)
    return [message for frame in frames for message in frame.messages]


async def test_messages_name_their_lane() -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        page.contents.join("group")
        page.contents.send("0")
        page.contents.send("1", lane=1)
        page.contents.send("2", lane=2**32 - 1)
        ipc.broadcast("3", lane=3)
        ipc.to("group").send("4", lane=4)
        asked = [page.contents.invoke("5", lane=5), page.contents.invoke("6")]
        group = ipc.to("group").invoke("7", lane=7)
        for count in (1, 2, 3):
            page.answer(await page.is_asked(count), None)
        for reply in asked:
            await reply
        await group
    lanes = [message.lane for message in written(page)]
    assert lanes == [0, 1, 2**32 - 1, 3, 4, 5, 0, 7]


@pytest.mark.parametrize(
    ("lane", "error"), [(-1, ValueError), (2**32, ValueError), (True, TypeError)]
)
async def test_what_is_no_lane_is_refused(lane: Any, error: type[Exception]) -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        contents, group = page.contents, ipc.to("group")
        for send in (
            contents.send,
            contents.invoke,
            ipc.broadcast,
            group.send,
            group.invoke,
        ):
            with pytest.raises(error, match="a lane is "):
                send("x", lane=lane)
    assert not written(page)


async def test_replies_come_on_the_lane_of_their_call() -> None:
    ipc = main_with()
    ipc.handle("result", lambda event: 1)
    ipc.handle("raises", lambda event: 1 / 0)
    ipc.handle("too large", lambda event: bytes(DEFAULT_LIMITS.max_message_bytes))
    ipc.handle("thread", lambda event: 1, thread=True)

    @ipc.handle("later")
    async def _(event: Any) -> int:
        return 1

    @ipc.on("sync")
    def _(event: Any) -> None:
        raise KeyError

    channels = ["none", "result", "raises", "too large", "thread", "later"]
    async with connected(ipc) as page:
        page.hostile = True
        for lane, channel in enumerate(channels, 1):
            page.session.put(messages.call(lane, channel, (), lane=lane))
        page.session.put(messages.call(7, "sync", (), sync=True, lane=7))
        page.flush()
        await page.until(lambda: len(written(page)) == 7)
    assert {message.id: message.lane for message in written(page)} == {
        lane: lane for lane in range(1, 8)
    }
