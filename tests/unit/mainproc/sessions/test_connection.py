"""How sessions begin and end in main, and what a hostile renderer can do."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, WebContents
from mainproc.home import Home
from mainproc.sessions import Sessions
from mainproc.sessions.connection import Connection
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, RemoteProtocolError
from renderer.wire.limits import Limits
from tests.unit.mainproc.page import Page, connected, main_with


def frame(**fields: Any) -> bytes:
    return pb.StreamRequest(**fields).SerializeToString()


def event(channel: str, **fields: Any) -> pb.Message:
    return pb.Message(event=pb.Event(channel=channel, **fields))


def call(id: int, channel: str = "x", **fields: Any) -> pb.Message:
    return pb.Message(id=id, call=pb.Call(channel=channel, **fields))


async def test_a_renderer_comes_and_goes() -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        contents = page.contents
        assert ipc.web_contents == (contents,)
        assert WebContents.from_id(contents.id) is contents
        assert contents in WebContents.get_all()
        assert not contents.is_destroyed()
        assert contents.send("x")
        page.say_goodbye()
        await asyncio.wait_for(page.serving, 10)
        assert page.closed
        assert not ipc.web_contents
        assert contents.is_destroyed()
        assert WebContents.from_id(contents.id) is None
        assert contents not in WebContents.get_all()
        assert contents.send("x") is False
        assert page.ends == [page]


async def test_sending_from_a_thread() -> None:
    ipc, results = main_with(), list[bool]()
    async with connected(ipc) as page:

        def send() -> None:
            results.extend(page.contents.send("x", n) for n in range(100))

        thread = threading.Thread(target=send)
        thread.start()
        assert await page.hears("x", 100) == [[n] for n in range(100)]
        thread.join()
        await page.cut()
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
    assert results == [True] * 100 + [False] * 100


async def test_a_finalizer_may_send_and_close() -> None:
    """The collector may run it where this thread holds the session's lock."""
    ipc = main_with()
    async with connected(ipc) as page:
        with page.connection._outlet.lock:  # noqa: SLF001
            assert page.contents.send("x", 1)
            page.contents.close("enough")
        await asyncio.wait_for(page.serving, 10)
    assert page.heard[0] == ("x", [1])
    assert page.heard[1] == ("goodbye", (pb.GOODBYE_REASON_CLOSED, "enough"))


async def test_goodbye_is_answered_when_all_is_consumed() -> None:
    ipc, ran = main_with(), list[int]()

    @ipc.on("x")
    async def _(event: Any, n: int) -> None:
        ran.append(n)
        await asyncio.sleep(0)

    async with connected(ipc) as page:
        for n in range(100):
            page.put("x", n)
        page.session.goodbye()
        page.flush()
        await asyncio.wait_for(page.serving, 10)
        assert page.closed
    assert ran == list(range(100))


