"""What observers are told of renderers, messages, refusals and overload."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, Overloaded, WebContents
from mainproc.observe import Observer
from mainproc.sessions import Sessions
from renderer.wire import messages
from tests.support.observers import Recorder
from tests.unit.mainproc.page import Page, connected, kept, main_with


def observed(**limits: Any) -> tuple[IpcMain, Recorder]:
    ipc, recorder = main_with(**limits), Recorder()
    ipc.observe(recorder)
    return ipc, recorder


def settled(page: Page) -> Any:
    return page.until(lambda: page.connection.contents.is_destroyed())


async def test_a_conversation_in_order() -> None:
    ipc, recorder = observed()
    ipc.on("event", lambda event, *_: event.sender.send("back", 1))
    ipc.handle("add", lambda event, a, b: a + b)
    ipc.on("sync", lambda event: setattr(event, "return_value", 1))
    async with connected(ipc) as page:
        page.send("event", b"x" * 100)
        await page.hears("back")
        assert await page.invoke("add", 2, 3) == 5
        assert await page.send_sync("sync") == 1
        page.say_goodbye()
        await settled(page)
        await page.until(lambda: recorder.of("destroyed"))
    assert recorder.seen == [
        ("connected",),
        ("in", "event", "event"),
        ("out", "event", "back"),
        ("in", "invoke", "add"),
        ("started", "in", "invoke", "add"),
        ("out", "reply", ""),
        ("ended", "add", "ok", ""),
        ("in", "sync", "sync"),
        ("started", "in", "sync", "sync"),
        ("out", "reply", ""),
        ("ended", "sync", "ok", ""),
        ("destroyed", "it said goodbye"),
    ]
    assert recorder.sizes[0] > 100
    assert all(0 < size < 30 for size in recorder.sizes[1:])


async def test_nobody_is_told_before_or_after() -> None:
    ipc, recorder = main_with(), Recorder()
    ipc.on("event", lambda event: None)
    async with connected(ipc) as page:
        page.send("event")
        await page.consumed()
        end = ipc.observe(recorder)
        page.send("event")
        await page.consumed()
        end()
        end()
        page.send("event")
        await page.consumed()
    assert recorder.seen == [("in", "event", "event")]


async def test_several_are_told_each_as_often_as_it_was_given() -> None:
    class Equal(Recorder):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = Recorder.__hash__

    ipc, one, two = main_with(), Equal(), Equal()
    ipc.observe(one)
    end = ipc.observe(two)
    ipc.observe(one)
    end()
    ipc.on("event", lambda event: None)
    async with connected(ipc) as page:
        page.send("event")
        await page.consumed()
    assert one.of("in") == [("event", "event")] * 2
    assert two.seen == []


async def test_one_that_raises_is_logged_once_and_harms_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Bad(Observer):
        def message(self, *args: Any, **kwargs: Any) -> None:
            raise asyncio.CancelledError

        def call_started(self, call: Any) -> None:
            raise ValueError("boom")

        def call_ended(self, call: Any, end: Any) -> None:
            raise ValueError("boom")

        def __repr__(self) -> str:
            return "Bad()"

    ipc, recorder = main_with(), Recorder()
    ipc.observe(Bad())
    ipc.observe(recorder)
    ipc.handle("add", lambda event, a, b: a + b)
    async with connected(ipc) as page:
        assert await page.invoke("add", 2, 3) == 5
    (record,) = [r for r in caplog.records if "raised" in r.message]
    assert record.message.startswith("Bad() raised")
    assert record.exc_info
    assert recorder.of("ended") == [("add", "ok", "")]


def test_what_is_no_observer_is_refused() -> None:
    nobody: Any = object()
    with pytest.raises(TypeError, match="is no Observer: derive its class"):
        IpcMain().observe(nobody)


async def test_all_methods_may_be_left_as_they_are() -> None:
    ipc = main_with()
    ipc.observe(Observer())
    ipc.handle("add", lambda event, a, b: a + b)
    async with connected(ipc) as page:
        assert await page.invoke("add", 2, 3) == 5
        page.send("unheard")
        await page.consumed()


async def test_messages_on_whatever_thread_sends_them() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        await asyncio.to_thread(page.contents.send, "x")
        await page.hears("x")
    assert recorder.of("out") == [("event", "x")]
    assert recorder.threads["out"] != recorder.threads["connected"]


# ---- between two links ---------------------------------------------------------------


async def test_a_cut_and_a_resume() -> None:
    ipc, recorder = observed()
    async with kept(ipc) as page:
        await page.lose_link()
        page.come_back()
        await page.is_confirmed()
        page.send("late")
        await page.consumed()
        assert [what for what, *_ in recorder.seen] == [
            "connected",
            "disconnected",
            "resumed",
            "in",
            "refused",
        ]


async def test_a_renderer_that_does_not_come_back_leaves_a_gap() -> None:
    ipc, recorder = observed(resume_grace=0.0)
    async with kept(ipc) as page:
        page.slow = True
        page.contents.send("x")
        await page.hears("x")
        await page.cut()
        await page.until(lambda: recorder.of("destroyed"))
    names = [what for what, *_ in recorder.seen]
    assert names.index("gap") < names.index("destroyed")
    assert recorder.of("gap") == [(1, None)]


async def test_a_renderer_that_cannot_come_back_leaves_one_too() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        await page.cut()
        await page.until(lambda: recorder.of("destroyed"))
    assert recorder.of("gap") == [(0, None)]


# ---- refusals and overload -----------------------------------------------------------


async def test_messages_that_nobody_takes() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        for _ in range(2):
            page.send("nobody")
            with pytest.raises(Exception, match="no listener"):
                await page.send_sync("nobody")
            with pytest.raises(Exception, match="No handler"):
                await page.invoke("nobody")
    assert recorder.of("refused") == 2 * [
        ("a renderer", "nobody", "NO_LISTENER"),
        ("a renderer", "nobody", "NO_LISTENER"),
        ("a renderer", "nobody", "NO_HANDLER"),
    ]
    assert not recorder.calls


def raw_call(page: Page, id: int, **body: Any) -> None:
    """Put a call of any kind on the session."""
    call = pb.Call(channel="x", **body)
    data = pb.Message(id=id, call=call).SerializeToString()
    page.session.put(messages.call(id, "x", [])._replace(data=data))
    page.flush()


async def test_a_call_with_metadata_that_cannot_be() -> None:
    ipc, recorder = observed()
    ipc.handle("x", lambda event: "never")
    async with connected(ipc) as page:
        page.hostile = True
        raw_call(page, 8, metadata=[pb.Metadata(key="A")])
        await page.until(lambda: recorder.of("refused"))
        assert page.contents.is_connected(), "it concerns the call only"
    assert recorder.of("refused") == [("a renderer", "x", "PROTOCOL")]
    heard = [pb.StreamResponse.FromString(frame) for frame in page.frames]
    (failure,) = [m.reply.failure for f in heard for m in f.messages if m.id == 8]
    assert failure.reason == "PROTOCOL"
    assert "the metadata key 'A' cannot be" in failure.message


async def test_one_that_breaks_the_protocol() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        page.hostile = True
        page.link.arriving.put_nowait(b"\xff")
        await page.until(lambda: recorder.of("destroyed"))
    assert recorder.of("refused") == [("a renderer", None, "PROTOCOL")]


async def test_one_that_never_becomes_a_renderer() -> None:
    ipc, recorder = observed()
    sessions = Sessions(ipc)

    class Link:
        said: list[bytes] = []  # noqa: RUF012 - one link only

        async def read(self) -> bytes:
            return b""

        async def write(self, frame: bytes) -> None:
            self.said.append(frame)

    await sessions.serve(Link(), "memory")
    assert Link.said
    assert recorder.seen == [("refused", "somebody", None, "PROTOCOL")]


async def test_a_renderer_that_does_not_keep_up() -> None:
    ipc, recorder = observed()
    async with connected(ipc, slow=True) as page:
        contents = page.contents
        with pytest.raises(Overloaded):
            await until_full(contents)
        with pytest.raises(Overloaded):
            contents.invoke("y")
        assert ipc.broadcast("z") == 0
        page.slow = False
        page.catch_up()
        page.flush()
        await contents.drain()
    assert recorder.of("overloaded") == [
        ("out", "x", "raise"),
        ("out", "y", "raise"),
        ("out", "z", "skip"),
    ]
    assert recorder.of("ended") == [("y", "refused", "OVERLOADED")]


async def until_full(contents: WebContents) -> None:
    for _ in range(100_000):
        contents.send("x")


async def test_messages_that_their_sender_gave_up() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        page.hostile = True
        lost = pb.Message(dropped=pb.Dropped(channel="x", count=3))
        frame = pb.StreamRequest(first=1, messages=[lost])
        page.link.arriving.put_nowait(frame.SerializeToString())
        await page.until(lambda: recorder.of("in"))
    assert recorder.of("in") == [("lost", "x")]
