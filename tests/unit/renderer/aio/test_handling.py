"""How a renderer on an event loop answers main's calls."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from renderer.aio import (
    DataCloneError,
    DuplicateHandler,
    IpcError,
    IpcTimeout,
    NoHandler,
    PayloadTooLarge,
    RemoteError,
)
from renderer.wire import events, messages
from renderer.wire.limits import Limits
from renderer.wire.parcel import Parcel
from tests.support.leap import leap
from tests.support.memory import MemoryMain
from tests.support.memory_aio import (
    MemoryAioRenderer,
    hear,
    renderer_of,
    replies,
    until,
)
from tests.support.processes import PATIENCE


def result(reply: events.Replied) -> Any:
    return messages.read_result(reply.reply, "x")


async def ask(main: MemoryMain, channel: str, *args: object, **options: Any) -> Any:
    """Call a renderer's handler; return what it replied."""
    before = len(main.noted_of(events.Replied))
    main.call(before + 1, channel, *args, **options)
    return result((await replies(main, before + 1))[before])


async def test_handlers_answer(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    @ipc.handle("add")
    def add(a: int, b: int) -> int:
        return a + b

    @ipc.handle("later")
    async def later(value: object) -> object:
        await asyncio.sleep(0)
        return value

    @ipc.handle("at once")
    async def at_once() -> str:
        return "now"

    await ipc.connect()
    assert await ask(main, "add", 1, 2) == 3
    assert await ask(main, "later", [1]) == [1]
    assert await ask(main, "at once") == "now"
    with pytest.raises(DuplicateHandler):
        ipc.handle("add", add)
    ipc.remove_handler("add")
    with pytest.raises(NoHandler, match="No handler registered for 'add'"):
        await ask(main, "add", 1, 2)


async def test_a_handler_for_one_call(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    ipc.handle_once("x", lambda: 1)
    await ipc.connect()
    main.call(1, "x")
    main.call(2, "x")
    first, second = await replies(main, 2)
    assert result(first) == 1
    with pytest.raises(NoHandler):
        result(second)


async def test_what_a_handler_sends_arrives_before_its_result(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    order: list[object] = []
    note = main._note  # noqa: SLF001

    def noted(event: events.SessionEvent) -> None:
        order.append(type(event).__name__)
        note(event)

    main._note = noted  # type: ignore[method-assign]  # noqa: SLF001

    @ipc.handle("x")
    async def handler() -> int:
        ipc.send("progress", 1)
        await asyncio.sleep(0)
        ipc.send("progress", 2)
        return 3

    await ipc.connect()
    order.clear()
    assert await ask(main, "x") == 3
    assert [n for n in order if n != "Acked"] == ["Arrived", "Arrived", "Replied"]


async def test_errors_of_handlers_reach_main(
    main: MemoryMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    @ipc.handle("plain")
    def plain() -> None:
        raise ValueError("boom")

    @ipc.handle("async")
    async def later() -> None:
        await asyncio.sleep(0)
        raise RemoteError("Odd", "on purpose", {"a": 1})

    @ipc.handle("thread", thread=True)
    def thread() -> None:
        raise SystemExit

    @ipc.handle("cancelled")
    async def cancelled() -> None:
        raise asyncio.CancelledError

    ipc.handle("uncloneable", lambda: object())

    @ipc.handle("async uncloneable")
    async def uncloneable() -> object:
        return object()

    ipc.handle("arity", lambda a: a)
    await ipc.connect()
    for channel, text in {
        "plain": "ValueError: boom",
        "async": "Odd: on purpose",
        "thread": "RuntimeError: SystemExit in a handler",
        "cancelled": "CancelledError",
        "uncloneable": "DataCloneError: result: object is not cloneable",
        "async uncloneable": "DataCloneError: result: object is not cloneable",
        "arity": "TypeError",
    }.items():
        with pytest.raises(RemoteError, match=text):
            await ask(main, channel)
    told = [r.getMessage() for r in caplog.records]
    assert "handler for 'plain' raised" in told
    assert "handler for 'cancelled' raised" not in told


async def test_the_near_miss_and_the_listener(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.on("heard", lambda: None)
    await ipc.connect()
    with pytest.raises(NoHandler, match=r"it has a listener: use send\)"):
        await ask(main, "heard")
    with pytest.raises(IpcError, match="a renderer takes invokes only"):
        await ask(main, "heard", sync=True)


async def test_a_result_that_is_too_large(main: MemoryMain) -> None:
    main.limits = Limits(max_frame_bytes=4096, max_message_bytes=8000)
    async with renderer_of(main) as ipc:
        ipc.handle("x", lambda: "x" * 9000)
        await ipc.connect()
        text = "the reply has 9,0.* bytes; its caller takes 8,000"
        with pytest.raises(PayloadTooLarge, match=text):
            await ask(main, "x")


async def test_default_converts_results(main: MemoryMain) -> None:
    async with renderer_of(main, default=str) as ipc:
        ipc.handle("x", lambda: 1j)
        await ipc.connect()
        assert await ask(main, "x") == "1j"


# ---- deadlines and cancelling --------------------------------------------------------


async def test_a_deadline_cancels_the_handler(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    @ipc.handle("x")
    async def handler() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await ipc.connect()
    main.call(1, "x", timeout=3600.0)
    await begun.wait()
    leap(3600)
    with pytest.raises(IpcTimeout, match="'x' took longer than its caller waits"):
        result((await replies(main))[0])
    await cancelled.wait()


async def test_a_handler_in_time_is_not_cancelled(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    gate = asyncio.Event()

    @ipc.handle("x")
    async def handler() -> int:
        await gate.wait()
        return 1

    await ipc.connect()
    main.call(1, "x", timeout=20.0)
    main.send("y")
    gate.set()
    assert result((await replies(main))[0]) == 1


async def test_cancelling_reaches_the_handler(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    @ipc.handle("x")
    async def handler() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
        return 1  # nobody hears that

    await ipc.connect()
    main.call(1, "x")
    await begun.wait()
    main.cancel(1)
    await cancelled.wait()
    (reply,) = await replies(main)
    assert reply.reply.failure.reason == "CANCELLED"
    ipc.send("y")
    await hear(main)
    assert len(main.noted_of(events.Replied)) == 1
    main.cancel(1)  # once more, late
    main.cancel(99)
    await ipc.flush()
    assert len(main.noted_of(events.Replied)) == 1


async def test_a_call_that_is_cancelled_or_late_before_its_turn(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.dispatcher.DEFAULT_LIMITS", Limits(max_running=1))
    gate = asyncio.Event()
    ran: list[int] = []
    async with renderer_of(main) as ipc:
        ipc.on("hold", gate.wait)
        ipc.handle("x", ran.append)
        await ipc.connect()
        main.send("hold")
        main.call(1, "x", 1)
        main.call(2, "x", 2, timeout=0.0)
        main.call(3, "x", 3)
        main.cancel(1)
        (first,) = await replies(main)
        assert (first.id, first.reply.failure.reason) == (1, "CANCELLED")
        gate.set()
        _, second, third = await replies(main, 3)
        assert (second.id, second.reply.failure.reason) == (2, "TIMEOUT")
        assert (third.id, result(third)) == (3, None)
    assert ran == [3]


async def test_handlers_on_threads_run_at_once(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    both = threading.Barrier(2)

    @ipc.handle("x", thread=True)
    def handler(number: int) -> int:
        both.wait(PATIENCE)
        return number

    await ipc.connect()
    main.call(1, "x", 1)
    main.call(2, "x", 2)
    got = await replies(main, 2)
    assert sorted(result(reply) for reply in got) == [1, 2]


async def test_a_handler_on_a_thread_cannot_be_a_coroutine(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    async def later() -> None: ...

    ipc.handle("x", lambda: later(), thread=True)
    await ipc.connect()
    with pytest.raises(RemoteError, match="returned a coroutine"):
        await ask(main, "x")


async def test_a_call_on_a_thread_that_is_late(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ipc.handle("x", lambda: 1, thread=True)
    await ipc.connect()
    connection = ipc._connection  # noqa: SLF001
    assert connection is not None
    send, senders = connection.answer, set[int]()

    def answer(parcel: Parcel) -> None:
        senders.add(threading.get_ident())
        send(parcel)

    monkeypatch.setattr(connection, "answer", answer)
    with pytest.raises(IpcTimeout, match="over before its turn"):
        await ask(main, "x", timeout=0.0)
    assert senders == {threading.get_ident()}  # a session is not for threads


async def test_arguments_that_cannot_be_read(
    main: MemoryMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    from electron_ipc.v1 import ipc_pb2 as pb
    from renderer.wire.parcel import Parcel

    ipc.handle("x", lambda _: None)
    ipc.on("y", lambda _: None)
    await ipc.connect()
    event = pb.Message(event=pb.Event(channel="y", args=[pb.Value()]))
    call = pb.Message(id=1, call=pb.Call(channel="x", args=[pb.Value()]))
    with main.lock:
        for message in (event, call):
            data = message.SerializeToString()
            main.session.put(Parcel(data, counted=True, reply=False))
        main.flow()
    (reply,) = await replies(main)
    with pytest.raises(DataCloneError):
        result(reply)
    assert "listener for 'y' raised" in caplog.text


async def test_main_and_renderer_may_ask_each_other(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    @ipc.handle("x")
    async def handler() -> object:
        return await ipc.invoke("y")

    await ipc.connect()
    main.call(1, "x")
    await until(lambda: not main.heard_nothing())
    main.answer(main.hear_call(), "deep")
    assert result((await replies(main))[0]) == "deep"


async def test_replies_come_on_the_lane_of_their_call(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    @ipc.handle("later")
    async def later() -> int:
        await asyncio.sleep(0)
        return 1

    @ipc.handle("cancels itself")
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    @ipc.handle("for ever")
    async def for_ever() -> None:
        await asyncio.Event().wait()

    ipc.handle("result", lambda: 1)
    ipc.handle("raises", lambda: 1 / 0)
    ipc.handle("thread", lambda: 1, thread=True)
    await ipc.connect()
    channels = ["none", "later", "cancels itself", "result", "raises", "thread"]
    for lane, channel in enumerate(channels):
        main.call(lane + 1, channel, lane=lane)
    main.call(7, "for ever", lane=6)
    main.cancel(7)
    await replies(main, 7)
    assert main.lanes_of_replies() == {n: n - 1 for n in range(1, 8)}