async def test_goodbye_cancels_handlers() -> None:
    ipc, cancelled = main_with(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    async with connected(ipc) as page:
        page.call("x")
        await page.consumed()
        page.say_goodbye()
        await cancelled.wait()
        await asyncio.wait_for(page.serving, 10)
    assert ("reply", 1) not in page.heard


async def test_goodbye_is_answered_in_time_though_not_all_is_consumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mainproc.sessions.connection._ANSWER_GOODBYE_WITHIN", 0.01)
    ipc = main_with(max_running=1)

    @ipc.on("x")
    async def _(event: Any) -> None:
        await asyncio.Future()

    async with connected(ipc) as page:
        page.put("x")
        page.put("x")
        page.say_goodbye()
        await asyncio.wait_for(page.serving, 10)
        assert page.closed
        assert page.session.outbox.unconfirmed == 1
        page.connection._work.cancel()  # noqa: SLF001


async def test_a_half_close_means_no_more() -> None:
    """Calls are finished, then main says Goodbye and ends the link in order."""
    ipc, go, ran = main_with(), asyncio.Event(), list[str]()

    @ipc.handle("x")
    async def _(event: Any) -> str:
        await go.wait()
        return "done"

    @ipc.on("event")
    async def _(event: Any) -> None:
        await go.wait()
        ran.append("event")

    async with connected(ipc) as page:
        reply = page.call("x")
        page.put("event")
        page.flush()
        page.half_close()
        await page.until(lambda: page.connection._half_closed)  # noqa: SLF001
        assert not page.serving.done()
        go.set()
        assert await reply == "done"
        await asyncio.wait_for(page.serving, 10)
    assert ran == ["event"]
    assert page.heard[-1] == ("goodbye", (pb.GOODBYE_REASON_CLOSED, ""))


async def test_a_half_close_in_the_first_breath() -> None:
    ipc = main_with()
    ipc.handle("x", lambda event: "done")
    page = Page(ipc)
    reply = page.call("x")
    page.flush()
    page.half_close()
    assert await reply == "done"
    await asyncio.wait_for(page.serving, 10)


async def test_a_half_close_of_one_that_could_come_back_is_a_cut() -> None:
    ipc = main_with(resume_grace=0)
    async with connected(ipc, resume=True) as page:
        page.half_close()
        await asyncio.wait_for(page.serving, 10)
        assert page.contents.is_destroyed()
    assert page.heard == []


async def test_a_half_close_with_goodbye() -> None:
    ipc, ran = main_with(), list[int]()
    ipc.on("x", lambda event: ran.append(1))
    async with connected(ipc) as page:
        page.put("x")
        page.say_goodbye()
        page.half_close()
        await asyncio.wait_for(page.serving, 10)
        assert page.closed
    assert ran == [1]


async def test_a_cut_cancels_handlers_and_spares_events() -> None:
    ipc, cancelled, ran = main_with(max_running=1), list[str](), list[str]()
    done = asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            cancelled.append("x")
            raise

    ipc.handle("y", lambda event: ran.append("y"))

    @ipc.on("event")
    def _(event: Any, n: str) -> None:
        ran.append(n)
        if n == "last":
            done.set()

    async with connected(ipc) as page:
        page.call("x")
        page.put("event", "first")  # cannot begin before the handler has ended
        page.call("y")
        page.put("event", "last")
        page.flush()
        await page.until(lambda: page.connection.session.inbox.received == 4)
        assert ran == []
        await page.cut()
        await asyncio.wait_for(done.wait(), 10)
    assert cancelled == ["x"]
    assert ran == ["first", "last"]
    assert page.contents.is_destroyed()


async def test_main_closes_a_renderer() -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        page.contents.send("before")
        page.contents.close("enough")
        assert page.contents.is_destroyed()
        await asyncio.wait_for(page.serving, 10)
    assert page.heard == [
        ("before", []),
        ("goodbye", (pb.GOODBYE_REASON_CLOSED, "enough")),
    ]


async def test_a_thread_closes_a_renderer() -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        thread = threading.Thread(target=page.contents.close)
        thread.start()
        await asyncio.wait_for(page.serving, 10)
        thread.join()


async def test_a_renderer_that_does_not_answer_goodbye(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mainproc.sessions.connection._END_LINK_WITHIN", 0.01)
    ipc = main_with()
    async with connected(ipc, slow=True) as page:
        page.contents.close()
        await asyncio.wait_for(page.serving, 10)  # ends as if it had


async def test_nothing_keeps_a_renderer_that_is_gone() -> None:
    ipc = main_with()
    ipc.handle("x", lambda event: 1)
    ipc.on("x", lambda event: None)
    async with connected(ipc) as page:
        await page.invoke("x")
        page.send("x")
        page.say_goodbye()
        await asyncio.wait_for(page.serving, 10)
        left = weakref.ref(page.contents)
    del page
    gc.collect()
    assert left() is None


# ---- hostile ones --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (b"\xff\xff", "malformed frame"),
        (frame(messages=[event("x")]), "must carry hello"),
        (b"", "must carry hello"),
        (frame(hello=pb.Hello(window_messages=0)), "window_messages of 0"),
        (frame(hello=pb.Hello(max_frame_bytes=100)), "max_frame_bytes is less"),
    ],
)
async def test_a_first_frame_that_cannot_be(first: bytes, text: str) -> None:
    ipc = main_with()
    before = len(WebContents.get_all())
    with pytest.raises(RemoteProtocolError, match=text):
        Connection(ipc, first, home=Home(), on_end=lambda _: None)
    assert ipc.web_contents == ()
    assert len(WebContents.get_all()) == before


class GoneLink:
    """Has brought a frame, and takes none."""

    async def read(self) -> bytes | None:
        return b"\xff\xff"

    async def write(self, frame: bytes) -> None:
        raise ConnectionClosed("the call is over", "unknown")


async def test_one_that_is_gone_before_it_is_told_why() -> None:
    ipc = main_with()
    await Sessions(ipc).serve(GoneLink(), "peer")
    assert ipc.web_contents == ()


