"""What a renderer on an event loop does when nothing leads back to its session."""

from __future__ import annotations

import asyncio

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.aio import ConnectionClosed
from renderer.carrier import LinkBroken, NoHandshake
from renderer.wire import events, messages, reasons
from renderer.wire.errors import AccessDenied, IpcError
from renderer.wire.frames import refusal
from renderer.wire.limits import Limits
from renderer.wire.link import Fate
from tests.support.leap import leap
from tests.support.logs import told
from tests.support.memory_aio import (
    GONE,
    KeepingMain,
    MemoryAioRenderer,
    away,
    gone,
    hear,
    hear_call,
    renderer_of,
    replies,
    until,
)
from tests.support.processes import PATIENCE

# ---- lost ----------------------------------------------------------------------------


async def test_a_restarted_main_is_told_as_a_gap(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    heard: list[object] = []
    ipc.on("x", heard.append)
    ipc.on_gap(lambda sent, missing: heard.append((sent, missing)))
    ipc.on_reconnected(lambda: heard.append("reconnected"))
    main.consuming = False
    await ipc.connect()
    ipc.send("a")
    written = ipc.invoke("b")
    main.send("x", 1)
    assert [await hear(main), await hear(main)] == [("a", []), ("b", [])]
    await until(lambda: heard == [1])
    main.attempts = gone(1)
    main.restart()
    await until(lambda: not ipc.is_connected())
    unwritten = ipc.invoke("c")
    flushing = asyncio.ensure_future(ipc.flush())
    for call, outcome in ((written, "unknown"), (unwritten, "not-sent")):
        with pytest.raises(ConnectionClosed, match="a new one began") as closed:
            await call
        assert closed.value.outcome == outcome
    with pytest.raises(ConnectionClosed, match="a new one began"):
        await flushing
    await until(lambda: len(heard) == 3)
    assert heard == [1, (3, None), "reconnected"]
    assert (ipc.is_connected(), ipc.id) == (True, 3)
    main.consuming = True
    again = ipc.invoke("d")
    asked = await hear_call(main)
    assert asked.body.channel == "d"  # and nothing that was put before
    main.answer(asked, "yes")
    assert await again == "yes"
    main.send("x", 2)
    await until(lambda: heard[-1] == 2)
    await ipc.flush()


async def test_a_gap_that_nobody_asks_for_is_told(
    main: KeepingMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    await ipc.connect()
    main.restart()
    await until(lambda: ipc.id == 2)
    _, text = told(caplog)
    assert text.startswith("main no longer knew this session; a new one began: 0 mess")


async def test_mains_calls_of_a_lost_session_get_no_reply(
    main: KeepingMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.dispatcher.DEFAULT_LIMITS", Limits(max_running=1))
    async with renderer_of(main) as ipc:
        ended: list[str] = []
        gate = asyncio.Event()

        @ipc.handle("ask")
        async def ask(which: str) -> str:
            try:
                await gate.wait()
            finally:
                ended.append(which)
            return which

        ipc.on("x", ended.append)
        await ipc.connect()
        main.call(1, "ask", "running")
        main.call(2, "ask", "waiting")
        main.send("x", "event")
        main.restart()
        await until(lambda: ipc.id == 2)
        # The new main's ids are its own.
        main.call(1, "ask", "new")
        main.call(2, "ask", "newer")
        await until(lambda: ended == ["running", "event"])
        gate.set()
        first, second = await replies(main, 2)
        assert messages.read_result(first.reply, "ask") == "new"
        assert messages.read_result(second.reply, "ask") == "newer"
        assert ended == ["running", "event", "new", "newer"]
        main.session.request_ack()
        main.flow()
        await until(lambda: main.session.outbox.acked == 2)


async def test_main_says_that_it_has_lost_the_session(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    gaps: list[object] = []
    ipc.on_gap(lambda *what: gaps.append(what))
    await ipc.connect()
    main.attempts = [*gone(1, Fate.NEW_SESSION), *gone(1)]
    main.drop()
    await until(lambda: ipc.id == 4)
    assert [hello.token for hello in main.hellos] == [b"", b""]
    assert gaps == [(0, None)]
    main.drop()
    await until(lambda: len(main.hellos) == 3)
    assert main.hellos[-1].token == b"secret 4"


# ---- the end -------------------------------------------------------------------------


async def test_giving_up(caplog: pytest.LogCaptureFixture) -> None:
    main = KeepingMain(grace=60.0)
    async with renderer_of(main) as ipc:
        hooks: list[object] = []
        ipc.on_reconnecting(lambda: hooks.append("reconnecting"))
        ipc.on_gap(lambda *what: hooks.append(what))
        ipc.on_disconnect(lambda: hooks.append("disconnected"))
        await ipc.connect()
        async with away(ipc):
            ipc.send("x")
            reply = ipc.invoke("y")
            leap(60.0)
            text = "the connection to main at memory broke; gave up after "
            with pytest.raises(ConnectionClosed, match=text) as closed:
                await reply
            assert closed.value.outcome == "not-sent"
            assert str(closed.value.__cause__) == GONE
            assert await ipc.wait() is False
            with pytest.raises(ConnectionClosed, match="gave up"):
                ipc.send("z")
        assert hooks == ["reconnecting", (2, None), "disconnected"]
        assert "it has not confirmed 2 messages sent to it" in told(caplog)[-1]
        assert repr(ipc) == "<IpcRenderer at memory, not connected>"
        await ipc.connect()
        ipc.send("z")
        assert await hear(main) == ("z", [])


async def test_a_handshake_that_fails_is_not_the_end(main: KeepingMain) -> None:
    async with renderer_of(main) as ipc:
        back = asyncio.Event()
        ipc.on_reconnected(back.set)
        await ipc.connect()
        main.attempts = [NoHandshake("not trusted", "not-sent", Fate.GIVE_UP)]
        main.drop()
        await asyncio.wait_for(back.wait(), PATIENCE)
        assert ipc.is_connected()


@pytest.mark.parametrize(
    "answer", [AccessDenied("not you"), LinkBroken("what?", "unknown", Fate.GIVE_UP)]
)
async def test_an_answer_that_is_final(main: KeepingMain, answer: IpcError) -> None:
    async with renderer_of(main) as ipc:
        await ipc.connect()
        reply = ipc.invoke("x")
        await hear_call(main)
        main.attempts = [answer]
        main.drop()
        text = f"the connection to main at memory broke: {answer}"
        with pytest.raises(ConnectionClosed, match=text.replace("?", r"\?")) as closed:
            await reply
        assert closed.value.outcome == "unknown"
        assert await ipc.wait() is False


async def test_a_link_without_a_welcome_is_cut(
    main: KeepingMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.connector._LONGEST_ATTEMPT_S", 0.01)
    await ipc.connect()
    main.drop()
    main.deaf = True
    await until(lambda: ipc.carrier.cuts == 2)
    main.deaf = False
    await until(ipc.is_connected)
    assert ipc.id == 1


async def test_a_message_that_kills_every_link_is_the_end(
    main: KeepingMain, ipc: MemoryAioRenderer
) -> None:
    await ipc.connect()
    main.swallows = True
    ipc.send("poison")
    for _ in range(4):
        main.drop()
        await until(lambda: not ipc.is_connected())
        await until(lambda: "reconnecting" not in repr(ipc))
    with pytest.raises(ConnectionClosed, match="message 1 did not arrive on three"):
        ipc.send("x")
    main.write(None)
    assert await ipc.wait() is False


async def test_a_goodbye_tells_what_never_came(
    main: KeepingMain, ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    hooks: list[object] = []
    ipc.on_gap(lambda *what: hooks.append(what))
    ipc.on_disconnect(lambda: hooks.append("disconnected"))
    await ipc.connect()
    main.attempts = [refusal(reasons.CLOSED, "enough", last_sent=2)]
    main.drop()
    assert await ipc.wait() is True
    assert hooks == [(0, 2), "disconnected"]
    text = "main at memory has ended the session; 2 messages of its never came"
    assert text in caplog.messages


async def test_mains_goodbye_behind_a_welcome(
    main: KeepingMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ipc.connect()
    session = main.session
    async with away(ipc):
        reply = ipc.invoke("x")
        accept = session.accept

        def accept_and_part(hello: pb.Hello) -> int | None:
            epoch = accept(hello)
            session.goodbye(message="enough")
            return epoch

        monkeypatch.setattr(session, "accept", accept_and_part)
    with pytest.raises(ConnectionClosed, match="main at memory said goodbye: enough"):
        await reply
    assert await ipc.wait() is True


async def test_a_child_whose_main_is_gone_does_not_look_for_it(
    main: KeepingMain, child: MemoryAioRenderer
) -> None:
    hooks: list[str] = []
    child.on_reconnecting(lambda: hooks.append("reconnecting"))
    child.on_disconnect(lambda: hooks.append("disconnected"))
    await child.connect()
    main.attempts = [LinkBroken("nobody there", "not-sent", Fate.RESUME)]
    main.drop()
    assert await child.wait() is False
    assert hooks == ["reconnecting", "disconnected"]


async def test_closing_while_away_is_quick(
    main: KeepingMain,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("renderer.aio.renderer.FLUSH_S", 3600.0)
    async with renderer_of(main) as ipc:
        ipc.on("x", lambda: None)
        await ipc.connect()
        main.consuming = False
        ipc.send("x")
        reply = ipc.invoke("y")
        await hear_call(main)
        async with away(ipc):
            async with asyncio.timeout(PATIENCE):  # not the hour that main would get
                await ipc.aclose()
            with pytest.raises(ConnectionClosed, match="was closed"):
                await reply
            assert not ipc.is_connected()
            text = "the connection to main at memory was closed; it has not confirmed 2"
            assert told(caplog)[1:] == [f"{text} messages sent to it"]


async def test_closing_while_a_link_waits_for_its_welcome(
    main: KeepingMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.aio.renderer.FLUSH_S", 3600.0)
    async with renderer_of(main) as ipc:
        await ipc.connect()
        main.drop()
        main.deaf = True
        links = len(ipc.carrier.opened)
        await until(lambda: len(ipc.carrier.opened) > links)
        async with asyncio.timeout(PATIENCE):
            await ipc.aclose()
        assert main.noted_of(events.GoodbyeHeard) == []


async def test_cancelling_aclose_while_away(main: KeepingMain) -> None:
    async with renderer_of(main) as ipc:
        main.consuming = False
        ipc.send("x")
        await hear(main)
        closing = asyncio.ensure_future(ipc.aclose())
        await asyncio.sleep(0)
        async with away(ipc):
            closing.cancel()
            await asyncio.wait([closing])
            assert await ipc.wait() is False


def test_the_end_of_a_loop_while_away(
    main: KeepingMain,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("renderer.aio.connection.FLUSH_S", 0.05)
    ipc = MemoryAioRenderer(main)

    async def program() -> None:
        await ipc.connect()
        main.absent = gone_for_good = LinkBroken(GONE, "unknown", Fate.RESUME)
        main.drop(gone_for_good)
        await until(lambda: not ipc.is_connected())
        ipc.send("x")

    asyncio.run(program())
    assert "it has not confirmed 1 message sent to it" in told(caplog)[-1]


def test_the_end_of_a_loop_waits_for_main_to_come_back(
    main: KeepingMain, caplog: pytest.LogCaptureFixture
) -> None:
    ipc = MemoryAioRenderer(main)

    async def program() -> None:
        await ipc.connect()
        main.attempts = gone(20)
        main.drop()
        await until(lambda: not ipc.is_connected())
        ipc.send("x")

    asyncio.run(program())
    (event,) = main.messages
    assert event.event.channel == "x"
    assert len(told(caplog)) == 1
    assert len(main.noted_of(events.GoodbyeHeard)) == 1


async def test_without_reconnect_a_cut_is_the_end(main: KeepingMain) -> None:
    async with renderer_of(main, reconnect=False) as ipc:
        hooks: list[str] = []
        ipc.on_reconnecting(lambda: hooks.append("reconnecting"))
        ipc.on_disconnect(lambda: hooks.append("disconnected"))
        reply = ipc.invoke("x")
        await hear_call(main)
        main.drop(LinkBroken(GONE, "unknown", Fate.RESUME))
        with pytest.raises(ConnectionClosed, match=GONE):
            await reply
        assert await ipc.wait() is False
        assert hooks == ["disconnected"]
        assert not main.hellos[0].resume


async def test_a_gap_counts_what_still_waited_for_room() -> None:
    main = KeepingMain(Limits(window_messages=2))
    main.consuming = False
    gaps: list[tuple[int, int | None]] = []
    async with renderer_of(main) as ipc:
        ipc.on_gap(lambda sent, missing: gaps.append((sent, missing)))
        for number in range(5):
            ipc.send("y", number)
        await ipc.connect()
        assert [await hear(main), await hear(main)] == [("y", [0]), ("y", [1])]
        main.restart()
        main.consuming = True
        await until(lambda: gaps and ipc.is_connected())
        assert gaps == [(5, None)]
        ipc.send("z")
        assert await hear(main) == ("z", []), "nothing of before is sent again"
