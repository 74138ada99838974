"""What a renderer on an event loop sends."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.aio import (
    ConnectionClosed,
    DataCloneError,
    IpcTimeout,
    NoHandler,
    NoListener,
    Overloaded,
    PayloadTooLarge,
    RemoteError,
)
from renderer.carrier import AioLink, LinkBroken
from renderer.wire import events
from renderer.wire.errors import IpcError
from renderer.wire.limits import Limits
from renderer.wire.link import Fate
from tests.support.memory import MemoryMain
from tests.support.memory_aio import (
    MemoryAioRenderer,
    hear,
    hear_call,
    renderer_of,
    until,
)


async def test_everything_arrives_in_the_order_of_sending(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.send("a", 1, "x")
    sync = ipc.send_sync("b", 2)
    invoked = ipc.invoke("c", 3)
    ipc.send("d")
    first = await hear_call(main)
    assert (first.kind, first.body.channel) == ("event", "a")
    second, third = await hear_call(main), await hear_call(main)
    assert (second.is_sync, third.is_invoke) == (True, True)
    assert await hear(main) == ("d", [])
    main.answer(third, "three")
    main.answer(second, "two")
    assert (await invoked, await sync) == ("three", "two")
    again = ipc.sendSync("b")
    main.answer(await hear_call(main), None)
    assert await again is None


NO_LANES = pytest.mark.parametrize(
    ("lane", "error", "text"),
    [
        (-1, ValueError, "from 0 to 4,294,967,295; given was -1"),
        (2**32, ValueError, "given was 4294967296"),
        (True, TypeError, "a lane is an int; given was a bool"),
        ("1", TypeError, "given was a str"),
        (1.0, TypeError, "given was a float"),
        (None, TypeError, "given was None"),
    ],
)


@pytest.mark.parametrize("lane", [0, 1, 2**32 - 1])
async def test_messages_name_their_lane(
    main: MemoryMain, ipc: MemoryAioRenderer, lane: int
) -> None:
    ipc.send("x", lane=lane)
    assert (await hear_call(main)).message.lane == lane
    reply = ipc.invoke("y", lane=lane)
    call = await hear_call(main)
    assert call.message.lane == lane
    main.answer(call, 1)
    assert await reply == 1


@NO_LANES
async def test_what_is_no_lane_is_refused(
    ipc: MemoryAioRenderer, lane: Any, error: type[Exception], text: str
) -> None:
    for send in (ipc.send, ipc.invoke):
        with pytest.raises(error, match=text):
            send("x", lane=lane)


async def test_what_is_sent_while_a_write_is_under_way_goes_out_together(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.send("y")
    await ipc.flush()
    assert await hear(main) == ("y", [])
    ipc.carrier.taking.clear()
    written = len(ipc.carrier.frames)
    ipc.send("x", 0)
    await until(lambda: len(ipc.carrier.frames) > written)
    for number in range(1, 300):
        ipc.send("x", number)
    ipc.carrier.taking.set()
    await ipc.flush()
    frames = [pb.StreamRequest.FromString(f) for f in ipc.carrier.frames[written:]]
    assert [len(f.messages) for f in frames if f.messages] == [1, 256, 43]
    assert [await hear(main) for _ in range(300)] == [("x", [n]) for n in range(300)]


async def test_one_message_makes_one_frame(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.send("y")
    await ipc.flush()
    assert await hear(main) == ("y", [])
    written = len(ipc.carrier.frames)
    reply = ipc.invoke("x")
    main.answer(await hear_call(main), 1)
    assert await reply == 1
    assert len(ipc.carrier.frames) == written + 1


async def test_what_cannot_be_sent_is_refused_at_once(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    with pytest.raises(DataCloneError, match=r"args\[0\].a: function"):
        ipc.send("x", {"a": len})
    with pytest.raises(DataCloneError):
        ipc.invoke("x", object())
    with pytest.raises(TypeError, match="a channel is a str"):
        ipc.send(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(PayloadTooLarge):
        ipc.send("x", b"x" * 65 * 1024 * 1024)  # not connected yet
    await ipc.connect()
    with pytest.raises(PayloadTooLarge):
        ipc.send("x", b"x" * 65 * 1024 * 1024)
    ipc.send("x", "fine")
    assert await hear(main) == ("x", ["fine"])


async def test_default_converts_arguments(main: MemoryMain) -> None:
    async with renderer_of(main, default=str) as ipc:
        ipc.send("x", 1j)
        assert await hear(main) == ("x", ["1j"])


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("boom"), RemoteError, "remote method 'x': ValueError: boom"),
        (RemoteError("Odd", "very"), RemoteError, "remote method 'x': Odd: very"),
    ],
)
async def test_what_main_raises(
    main: MemoryMain,
    ipc: MemoryAioRenderer,
    error: Exception,
    kind: type[Exception],
    text: str,
) -> None:
    reply = ipc.invoke("x")
    main.fail(await hear_call(main), error)
    with pytest.raises(kind, match=text):
        await reply


@pytest.mark.parametrize("error", [NoHandler("none"), NoListener("nobody")])
async def test_what_main_refuses(
    main: MemoryMain, ipc: MemoryAioRenderer, error: IpcError
) -> None:
    reply = ipc.invoke("x")
    main.refuse(await hear_call(main), error)
    with pytest.raises(type(error), match=error.message):
        await reply


# ---- time and cancelling -------------------------------------------------------------


async def test_a_call_whose_time_is_over(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    await ipc.connect()
    reply = ipc.invoke("x", timeout=0.01)
    call = await hear_call(main)
    assert call.timeout == 0.01
    with pytest.raises(IpcTimeout, match=r"no reply to 'x' within 0.01 s"):
        await reply
    await until(lambda: main.noted_of(events.Cancelled))
    assert main.noted_of(events.Cancelled)[0].id == call.message.id
    main.answer(call, "too late")
    ipc.send("y")
    assert await hear(main) == ("y", [])


async def test_defaults_of_timeouts(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    calls = ipc.send_sync("x"), ipc.invoke("y"), ipc.send_sync("z", timeout=None)
    heard = [(await hear_call(main)).timeout for _ in calls]
    assert heard == [30.0, None, None]
    for call in calls:
        call.cancel()


async def test_a_time_that_is_over_before_there_is_a_connection(
    main: MemoryMain,
) -> None:
    main.attempts = [LinkBroken("not yet", "not-sent", Fate.RESUME)]
    async with renderer_of(main) as ipc:
        reply = ipc.invoke("x", timeout=0.001)
        with pytest.raises(IpcTimeout):
            await reply
        ipc.send("y")
        assert await hear(main) == ("y", [])
    assert main.noted_of(events.Cancelled) == []


async def test_cancelling_reaches_main(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    reply = ipc.invoke("x")
    call = await hear_call(main)
    assert reply.cancel()
    assert not reply.cancel()
    await until(lambda: main.noted_of(events.Cancelled))
    assert main.noted_of(events.Cancelled)[0].id == call.message.id
    with pytest.raises(asyncio.CancelledError):
        await reply


async def test_cancelling_who_waits_reaches_main(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    async def wait() -> None:
        await ipc.invoke("x")

    task = asyncio.ensure_future(wait())
    await hear_call(main)
    task.cancel()
    await asyncio.wait([task])
    await until(lambda: main.noted_of(events.Cancelled))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ipc.invoke("y"), 0.001)
    await until(lambda: len(main.noted_of(events.Cancelled)) == 2)


async def test_what_is_cancelled_before_it_was_sent_never_is(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.send("a")
    assert ipc.invoke("b").cancel()
    ipc.send("c")
    assert [await hear(main), await hear(main)] == [("a", []), ("c", [])]
    await ipc.flush()
    assert main.noted_of(events.Cancelled) == []


async def test_cancelling_after_the_reply_changes_nothing(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    reply = ipc.invoke("x")
    main.answer(await hear_call(main), 1)
    assert await reply == 1
    assert not reply.cancel()
    await ipc.flush()
    assert main.noted_of(events.Cancelled) == []


async def test_a_failure_that_nobody_looks_at_is_told_by_the_loop(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(str(context["message"])))
    reply = ipc.invoke("x")
    main.fail(await hear_call(main), ValueError("boom"))
    await until(reply.done)
    del reply
    gc.collect()
    assert told == ["Invocation exception was never retrieved"]


# ---- the window ----------------------------------------------------------------------


async def test_a_full_window(main: MemoryMain) -> None:
    main.limits = Limits(window_messages=4)
    main.consuming = False
    async with renderer_of(main) as ipc:
        await ipc.connect()
        for number in range(4):
            ipc.send("x", number)
        text = r"^4 messages \(0.0 MiB\) wait for main; await ipc.drain\(\)$"
        with pytest.raises(Overloaded, match=text):
            ipc.send("x", 4)
        with pytest.raises(Overloaded):
            ipc.invoke("x")
        draining = asyncio.ensure_future(ipc.drain())
        flushing = asyncio.ensure_future(ipc.flush())
        await until(lambda: not main.heard_nothing())
        with pytest.raises(IpcTimeout, match=r"got no room within 0.01 s"):
            await ipc.drain(0.01)
        with pytest.raises(IpcTimeout, match=r"not consumed it all within 0.01 s"):
            await ipc.flush(0.01)
        assert not draining.done()
        main.consume(2)
        await draining
        await ipc.drain()
        assert not flushing.done()
        ipc.send("x", 4)
        main.consume(2)
        await flushing
        main.consume(1)
    assert [await hear(main) for _ in range(5)] == [("x", [n]) for n in range(5)]


async def test_cancelling_drain_and_flush_changes_nothing(main: MemoryMain) -> None:
    main.limits = Limits(window_messages=2)
    main.consuming = False
    async with renderer_of(main) as ipc:
        ipc.send("x", 1)
        ipc.send("x", 2)
        await ipc.connect()
        for waiting in (ipc.drain(), ipc.flush(), ipc.wait()):
            task = asyncio.ensure_future(waiting)
            await hear_call(main) if not main.heard_nothing() else None
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        assert ipc.is_connected()
        main.consume(2)
        await ipc.flush()


async def test_replies_and_cancels_need_no_window(main: MemoryMain) -> None:
    main.limits = Limits(window_messages=1)
    main.consuming = False
    async with renderer_of(main) as ipc:
        ipc.handle("ask", lambda: "answer")
        reply = ipc.invoke("x")
        await hear_call(main)
        with pytest.raises(Overloaded):
            ipc.send("y")
        main.call(1, "ask")
        await until(lambda: main.noted_of(events.Replied))
        reply.cancel()
        await until(lambda: main.noted_of(events.Cancelled))
        main.consume()


# ---- from odd places -----------------------------------------------------------------


async def test_a_finalizer_may_send_while_a_message_is_being_put(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ipc.connect()
    assert ipc._connection is not None  # noqa: SLF001
    session = ipc._connection._outlet.session  # noqa: SLF001
    assert session is not None
    put, inside = session.put, [True]

    def interrupted(parcel: object) -> int:
        while inside:
            inside.clear()
            ipc.send("from the finalizer")
        return put(parcel)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(session, "put", interrupted)
    ipc.send("first")
    assert await hear(main) == ("first", [])
    assert await hear(main) == ("from the finalizer", [])


async def test_sending_after_the_end(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    await ipc.connect()
    await ipc.aclose()
    for send in (ipc.send, ipc.invoke, ipc.send_sync):
        with pytest.raises(ConnectionClosed, match="was closed") as closed:
            send("x")
        assert closed.value.outcome == "not-sent"


async def test_a_finalizer_is_told_by_the_log(
    main: MemoryMain,
    ipc: MemoryAioRenderer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    main.limits = Limits(window_messages=1)
    main.consuming = False
    await ipc.connect()
    assert ipc._connection is not None  # noqa: SLF001
    outlet = ipc._connection._outlet  # noqa: SLF001
    outlet._inside = True  # noqa: SLF001 - as while a message is being put
    ipc.send("a")
    ipc.send("b")
    late = ipc.invoke("c")
    outlet._inside = False  # noqa: SLF001
    assert await hear(main) == ("a", [])
    with pytest.raises(Overloaded):
        await late
    assert "a message was not sent: 1 messages" in caplog.text
    main.consume()


async def test_who_interrupts_a_writer_that_begins_is_written_later(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As finalizers and signal handlers do."""
    await ipc.connect()
    assert ipc._connection is not None  # noqa: SLF001
    outlet = ipc._connection._outlet  # noqa: SLF001
    await until(lambda: not outlet._writing)  # noqa: SLF001
    start_writing = outlet._start_writing  # noqa: SLF001

    def interrupted(link: AioLink, frame: bytes | None) -> None:
        monkeypatch.undo()
        ipc.send("interrupts")
        start_writing(link, frame)

    monkeypatch.setattr(outlet, "_start_writing", interrupted)
    ipc.send("x")
    assert [await hear(main), await hear(main)] == [("x", []), ("interrupts", [])]