HOSTILE = [
    ([b"\xff\xff"], "malformed frame"),
    ([frame(hello=pb.Hello())], "first frame of a stream must carry hello"),
    ([frame(first=3, messages=[event("x")])], "message 3 came where 1 was expected"),
    ([frame(first=1, messages=[call(0)])], "a call without id"),
    ([frame(first=1, messages=[call(2**63)])], "exceeds 63 bits"),
    ([frame(ack=7)], "ack 7 exceeds what was sent"),
    ([frame(first=1, messages=[call(1), call(1)])], "the call 1 is running already"),
    (
        [frame(first=1, messages=[call(1)]), frame(first=2, messages=[call(1)])],
        "the call 1 is running already",
    ),
]


@pytest.mark.parametrize(("frames", "text"), HOSTILE)
async def test_a_renderer_that_breaks_the_contract(
    frames: list[bytes], text: str
) -> None:
    """It is told why, and its neighbour notices nothing."""
    ipc = main_with()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        await asyncio.Future()

    ipc.on("x", lambda event: None)
    ipc.handle("add", lambda event, a, b: a + b)
    async with connected(ipc) as page, connected(ipc) as neighbour:
        page.hostile = True
        for data in frames:
            page.link.arriving.put_nowait(data)
        await asyncio.wait_for(page.serving, 5)
        goodbye = pb.StreamResponse.FromString(page.frames[-1]).goodbye
        assert goodbye.reason == pb.GOODBYE_REASON_PROTOCOL
        assert text in goodbye.message
        assert page.contents.is_destroyed()
        assert await neighbour.invoke("add", 1, 2) == 3


async def test_nothing_is_dispatched_after_the_contract_was_broken() -> None:
    ipc, ran = main_with(), list[int]()
    ipc.on("x", lambda event: ran.append(1))
    async with connected(ipc) as page:
        page.link.arriving.put_nowait(
            frame(first=1, messages=[event("x"), call(0), event("x")])
        )
        await asyncio.wait_for(page.serving, 10)
    assert ran == []


@pytest.mark.parametrize("remaining", [2**31, 2**63, 2**64 - 1])
async def test_a_caller_that_would_wait_for_ever(remaining: int) -> None:
    ipc = main_with()
    ipc.handle("x", lambda event: event.remaining)
    async with connected(ipc) as page:
        page.hostile = True
        page.link.arriving.put_nowait(
            frame(first=1, messages=[call(1, remaining_ms=remaining)])
        )
        await page.until(lambda: len(page.frames) > 1)
        (reply,) = pb.StreamResponse.FromString(page.frames[-1]).messages
        assert messages.read_result(reply.reply, "x") is None


async def test_replies_that_pile_up_end_the_session() -> None:
    ipc = main_with(window_messages=10)
    ipc.handle("x", lambda event: None)
    ipc.on("forever", lambda event: None)
    async with connected(ipc, slow=True) as page:
        page.hostile = True
        numbers = range(1, 100)
        for number in numbers:
            page.link.arriving.put_nowait(frame(first=number, messages=[call(number)]))
        await asyncio.wait_for(page.serving, 10)
        assert page.contents.is_destroyed()


async def test_dropped_and_unreadable_events_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, ran = main_with(), list[int]()
    ipc.on("x", lambda event: ran.append(1))
    async with connected(ipc) as page:
        dropped = pb.Message(dropped=pb.Dropped(channel="x", count=3))
        unset = event("x", args=[pb.Value()])
        page.link.arriving.put_nowait(
            frame(first=1, messages=[dropped, unset, event("x")], ping=7)
        )
        await page.until(lambda: ran)
    assert ran == [1]
    first, total = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert first.endswith("'x' was given up by its sender"), "told once"
    assert total.startswith("4 messages of renderer"), "and counted"


async def test_a_link_that_is_cut_while_main_catches_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, gate = (
        IpcMain(limits=Limits(max_running=1, window_messages=4)),
        asyncio.Event(),
    )

    @ipc.on("x")
    async def wait(event: Any) -> None:
        await gate.wait()

    async with connected(ipc) as page:
        many = [event("x") for _ in range(20)]
        page.link.arriving.put_nowait(frame(first=1, messages=many))
        await page.until(lambda: page.connection.session.inbox.overrun)
        await page.cut()
        gate.set()
        inbox = page.connection.session.inbox
        await page.until(lambda: inbox.ack == inbox.received)
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


def test_a_main_that_was_never_served_knows_nobody() -> None:
    assert IpcMain().web_contents == ()
