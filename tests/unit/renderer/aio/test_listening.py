"""What listeners on an event loop get, when, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from renderer.aio.dispatcher import AioDispatcher
from renderer.wire import events
from renderer.wire.limits import Limits
from tests.support.memory import MemoryMain
from tests.support.memory_aio import MemoryAioRenderer, hear, renderer_of, until
from tests.support.processes import PATIENCE


async def consumed(main: MemoryMain) -> None:
    """Wait until the renderer is through with all that main has sent."""
    outbox = main.session.outbox
    with main.lock:
        main.session.request_ack()
        main.flow()
    await until(lambda: outbox.acked == outbox.last)


def dispatcher_of(ipc: MemoryAioRenderer) -> AioDispatcher:
    assert ipc._connection is not None  # noqa: SLF001
    return ipc._connection.dispatcher  # noqa: SLF001


async def test_listeners_get_the_arguments_in_order(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[object] = []

    @ipc.on("x")
    def first(*args: object) -> None:
        heard.append(("first", args))

    assert callable(first)

    @ipc.on("x")
    async def second(*args: object) -> None:
        heard.append(("second", args))

    await ipc.connect()
    main.send("x", 1, "a")
    main.send("x")
    await consumed(main)
    assert heard == [
        ("first", (1, "a")),
        ("second", (1, "a")),
        ("first", ()),
        ("second", ()),
    ]


async def test_listeners_come_and_go(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    heard: list[object] = []
    ipc.once("x", heard.append)
    subscription = ipc.on("y", heard.append)
    ipc.add_listener("z", heard.append)
    assert ipc.event_names() == ["x", "y", "z"]
    await ipc.connect()
    for channel in "xxyz":
        main.send(channel, channel)
    await consumed(main)
    assert heard == ["x", "y", "z"]
    subscription()
    ipc.remove_listener("z", heard.append)
    assert ipc.event_names() == []
    ipc.on("y", heard.append)
    ipc.remove_all_listeners()
    assert ipc.listener_count("y") == 0


async def test_async_listeners_start_in_order_and_run_at_once(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[object] = []
    gate = asyncio.Event()

    @ipc.on("slow")
    async def slow(number: int) -> None:
        heard.append(("begin", number))
        await gate.wait()
        heard.append(("end", number))

    ipc.on("plain", heard.append)
    await ipc.connect()
    main.send("slow", 1)
    main.send("plain", 2)
    main.send("slow", 3)
    main.send("plain", 4)
    await consumed(main)
    assert heard == [("begin", 1), 2, ("begin", 3), 4]
    gate.set()
    await until(lambda: len(heard) == 6)


async def test_a_plain_function_may_return_something_to_await(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.on("x", lambda number: ipc.invoke("y", number))
    await ipc.connect()
    main.send("x", 1)
    assert await hear(main) == ("y", [1])


async def test_only_so_many_tasks_run_at_once(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.dispatcher.DEFAULT_LIMITS", Limits(max_running=3))
    gates = [asyncio.Event() for _ in range(5)]
    begun: list[int] = []
    async with renderer_of(main) as ipc:

        @ipc.on("x")
        async def listener(number: int) -> None:
            begun.append(number)
            await gates[number].wait()

        await ipc.connect()
        for number in range(5):
            main.send("x", number)
        await until(lambda: len(begun) == 3)
        # The reader goes on: replies and acks are handled on receipt.
        reply = ipc.invoke("y")
        await until(lambda: not main.heard_nothing())
        main.answer(main.hear_call(), "answer")
        assert await reply == "answer"
        await ipc.flush()
        assert begun == [0, 1, 2]
        gates[1].set()
        await until(lambda: len(begun) == 4)
        for gate in gates:
            gate.set()
        await consumed(main)
        assert begun == [0, 1, 2, 3, 4]


async def test_listeners_on_a_thread_run_in_order(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[int] = []
    gate, own = threading.Event(), threading.current_thread()

    @ipc.on("x", thread=True)
    def listener(number: int) -> None:
        assert threading.current_thread() is not own
        gate.wait(PATIENCE)
        heard.append(number)

    passed: list[int] = []
    ipc.on("x", passed.append)
    await ipc.connect()
    for number in range(20):
        main.send("x", number)
    await consumed(main)
    assert passed == list(range(20))
    assert heard == []
    gate.set()
    await until(lambda: len(heard) == 20)
    assert heard == passed


async def test_the_loop_is_told_what_a_thread_has_to_send(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    loop = asyncio.get_running_loop()

    @ipc.on("x", thread=True)
    def listener() -> None:
        loop.call_soon_threadsafe(ipc.send, "y", 1)

    await ipc.connect()
    main.send("x")
    assert await hear(main) == ("y", [1])


async def test_async_functions_need_no_thread(ipc: MemoryAioRenderer) -> None:
    async def listener() -> None: ...

    with pytest.raises(TypeError, match="thread=True is for plain functions"):
        ipc.on("x", listener, thread=True)
    with pytest.raises(TypeError, match=r"the handler for 'x' is an `async def`"):
        ipc.handle("x", listener, thread=True)
    assert ipc.event_names() == []


async def test_errors_of_listeners(
    main: MemoryMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[object] = []

    @ipc.on("x")
    def bad(_: object) -> None:
        raise ValueError("plain")

    @ipc.on("x")
    async def worse(_: object) -> None:
        raise ValueError("async")

    @ipc.on("x")
    async def later(_: object) -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    @ipc.on("x", thread=True)
    def worst(_: object) -> None:
        raise SystemExit

    @ipc.on("x")
    def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    @ipc.on("x")
    def wrong() -> None: ...

    ipc.on("x", heard.append)
    await ipc.connect()
    main.send("x", 1)
    await until(lambda: len(caplog.records) >= 6)
    assert heard == [1]
    records = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert {r.getMessage() for r in records} == {"listener for 'x' raised"}
    errors = {str(r.exc_info[1]): r.exc_info[1] for r in records if r.exc_info}
    (arity,) = [e for e in errors.values() if isinstance(e, TypeError)]
    assert arity.__notes__ == [
        "renderer listeners get the arguments only; 'x' was sent 1 argument"
    ]
    assert {*errors} == {
        "plain",
        "async",
        "later",
        "SystemExit in a listener",
        "CancelledError in a listener",
        str(arity),
    }


async def test_errors_go_to_the_hook(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    told: list[tuple[str, str]] = []

    @ipc.on_error
    def hook(error: Exception, channel: str) -> None:
        told.append((str(error), channel))

    @ipc.on("x")
    async def bad() -> None:
        raise ValueError("boom")

    await ipc.connect()
    main.send("x")
    await until(lambda: told)
    assert told == [("boom", "x")]


async def test_what_nobody_hears_and_what_nobody_can_read(
    main: MemoryMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.on("asynchronous-reply", lambda *_: None)
    await ipc.connect()
    main.send("asynchronous-repl")
    main.send("asynchronous-repl")
    await consumed(main)
    told = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    (line,) = told
    assert "did you mean 'asynchronous-reply'?" in line


async def test_a_hint_at_the_other_signature(
    ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    async def listener(event: object, arg: object) -> None: ...

    ipc.on("x", listener)
    ipc.on("y", listener)
    (record,) = caplog.records
    assert record.getMessage() == (
        "the listener for 'x' calls its first parameter 'event': in a renderer it gets "
        "the arguments only, no event"
    )


async def test_a_listener_may_wait_for_main(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[object] = []

    @ipc.on("x")
    async def listener() -> None:
        heard.append(await ipc.send_sync("y"))
        await ipc.flush()
        heard.append("flushed")

    await ipc.connect()
    main.send("x")
    await until(lambda: not main.heard_nothing())
    main.answer(main.hear_call(), "answer")
    await until(lambda: len(heard) == 2)


async def test_a_listener_that_answers_each_message_is_braked(
    main: MemoryMain, caplog: pytest.LogCaptureFixture
) -> None:
    main.limits = Limits(window_messages=8)
    main.consuming = False
    async with renderer_of(main) as ipc:
        ipc.on("x", lambda number: ipc.send("y", number))
        await ipc.connect()
        for number in range(8):
            main.send("x", number)
        await until(lambda: main.session.inbox.received == 4)
        heard = 0
        while heard < 8:
            assert await hear(main) == ("y", [heard])
            heard += 1
            main.consume()
        await consumed(main)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_the_brake_holds_for_a_moment_only(main: MemoryMain) -> None:
    main.limits = Limits(window_messages=8)
    main.consuming = False
    async with renderer_of(main) as ipc:
        heard: list[int] = []
        ipc.on("x", heard.append)
        await ipc.connect()
        for number in range(6):
            ipc.send("y", number)
        await until(lambda: main.session.inbox.received == 6)
        main.send("x", 1)
        main.send("x", 2)
        await until(lambda: heard == [1, 2])
        main.consume(6)


async def test_many_messages_leave_the_loop_to_others(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.dispatcher.DEFAULT_LIMITS", Limits(max_running=1))
    gate = asyncio.Event()
    heard: list[int] = []
    async with renderer_of(main) as ipc:
        ipc.on("hold", gate.wait)
        ipc.on("x", heard.append)
        await ipc.connect()
        main.send("hold")
        for number in range(1_000):
            main.send("x", number)
        await until(lambda: len(dispatcher_of(ipc)._queue) == 1_000)  # noqa: SLF001
        gate.set()
        seen = {0}
        while len(heard) < 1_000:
            await asyncio.sleep(0)
            seen.add(len(heard))
        assert len(seen) > 3
    assert heard == list(range(1_000))


async def test_what_main_gave_up_is_told(
    main: MemoryMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    await ipc.connect()
    connection = ipc._connection  # noqa: SLF001
    assert connection is not None
    connection._note(events.GivenUp("x", 3))  # noqa: SLF001
    assert "main gave up 3 messages on 'x' for this renderer" in caplog.text
    told: list[object] = []
    ipc.on("y", told.append)
    ipc.on_dropped(lambda *args: told.append(args))
    main.send("y", 1)
    await until(lambda: told)
    connection._note(events.GivenUp("x", 3))  # noqa: SLF001
    main.send("y", 2)
    await until(lambda: len(told) == 3)
    assert told == [1, ("x", 3), 2]
