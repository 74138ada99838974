"""How a connection of an event loop ends, and what becomes of all that waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from renderer.aio import ConnectionClosed, IpcError
from renderer.carrier import LinkBroken
from renderer.wire import events, reasons
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


async def test_a_cut_fails_all_that_waits() -> None:
    main = MemoryMain(Limits(window_messages=2))
    main.consuming = False
    async with renderer_of(main) as ipc:
        ended: list[str] = []
        ipc.on_disconnect(lambda: ended.append("disconnected"))
        reply, asking = ipc.invoke("x"), ipc.send_sync("y", timeout=None)
        unsent = ipc.invoke("z")
        await hear_call(main)
        await hear_call(main)
        waiting = [
            asyncio.ensure_future(coroutine)
            for coroutine in (ipc.flush(None), ipc.drain(), ipc.wait())
        ]
        await asyncio.sleep(0)
        main.drop(LinkBroken("UNAVAILABLE: gone", "unknown", Fate.RESUME))
        text = "the connection to main at memory broke: UNAVAILABLE: gone"
        for future, outcome in (
            (reply, "unknown"),
            (asking, "unknown"),
            (unsent, "not-sent"),
            (waiting[0], "unknown"),
            (waiting[1], "not-sent"),
        ):
            with pytest.raises(ConnectionClosed) as closed:
                await future
            assert (str(closed.value), closed.value.outcome) == (text, outcome)
        assert await waiting[2] is False
        assert ended == ["disconnected"]
        calls: list[Callable[[], object]] = [
            lambda: ipc.send("x"),
            lambda: ipc.invoke("x"),
            lambda: ipc.send_sync("x"),
        ]
        for call in calls:
            with pytest.raises(ConnectionClosed, match="UNAVAILABLE: gone"):
                call()
        for coroutine in (ipc.flush(), ipc.drain()):
            with pytest.raises(ConnectionClosed, match="UNAVAILABLE: gone"):
                await coroutine
        assert await ipc.wait() is False
        assert (ipc.is_connected(), ipc.id) == (False, None)


async def test_what_main_has_not_confirmed_is_told(
    main: MemoryMain, caplog: pytest.LogCaptureFixture
) -> None:
    main.consuming = False
    async with renderer_of(main) as ipc:
        ipc.send("x")
        ipc.send("y")
        await hear(main)
        main.drop()
        await ipc.wait()
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    text = "the connection to main at memory broke; it has not confirmed 2 messages"
    assert told == [f"{text} sent to it"]


async def test_a_new_connection_after_a_cut(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[int] = []
    ipc.on("x", heard.append)
    await ipc.connect()
    main.send("x", 1)
    main.drop()
    await ipc.connect()  # whether it has noticed or not
    await ipc.wait(0) if ipc.id == 1 else None
    await ipc.connect()
    assert ipc.id == 2
    main.send("x", 2)
    await until(lambda: heard == [1, 2])
    ipc.send("y", 3)
    assert await hear(main) == ("y", [3])


async def test_a_new_connection_dispatches_behind_the_old_one(
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
        main.send("x", 1)
        main.drop()
        await until(lambda: not ipc.is_connected())
        await ipc.connect()
        main.send("x", 2)
        main.call(1, "x")
        await ipc.flush()
        assert heard == []
        gate.set()
        await until(lambda: heard == [1, 2])


async def test_a_hook_may_connect_again(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        heard: list[object] = []
        ipc.on("x", heard.append)

        @ipc.on_disconnect
        async def again() -> None:
            if len(heard) == 1:
                heard.append((await ipc.connect()).id)

        await ipc.connect()
        main.send("x", 1)
        waiting = asyncio.ensure_future(ipc.wait())
        main.drop()
        await until(lambda: len(heard) == 2)
        assert not waiting.done()
        main.goodbye()
        assert await waiting is True
        assert heard == [1, 2]


async def test_hooks_that_fail(
    main: MemoryMain, caplog: pytest.LogCaptureFixture
) -> None:
    async with renderer_of(main) as ipc:
        done: list[int] = []

        @ipc.on_disconnect
        def bad() -> None:
            raise ValueError

        @ipc.on_disconnect
        async def worse() -> None:
            await asyncio.sleep(0)
            raise ValueError

        ipc.on_disconnect(lambda: done.append(1))
        await ipc.connect()
    assert done == [1]
    assert caplog.text.count("a callback raised") == 2


async def test_a_peer_that_breaks_the_contract(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    ipc.send("x")
    await hear(main)
    main.write(b"\xff")
    with pytest.raises(ConnectionClosed, match="broke the contract: malformed frame"):
        await ipc.invoke("y")
    await until(lambda: main.noted_of(events.GoodbyeHeard))
    assert main.noted_of(events.GoodbyeHeard)[0].reason == reasons.PROTOCOL
    main.write(None)
    assert await ipc.wait() is False


async def test_a_main_that_does_not_end_the_link_is_cut(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.connection.PART_S", 0.01)
    main.answering = False
    await ipc.connect()
    main.write(b"\xff")
    assert await ipc.wait() is False
    assert ipc.carrier.cuts == 1


# ---- main's Goodbye ------------------------------------------------------------------


async def test_mains_goodbye_waits_for_the_listeners(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        heard: list[object] = []
        gate = asyncio.Event()

        @ipc.on("x")
        async def listener(number: int) -> None:
            await gate.wait()
            heard.append(number)

        ipc.on_disconnect(lambda: heard.append("end"))
        reply = ipc.invoke("y")
        await hear_call(main)
        for number in range(3):
            main.send("x", number)
        main.goodbye("see you")
        with pytest.raises(ConnectionClosed, match="main at memory said goodbye: see"):
            await reply
        with pytest.raises(ConnectionClosed, match="said goodbye"):
            ipc.send("z")
        waiting = asyncio.ensure_future(ipc.wait())
        (ended,) = await _noted(main, events.Ended)
        assert ended.unconfirmed == 0
        assert heard == []
        assert not waiting.done()
        gate.set()
        assert await waiting is True
        assert heard == [0, 1, 2, "end"]
        assert await ipc.wait() is True


async def _noted(main: MemoryMain, kind: type[events.Ended]) -> list[events.Ended]:
    await until(lambda: main.noted_of(kind))
    return main.noted_of(kind)


async def test_mains_goodbye_does_not_wait_for_ever(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.connection.DRAIN_S", 0.01)
    monkeypatch.setattr("renderer.aio.dispatcher.DEFAULT_LIMITS", Limits(max_running=1))
    gate = asyncio.Event()
    heard: list[int] = []
    async with renderer_of(main) as ipc:
        ipc.on("hold", gate.wait)
        ipc.on("x", heard.append)
        await ipc.connect()
        main.send("hold")
        main.send("x", 1)
        main.goodbye()
        assert await ipc.wait() is True
        (ended,) = main.noted_of(events.Ended)
        assert ended.unconfirmed == 1
        gate.set()
        assert heard == []
    await asyncio.sleep(0)
    assert heard == []


async def test_waiting_for_a_while(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    assert await ipc.wait(0.01) is False
    assert ipc.is_connected()


async def test_a_listener_may_wait_for_the_end(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        ended: list[bool] = []

        @ipc.on("x")
        async def listener() -> None:
            ended.append(await ipc.wait())

        await ipc.connect()
        main.send("x")
        main.goodbye()
        await until(lambda: ended == [True])


# ---- closing -------------------------------------------------------------------------


async def test_closing_flushes_and_dispatches_what_main_answers(
    main: MemoryMain,
) -> None:
    heard: list[int] = []
    ipc = MemoryAioRenderer(main)
    ipc.on("x", heard.append)
    await ipc.connect()
    ipc.send("a")
    main.send("x", 1)
    await ipc.aclose()
    assert await hear(main) == ("a", [])
    assert heard == [1]
    (goodbye,) = main.noted_of(events.GoodbyeHeard)
    assert goodbye.reason == reasons.CLOSED
    assert (main.closed, ipc.carrier.cuts) == (1, 0)
    await ipc.aclose()
    await ipc.connect()
    assert ipc.id == 2
    await ipc.aclose()


async def test_closing_does_not_wait_for_main_for_ever(
    main: MemoryMain,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("renderer.aio.renderer.FLUSH_S", 0.01)
    monkeypatch.setattr("renderer.aio.renderer._PART_S", 0.01)
    main.consuming = main.answering = False
    ipc = MemoryAioRenderer(main)
    ipc.send("x")
    reply = ipc.invoke("y")
    await hear_call(main)
    await ipc.aclose()
    with pytest.raises(ConnectionClosed, match="was closed"):
        await reply
    text = (
        "the connection to main at memory was closed; it has not confirmed 2 messages"
    )
    assert text in caplog.text
    assert ipc.carrier.cuts == 1


async def test_cancelling_aclose_cuts(main: MemoryMain) -> None:
    main.consuming = False
    ipc = MemoryAioRenderer(main)
    ipc.send("x")
    await hear(main)
    closing = asyncio.ensure_future(ipc.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    assert await ipc.wait() is False
    assert ipc.carrier.cuts >= 1


async def test_closing_cancels_handlers_and_lets_listeners_run_on(
    main: MemoryMain,
) -> None:
    ended: list[str] = []
    gate, begun = asyncio.Event(), asyncio.Event()
    ipc = MemoryAioRenderer(main)

    @ipc.handle("x")
    async def handler() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("handler")
            gate.set()

    @ipc.on("x")
    async def listener() -> None:
        begun.set()
        await gate.wait()
        ended.append("listener")

    await ipc.connect()
    main.call(1, "x")
    main.send("x")
    await begun.wait()
    await ipc.aclose()
    assert ended == ["handler", "listener"]


async def test_a_handler_may_close(main: MemoryMain) -> None:
    closed = asyncio.Event()
    ipc = MemoryAioRenderer(main)

    @ipc.handle("x")
    async def handler() -> None:
        await ipc.aclose()
        closed.set()

    await ipc.connect()
    main.call(1, "x")
    await closed.wait()
    assert len(main.noted_of(events.GoodbyeHeard)) == 1


async def test_closing_gives_up_what_nobody_waits_for_quietly(
    main: MemoryMain,
) -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    ipc = MemoryAioRenderer(main)
    ipc.invoke("x")
    await hear_call(main)
    await ipc.aclose()
    await asyncio.sleep(0)
    assert told == []


async def test_closing_what_was_never_open(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)
    await ipc.aclose()
    with pytest.raises(IpcError, match=r"it was closed; connect\(\) opens it again"):
        ipc.send("x")
    assert main.closed == 0


async def test_a_session_that_ends_under_a_reply_too_many(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.wire.outbox.Outbox.floods", True)
    ipc.handle("x", lambda: 1)
    await ipc.connect()
    main.call(1, "x")
    await until(lambda: not ipc.is_connected())
    with pytest.raises(ConnectionClosed, match="replies pile up"):
        ipc.send("y")
    main.write(None)
    assert await ipc.wait() is False