async def test_who_interrupts_a_writer_that_ends_is_written_too(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ipc.connect()
    assert ipc._connection is not None  # noqa: SLF001
    outlet = ipc._connection._outlet  # noqa: SLF001
    next_frame = outlet._next_frame  # noqa: SLF001

    def interrupted() -> bytes | None:
        frame = next_frame()
        if frame is None:
            monkeypatch.undo()
            ipc.send("interrupts")
        return frame

    monkeypatch.setattr(outlet, "_next_frame", interrupted)
    ipc.send("x")
    assert [await hear(main), await hear(main)] == [("x", []), ("interrupts", [])]


async def test_a_main_without_acks_makes_room_by_reading(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    main.limits = Limits(window_messages=2)
    main.consuming = False
    await ipc.connect()
    assert ipc._connection is not None  # noqa: SLF001
    session = ipc._connection._outlet.session  # noqa: SLF001
    assert session is not None
    session.peer = dataclasses.replace(session.peer, acks=False)
    for number in range(6):
        await ipc.drain()
        ipc.send("x", number)
    assert [await hear(main) for _ in range(6)] == [("x", [n]) for n in range(6)]
    await ipc.flush()


async def test_an_owed_ack_is_written_after_a_while(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.settings.DEFAULT_LIMITS", Limits(ack_delay=0.01))
    ipc.on("x", lambda: None)
    await ipc.connect()
    for count in (1, 2):
        main.send("x")
        await until(lambda: main.session.outbox.acked == count)  # noqa: B023


async def test_a_reply_leaves_no_timer_behind(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    await ipc.connect()
    before = timers()
    answered = ipc.invoke("x", timeout=3600)
    given_up = ipc.invoke("y", timeout=3600)
    assert len(timers() - before) == 2
    main.answer(await hear_call(main), None)
    await answered
    given_up.cancel()
    assert not timers() - before


def timers() -> set[asyncio.TimerHandle]:
    """Return what this loop is to do in an hour."""
    loop: Any = asyncio.get_running_loop()
    soon = loop.time() + 1800
    return {t for t in loop._scheduled if t.when() > soon and not t.cancelled()}  # noqa: SLF001
