"""How a renderer on an event loop finds its main process, or does not."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import aio
from renderer.aio import (
    AccessDenied,
    ConnectionClosed,
    IpcError,
    IpcRenderer,
    Overloaded,
)
from renderer.carrier import LinkBroken
from renderer.settings import Settings
from renderer.wire import events, reasons
from renderer.wire.frames import refusal
from renderer.wire.limits import Limits
from renderer.wire.link import Fate
from tests.support.leap import leap, leap_over_deadlines
from tests.support.logs import keep_slowness
from tests.support.memory import MemoryMain, Receiver
from tests.support.memory_aio import MemoryAioRenderer, hear, renderer_of, until

NO_MAIN = (
    "no main process at memory after 0.02 s; start one with 'mainproc run main.py' "
    "or set ELECTRON_IPC_ADDRESS"
)


def absent(times: int) -> list[IpcError | bytes]:
    """Return what becomes of attempts while nobody is there."""
    text = "UNAVAILABLE: nobody"
    return [LinkBroken(text, "not-sent", Fate.RESUME) for _ in range(times)]


class NoMain(MemoryMain):
    """An address at which nobody is."""

    absent = True

    def begin(self, arriving: Receiver) -> None:
        super().begin(arriving)
        self.attempts = absent(self.absent)


def test_importing_opens_nothing_and_loads_no_grpc() -> None:
    program = (
        "import sys, threading, renderer.aio as aio; aio.ipc.on('x', print);"
        "print('grpc' in sys.modules, threading.active_count(), aio.ipc.id)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False 1 None\n"


def test_both_faces_have_the_same_names() -> None:
    import renderer

    assert set(renderer.__all__) - {"Reply"} == set(aio.__all__)
    for name in set(aio.__all__) - {"IpcRenderer", "connect", "ipc"}:
        assert getattr(aio, name) is getattr(renderer, name)


async def test_the_first_use_connects(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    assert (ipc.is_connected(), ipc.id, ipc.address) == (False, None, "memory")
    assert repr(ipc) == "<IpcRenderer at memory, not connected>"
    ipc.send("x")
    assert await hear(main) == ("x", [])
    await ipc.flush()
    assert (ipc.is_connected(), ipc.id) == (True, 1)
    assert repr(ipc) == "<IpcRenderer at memory, is 1>"


async def test_main_is_told_who_comes(main: MemoryMain) -> None:
    async with renderer_of(main, title="left", url="page.py") as ipc:
        await ipc.connect()
        hello = pb.StreamRequest.FromString(ipc.carrier.frames[0]).hello
        assert (hello.title, hello.url) == ("left", "page.py")


async def test_connecting_again_does_nothing(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    one, other = await asyncio.gather(ipc.connect(), ipc.connect())
    assert one is other is ipc
    await ipc.connect("memory")
    assert ipc.id == 1
    with pytest.raises(IpcError, match=r"connected to memory; close\(\) comes first"):
        await ipc.connect("elsewhere")


async def test_options_that_come_too_late_are_named(
    ipc: MemoryAioRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    await ipc.connect(title="left")
    await ipc.connect(title="left", connect_timeout=1)
    assert caplog.text == ""
    await ipc.connect(title="right")
    assert "title= came too late and changed nothing; call connect()" in caplog.text


async def test_connecting_by_with(main: MemoryMain) -> None:
    async with MemoryAioRenderer(main) as ipc:
        assert ipc.id == 1
    assert not ipc.is_connected()
    assert main.closed == 1
    assert ipc.carrier.cuts == 0
    assert len(main.noted_of(events.GoodbyeHeard)) == 1


async def test_what_is_sent_before_main_appears_arrives_in_order(
    main: MemoryMain,
) -> None:
    main.attempts = absent(2)
    async with renderer_of(main) as ipc:
        ipc.send("a", 1)
        reply = ipc.invoke("b", 2)
        ipc.send("c", 3)
        draining = asyncio.ensure_future(ipc.drain())
        assert await hear(main) == ("a", [1])
        call = main.hear_call()
        main.answer(call, "yes")
        assert await hear(main) == ("c", [3])
        assert await reply == "yes"
        await draining
        assert (await ipc.connect()).id == 3
    assert main.closed == 3


async def test_nobody_appears(caplog: pytest.LogCaptureFixture) -> None:
    ipc = MemoryAioRenderer(NoMain(), connect_timeout=0.02)
    ipc.send("a")
    ipc.send("b")
    reply, sync = ipc.invoke("c"), ipc.send_sync("d")
    for call in (reply, sync):
        with pytest.raises(ConnectionClosed) as closed:
            await call
        assert str(closed.value) == NO_MAIN
        assert closed.value.outcome == "not-sent"
        assert "the last attempt: UNAVAILABLE: nobody" in closed.value.__notes__
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"{NO_MAIN}; not sent: 2 messages"
    with pytest.raises(ConnectionClosed, match="not sent: 2 messages"):
        await ipc.flush()
    # It was told. What is sent from now on is looked after anew.
    with pytest.raises(ConnectionClosed, match="no main process"):
        await ipc.connect()
    await ipc.aclose()


@pytest.mark.parametrize("how", ["flush", "wait", "aclose"])
@pytest.mark.parametrize("later", [False, True])
async def test_a_loss_is_told_once(how: str, later: bool) -> None:
    ipc = MemoryAioRenderer(NoMain(), connect_timeout=0.02)
    ipc.send("a")
    if later:
        with pytest.raises(ConnectionClosed):
            await ipc.invoke("x")
    with pytest.raises(ConnectionClosed, match="not sent: 1 message"):
        await getattr(ipc, how)()
    await ipc.aclose()


async def test_a_loss_does_not_hide_what_a_block_raised() -> None:
    main = NoMain()
    ipc = MemoryAioRenderer(main)
    main.absent = False
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with ipc:
            main.absent = True
            main.drop()
            await ipc.wait()
            with pytest.raises(ConnectionClosed):
                await ipc.connect(connect_timeout=0.02)
            ipc.send("lost")
            raise ZeroDivisionError


async def test_without_anything_lost_closing_is_quiet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = MemoryAioRenderer(NoMain(), connect_timeout=0.02)
    with pytest.raises(ConnectionClosed):
        await ipc.drain()
    await ipc.aclose()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_a_main_that_keeps_one_waiting_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep_slowness(caplog)
    monkeypatch.setattr("renderer.patience._WARN_AFTER_S", 0.0)
    main = MemoryMain()
    main.attempts = absent(3)
    async with renderer_of(main) as ipc:
        await ipc.connect()
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warned == ["no answer from a main process at memory yet; waiting"]


async def test_a_main_that_never_says_welcome(main: MemoryMain) -> None:
    main.begin = lambda _: None  # type: ignore[assignment,method-assign]
    main.take = lambda *_: None  # type: ignore[method-assign]
    ipc = MemoryAioRenderer(main, connect_timeout=0.02)
    with pytest.raises(ConnectionClosed, match="no main process"):
        await ipc.connect()
    assert ipc.carrier.cuts == 1
    await ipc.aclose()


class DeafMain(MemoryMain):
    """Refuses what it is to refuse, and hears nothing else."""

    def _take(self, frame: bytes) -> None:
        if self.attempts:
            super()._take(frame)


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (LinkBroken("nobody", "not-sent", Fate.RESUME), "nobody"),
        (refusal(reasons.SHUTDOWN, "main stops"), "main stops"),
    ],
    ids=["nobody", "stopping"],
)
async def test_an_attempt_that_we_end_ourselves_hides_no_reason(
    attempt: IpcError | bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = DeafMain()
    main.attempts = [attempt]
    ipc = MemoryAioRenderer(main)
    connecting = asyncio.ensure_future(ipc.connect())
    await until(lambda: main.closed)
    leap_over_deadlines(3600, monkeypatch)
    leap(3600)
    with pytest.raises(ConnectionClosed, match="no main process") as closed:
        await connecting
    assert closed.value.__notes__ == [f"the last attempt: {reason}"]
    await ipc.aclose()


@pytest.mark.parametrize(
    ("attempt", "kind", "text"),
    [
        (AccessDenied("not you"), AccessDenied, "not you"),
        (refusal(reasons.ACCESS_DENIED, "no"), AccessDenied, "^no$"),
        (refusal(reasons.OVERLOADED, "full"), Overloaded, "full"),
        (refusal(reasons.CLOSED, "enough"), ConnectionClosed, "enough"),
        (refusal(reasons.REPLACED, "another"), ConnectionClosed, "another"),
        (b"\xff", ConnectionClosed, "main at memory broke the contract"),
        (
            LinkBroken("what is that", "not-sent", Fate.GIVE_UP),
            ConnectionClosed,
            "cannot connect to memory: what is that",
        ),
    ],
)
async def test_a_main_that_turns_one_away(
    main: MemoryMain, attempt: IpcError | bytes, kind: type[IpcError], text: str
) -> None:
    main.attempts = [attempt]
    async with renderer_of(main) as ipc:
        reply = ipc.invoke("x")
        with pytest.raises(kind, match=text):
            await ipc.connect()
        with pytest.raises(kind, match=text):
            await reply
        await ipc.connect()
        assert ipc.id is not None


async def test_a_main_that_stops_is_followed_by_another(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ipc.on("y", heard.set_result)
    main.attempts = [refusal(reasons.SHUTDOWN, "main stops")]
    ipc.send("x")
    assert await hear(main) == ("x", [])
    main.send("y", 1)
    assert await heard == 1


async def test_more_than_mains_window_was_accepted_before(main: MemoryMain) -> None:
    main.limits = Limits(window_messages=2)
    main.consuming = False
    async with renderer_of(main) as ipc:
        for number in range(5):
            ipc.send("x", number)
        reply = ipc.invoke("y", timeout=20.0)
        assert [await hear(main) for _ in range(2)] == [("x", [0]), ("x", [1])]
        ipc.send("z")
        ipc.handle("ask", lambda: 1)
        main.call(1, "ask")
        flushing = asyncio.ensure_future(ipc.flush())
        await until(lambda: main.session.outbox.acked == 1)
        assert main.heard_nothing()
        main.consume(2)
        assert [await hear(main) for _ in range(2)] == [("x", [2]), ("x", [3])]
        assert not flushing.done()
        main.consume(2)
        assert await hear(main) == ("x", [4])
        main.answer(main.hear_call(), "y")
        assert await reply == "y"
        main.consume(2)
        assert await hear(main) == ("z", [])
        main.consume()
        await flushing


async def test_what_waits_for_a_connection_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = Limits(window_messages=2, window_bytes=100)
    monkeypatch.setattr("renderer.aio.connection.DEFAULT_LIMITS", small)
    main = MemoryMain()
    main.attempts = absent(1)
    async with renderer_of(main) as ipc:
        ipc.send("x", "x" * 200)  # one larger message may go alone
        with pytest.raises(Overloaded, match=r"^1 messages .* await ipc.drain\(\)$"):
            ipc.send("x")
        await ipc.drain()
        ipc.send("y")
        assert await hear(main) == ("x", ["x" * 200])
        assert await hear(main) == ("y", [])


async def test_what_turns_out_to_be_too_large(
    main: MemoryMain, caplog: pytest.LogCaptureFixture
) -> None:
    main.limits = Limits(max_frame_bytes=4096, max_message_bytes=8000)
    async with renderer_of(main) as ipc:
        ipc.send("a", "x" * 9000)
        reply = ipc.invoke("b", "x" * 9000, timeout=20.0)
        ipc.send("c")
        with pytest.raises(aio.PayloadTooLarge):
            await reply
        assert await hear(main) == ("c", [])
    assert "a message was not sent" in caplog.text


async def test_no_address(caplog: pytest.LogCaptureFixture) -> None:
    ipc = IpcRenderer("nonsense", connect_timeout=0.02)
    with pytest.raises(ConnectionClosed, match="'nonsense' is no address"):
        await ipc.connect()
    await ipc.aclose()


async def test_closing_while_connecting() -> None:
    ipc = MemoryAioRenderer(NoMain(), connect_timeout=20.0)
    connecting = asyncio.ensure_future(ipc.connect())
    await until(lambda: ipc.carrier.frames)
    await ipc.aclose()
    with pytest.raises(ConnectionClosed, match="closed before there was a connection"):
        await connecting
    with pytest.raises(ConnectionClosed, match=r"closed; connect\(\) opens it again"):
        ipc.send("x")


async def test_closing_what_has_hardly_begun(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)
    connecting = asyncio.ensure_future(ipc.connect())
    await asyncio.sleep(0)  # the turn of the loop in which it begins
    await ipc.aclose()
    with pytest.raises(ConnectionClosed, match="closed before there was a connection"):
        await connecting
    assert ipc.carrier.frames == []


async def test_closing_while_connecting_waits_for_the_end_of_another(
    main: MemoryMain,
) -> None:
    ipc = MemoryAioRenderer(main)
    await ipc.connect()
    main.answering = False
    main.write(b"\xff")  # the link goes on until main ends it
    with pytest.raises(ConnectionClosed, match="broke the contract"):
        await ipc.invoke("x")
    connecting = asyncio.ensure_future(ipc.connect())
    await asyncio.sleep(0)  # a turn of the loop for each to begin, in this order
    closing = asyncio.ensure_future(ipc.aclose())
    await asyncio.sleep(0)
    main.write(None)
    with pytest.raises(ConnectionClosed, match="closed before there was a connection"):
        await connecting
    await closing
    assert not ipc.is_connected()


async def test_closing_waits_for_a_main_that_gets_what_was_sent(
    main: MemoryMain,
) -> None:
    main.attempts = absent(1)
    ipc = MemoryAioRenderer(main)
    ipc.send("x")
    await ipc.aclose()
    assert await hear(main) == ("x", [])


async def test_closing_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("renderer.aio.renderer.FLUSH_S", 0.01)
    ipc = MemoryAioRenderer(NoMain())
    ipc.send("x")
    text = "closed before there was a connection; not sent: 1 message"
    with pytest.raises(ConnectionClosed, match=text):
        await ipc.aclose()
    assert text in caplog.text


async def test_cancelling_connect_changes_nothing(main: MemoryMain) -> None:
    main.attempts = absent(1)
    async with renderer_of(main) as ipc:
        connecting = asyncio.ensure_future(ipc.connect())
        await until(lambda: main.closed)
        connecting.cancel()
        await asyncio.wait([connecting])
        assert connecting.cancelled()
        assert (await ipc.connect()).id == 2


async def test_a_carrier_that_fails_in_its_own_way(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ipc.carrier, "open", lambda: 1 / 0)
    with pytest.raises(ConnectionClosed, match="ZeroDivisionError: division by zero"):
        await ipc.connect()


async def test_the_function_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    main = MemoryMain()

    def carrier(self: IpcRenderer, settings: Settings) -> object:
        return MemoryAioRenderer(main).carrier

    monkeypatch.setattr(IpcRenderer, "_carrier", carrier)
    ipc = await aio.connect("there", title="left")
    assert (ipc.address, ipc.id) == ("there", 1)
    await ipc.aclose()
    main.attempts = [AccessDenied("no")]
    with pytest.raises(AccessDenied):
        await aio.connect()
