"""A renderer on an event loop comes back after a cut, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from renderer.aio import IpcTimeout, Overloaded
from renderer.wire import events, messages
from renderer.wire.limits import Limits
from tests.support.leap import leap
from tests.support.logs import told
from tests.support.memory_aio import (
    GONE,
    KeepingMain,
    MemoryAioLink,
    MemoryAioRenderer,
    away,
    hear,
    hear_call,
    renderer_of,
    replies,
    until,
)

# ---- resumed -------------------------------------------------------------------------


async def test_nothing_is_lost_or_doubled_by_a_cut(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[object] = []
    ipc.on("x", heard.append)
    ipc.on_reconnecting(lambda: heard.append("reconnecting"))
    ipc.on_reconnected(lambda: heard.append("reconnected"))
    await ipc.connect()
    ipc.send("y", 1)
    main.send("x", 1)
    assert await hear(main) == ("y", [1])
    main.deaf = True
    ipc.send("y", 2)
    main.send("x", 2)
    async with away(ipc):
        ipc.send("y", 3)
        main.send("x", 3)
        assert (ipc.is_connected(), ipc.id) == (False, None)
        assert repr(ipc) == "<IpcRenderer at memory, reconnecting>"
        await until(lambda: "reconnecting" in heard)
        assert heard == [1, "reconnecting"]
    assert [await hear(main), await hear(main)] == [("y", [2]), ("y", [3])]
    await until(lambda: len(heard) == 5)
    assert heard == [1, "reconnecting", "reconnected", 2, 3]
    assert (ipc.is_connected(), ipc.id) == (True, 1)
    assert main.heard_nothing()
    await ipc.flush()


async def test_many_cuts_under_way(main: KeepingMain, ipc: MemoryAioRenderer) -> None:
    heard: list[int] = []
    ipc.on("x", heard.append)
    await ipc.connect()
    for number in range(50):
        ipc.send("y", number)
        main.send("x", number)
        if number % 5 == 0:
            main.deaf = number % 2 == 0
        if number % 5 == 4:
            main.drop()
            await until(ipc.is_connected)
    assert [await hear(main) for _ in range(50)] == [("y", [n]) for n in range(50)]
    await until(lambda: len(heard) == 50)
    assert heard == list(range(50))
    assert main.heard_nothing()


async def test_the_words_of_a_cut(
    main: KeepingMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await ipc.connect()
    async with away(ipc):
        pass
    await until(ipc.is_connected)
    text = f"lost main at memory ({GONE}); looking for it again, for 54 s"
    assert told(caplog) == [text]
    first, again = told(caplog, logging.INFO)
    assert first == "connected to main at memory as 1"
    assert again.startswith("connected to main at memory again, as 1, after 0")


async def test_calls_in_flight_survive(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    ipc.handle("double", lambda n: n * 2)
    heard, unheard = ipc.invoke("x", 1), ipc.send_sync("y", 2)
    call, sync = await hear_call(main), await hear_call(main)
    main.deaf = True
    main.answer(call, "first")
    ipc.send("z")
    async with away(ipc):
        main.answer(sync, "second")
        main.call(7, "double", 21)
        later = ipc.invoke("w", 3)
    assert (await heard, await unheard) == ("first", "second")
    assert await hear(main) == ("z", [])
    main.answer(await hear_call(main), "third")
    assert await later == "third"
    (reply,) = await replies(main)
    assert messages.read_result(reply.reply, "double") == 42


async def test_a_handler_runs_on_while_main_is_away(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    gate = asyncio.Event()

    @ipc.handle("slow")
    async def slow() -> str:
        await gate.wait()
        return "done"

    await ipc.connect()
    main.call(1, "slow")
    async with away(ipc):
        gate.set()
    (reply,) = await replies(main)
    assert messages.read_result(reply.reply, "slow") == "done"


async def test_the_time_of_a_call_runs_on(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    await ipc.connect()
    async with away(ipc):
        with pytest.raises(IpcTimeout, match=r"no reply to 'x' within 0\.01 s"):
            await ipc.invoke("x", timeout=0.01)
    call = await hear_call(main)
    await until(lambda: main.noted_of(events.Cancelled))
    assert main.noted_of(events.Cancelled)[0].id == call.message.id


async def test_the_callers_timer_tells_when_mains_was_quicker(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    told = asyncio.Event()
    ipc.on("told", told.set)
    reply = ipc.invoke("x", timeout=3600)
    call = await hear_call(main)
    main.refuse(call, IpcTimeout("'x' took longer than its caller waits"))
    main.send("told")
    await told.wait()
    assert not reply.done()
    leap(3600)
    with pytest.raises(IpcTimeout, match=r"^no reply to 'x' within 3600 s$"):
        await reply


async def test_what_is_sent_meanwhile_is_bounded(main: KeepingMain) -> None:
    main.limits = Limits(window_messages=3)
    async with renderer_of(main) as ipc:
        await ipc.connect()
        async with away(ipc):
            for number in range(3):
                ipc.send("x", number)
            with pytest.raises(Overloaded, match="3 messages"):
                ipc.send("x", 3)
            draining = asyncio.ensure_future(ipc.drain())
            await asyncio.sleep(0)
            assert not draining.done()
        await draining
        assert [await hear(main) for _ in range(3)] == [("x", [n]) for n in range(3)]


async def test_waiting_goes_on_over_cuts(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    main.consuming = False
    ipc.send("x")
    await hear(main)
    flushing, waiting = (
        asyncio.ensure_future(coroutine) for coroutine in (ipc.flush(), ipc.wait())
    )
    await asyncio.sleep(0)
    async with away(ipc):
        pass
    await until(ipc.is_connected)
    assert not flushing.done()
    assert not waiting.done()
    main.consume()
    await flushing
    main.goodbye()
    assert await waiting is True


async def test_connecting_while_away_waits(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    await ipc.connect()
    async with away(ipc):
        connecting = asyncio.ensure_future(ipc.connect())
        await asyncio.sleep(0)
        assert not connecting.done()
    await connecting
    assert (ipc.is_connected(), ipc.id) == (True, 1)


async def test_hooks_run_like_listeners(main: KeepingMain) -> None:
    async with renderer_of(main) as ipc:
        heard: list[object] = []
        gate = asyncio.Event()

        @ipc.on_reconnecting
        async def reconnecting() -> None:
            heard.append("begun")
            await gate.wait()
            heard.append("ended")

        @ipc.on_reconnecting
        def bad() -> None:
            raise ValueError

        ipc.on("x", heard.append)
        await ipc.connect()
        main.send("x", 1)
        main.drop()
        await until(lambda: not ipc.is_connected())
        await until(ipc.is_connected)
        main.send("x", 2)
        await until(lambda: 2 in heard)
        gate.set()
        await until(lambda: "ended" in heard)
        assert heard == [1, "begun", 2, "ended"]


# ---- sent away -----------------------------------------------------------------------


async def test_main_may_ask_to_come_back_elsewhere(main: KeepingMain) -> None:
    async with renderer_of(main) as ipc:
        hooks: list[str] = []
        ipc.on_reconnecting(lambda: hooks.append("reconnecting"))
        await ipc.connect()
        ipc.send("x")
        await hear(main)
        main.send_away(0.01, "127.0.0.1:1")
        ipc.send("y")
        await until(lambda: len(main.hellos) == 2)
        await until(ipc.is_connected)
        assert hooks == ["reconnecting"]
        assert ipc.address == "127.0.0.1:1"
        assert ipc.carrier.opened[-1].target == "127.0.0.1:1"
        assert (ipc.carrier.cuts, ipc.carrier.finished) == (0, 1)
        assert await hear(main) == ("y", [])
        main.drop()  # it stays there
        await until(lambda: len(main.hellos) == 3)
        assert ipc.carrier.opened[-1].target == "127.0.0.1:1"
        await ipc.connect()  # it is what was asked for


async def test_the_token_of_a_spawned_renderer_stays_at_home(
    main: KeepingMain, child: MemoryAioRenderer
) -> None:
    await child.connect()
    main.send_away(address="127.0.0.1:1")
    await until(lambda: len(main.hellos) == 2)
    shown = [(settings.target, settings.bearer) for settings in child.carrier.opened]
    assert shown == [("unix:/home", "secret"), ("127.0.0.1:1", None)]


async def test_an_address_that_cannot_be_one(
    main: KeepingMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    await ipc.connect()
    main.send_away(address="nonsense")
    await until(lambda: len(main.hellos) == 2)
    assert ipc.address == "memory"
    assert "main names another address, but 'nonsense' is no address" in caplog.text


async def test_a_main_that_asks_away_and_does_not_end_the_link(
    main: KeepingMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.connector._END_LINK_S", 0.01)
    monkeypatch.setattr(main, "half_closed", lambda _: None)
    await ipc.connect()
    main.send_away()
    await until(lambda: len(main.hellos) == 2)
    assert ipc.carrier.cuts == 1


async def test_a_link_that_is_over_gets_no_further_frame(
    main: KeepingMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ipc.connect()
    taken, never = asyncio.Event(), asyncio.Event()
    links: list[MemoryAioLink] = []
    write = MemoryAioLink.write

    async def written(link: MemoryAioLink, frame: bytes) -> None:
        links.append(link)
        if links[0] is not link:
            await write(link, frame)
        else:  # the first frame is taken, and whatever comes then stays for ever
            await (taken if len(links) == 1 else never).wait()

    monkeypatch.setattr(MemoryAioLink, "write", written)
    ipc.send("y", 1)
    ipc.send("y", 2)
    main.drop()
    taken.set()  # in the moment in which the link is seen to be over
    assert [await hear(main), await hear(main)] == [("y", [1]), ("y", [2])]
