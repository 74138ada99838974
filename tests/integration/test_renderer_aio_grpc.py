"""The asyncio renderer over real sockets, with main on the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import mainproc
from mainproc import IpcMain
from mainproc.server import MainProcess
from renderer import aio
from renderer.aio import (
    ConnectionClosed,
    IpcRenderer,
    IpcTimeout,
    NoHandler,
    NoListener,
    Overloaded,
    RemoteError,
    ReplyNeverSent,
)
from renderer.grpc_aio_link import GrpcAioCarrier
from renderer.settings import Settings
from renderer.wire.errors import IpcError
from tests.support.leap import leap
from tests.support.memory import MemoryMain, served
from tests.support.ports import reserved
from tests.support.processes import PATIENCE
from tests.support.waiting import until


@pytest.fixture
def ipc_main() -> IpcMain:
    return IpcMain()


@pytest.fixture
async def main(ipc_main: IpcMain) -> AsyncIterator[MainProcess]:
    async with mainproc.serve(ipc_main, listen="127.0.0.1:0") as main:
        yield main


@pytest.fixture
async def ipc(main: MainProcess) -> AsyncIterator[IpcRenderer]:
    async with IpcRenderer(main.address) as ipc:
        yield ipc


async def test_everything_in_order(ipc_main: IpcMain, ipc: IpcRenderer) -> None:
    seen: list[object] = []

    @ipc_main.on("number")
    def number(event: Any, value: int) -> None:
        seen.append(value)

    @ipc_main.on("sync")
    def sync(event: Any, value: int) -> None:
        seen.append(value)
        event.return_value = value * 2

    @ipc_main.handle("invoke")
    async def invoke(event: Any, value: int) -> int:
        seen.append(value)
        event.sender.send("progress", value)
        return value * 3

    progress: list[int] = []
    ipc.on("progress", progress.append)
    asked: list[Any] = []
    for value in range(0, 300, 3):
        ipc.send("number", value)
        asked += (ipc.send_sync("sync", value + 1), ipc.invoke("invoke", value + 2))
    answers = await asyncio.gather(*asked)
    assert seen == list(range(300))
    assert answers[:4] == [2, 6, 8, 15]
    assert progress == list(range(2, 300, 3))


async def test_many_events_go_round(ipc_main: IpcMain, ipc: IpcRenderer) -> None:
    @ipc_main.on("echo")
    def echo(event: Any, value: int) -> None:
        event.sender.send("echoed", value)

    got: list[int] = []
    done = asyncio.Event()

    @ipc.on("echoed")
    def echoed(value: int) -> None:
        got.append(value)
        if len(got) == 10_000:
            done.set()

    for value in range(10_000):
        ipc.send("echo", value)
        if value % 1_000 == 0:
            await ipc.drain()
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert got == list(range(10_000))


async def test_errors(ipc_main: IpcMain, ipc: IpcRenderer) -> None:
    ipc_main.on("silent", lambda event: None)

    @ipc_main.handle("bad")
    def bad(event: Any) -> None:
        raise ValueError("boom")

    @ipc_main.handle("for ever")
    async def for_ever(event: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RemoteError, match="remote method 'bad': ValueError: boom"):
        await ipc.invoke("bad")
    with pytest.raises(NoHandler):
        await ipc.invoke("silent")
    with pytest.raises(NoListener):
        await ipc.send_sync("nobody")
    with pytest.raises(ReplyNeverSent):
        await ipc.send_sync("silent")
    with pytest.raises(IpcTimeout):
        await ipc.invoke("for ever", timeout=0.01)


async def test_cancelling_reaches_the_handler(
    ipc_main: IpcMain, ipc: IpcRenderer
) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    @ipc_main.handle("x")
    async def handler(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    reply = ipc.invoke("x")
    await begun.wait()
    reply.cancel()
    async with asyncio.timeout(PATIENCE):
        await cancelled.wait()


async def test_main_asks(ipc_main: IpcMain, ipc: IpcRenderer) -> None:
    @ipc.handle("add")
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    begun, cancelled = asyncio.Event(), asyncio.Event()

    @ipc.handle("for ever")
    async def for_ever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    (contents,) = ipc_main.web_contents
    assert await contents.invoke("add", 1, 2) == 3
    with pytest.raises(NoHandler):
        await contents.invoke("nothing")
    reply = contents.invoke("for ever", timeout=3600)
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    leap(3600)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(IpcTimeout):
            await reply
        await cancelled.wait()


async def test_large_messages(ipc_main: IpcMain, ipc: IpcRenderer) -> None:
    ipc_main.handle("length", lambda event, value: (len(value), value))
    large = b"x" * (9 * 1024 * 1024)
    assert await ipc.invoke("length", large) == [len(large), large]


async def test_closing_ends_the_session_in_order(
    ipc_main: IpcMain, main: MainProcess
) -> None:
    seen: list[int] = []
    ipc_main.on("x", lambda event, value: seen.append(value))
    async with IpcRenderer(main.address, title="left") as ipc:
        (contents,) = ipc_main.web_contents
        assert (contents.title, contents.id) == ("left", ipc.id)
        ended: list[str] = []
        contents.on("destroyed", ended.append)
        for value in range(1_000):
            ipc.send("x", value)
    assert seen == list(range(1_000))
    await until(lambda: ended)
    assert "broke" not in ended[0]
    await ipc.connect()
    assert ipc.id != contents.id
    await ipc.aclose()


async def test_mains_goodbye(ipc_main: IpcMain, ipc: IpcRenderer) -> None:
    heard: list[int] = []
    ipc.on("x", heard.append)
    (contents,) = ipc_main.web_contents
    for value in range(100):
        contents.send("x", value)
    contents.close("see you")
    async with asyncio.timeout(PATIENCE):
        assert await ipc.wait() is True
    assert heard == list(range(100))
    with pytest.raises(ConnectionClosed, match="said goodbye: see you"):
        ipc.send("y")


async def test_a_main_that_stops(ipc_main: IpcMain) -> None:
    async with (
        mainproc.serve(ipc_main, listen="127.0.0.1:0") as main,
        IpcRenderer(main.address) as ipc,
    ):
        waiting = asyncio.ensure_future(ipc.wait())
        await main.stop(0)
        async with asyncio.timeout(PATIENCE):
            assert await waiting is True


async def test_a_slow_main_and_a_full_window() -> None:
    """The window is a small one: main runs a task for every message in it."""
    limits = mainproc.Limits(window_messages=3_000)
    ipc_main, gate = IpcMain(limits=limits), asyncio.Event()
    ipc_main.on("hold", lambda event: gate.wait())
    async with (
        mainproc.serve(ipc_main, listen="127.0.0.1:0") as main,
        IpcRenderer(main.address) as ipc,
    ):
        for _ in range(3_000):
            ipc.send("hold")
        text = r"^3,000 messages \(0\.\d MiB\) wait for main; await ipc.drain\(\)$"
        with pytest.raises(Overloaded, match=text):
            ipc.send("hold")
        draining = asyncio.ensure_future(ipc.drain())
        gate.set()
        async with asyncio.timeout(PATIENCE):
            await draining
            await ipc.flush(PATIENCE)


async def test_a_session_over_a_unix_socket(ipc_main: IpcMain, tmp_path: Path) -> None:
    ipc_main.handle("x", lambda event: 1)
    address = f"unix:{tmp_path}/main.sock"
    async with (
        mainproc.serve(ipc_main, listen=address),
        IpcRenderer(address) as ipc,
    ):
        assert await ipc.invoke("x") == 1


async def test_a_main_that_comes_late(ipc_main: IpcMain) -> None:
    ipc_main.handle("x", lambda event: 1)
    with reserved() as address:
        ipc = IpcRenderer(address, connect_timeout=PATIENCE)
        reply = ipc.invoke("x")
        await until(lambda: ipc._connection and ipc._connection._connector._refused)  # noqa: SLF001
        async with mainproc.serve(ipc_main, listen=address):
            assert await reply == 1
            await ipc.aclose()


async def test_nobody_there() -> None:
    with reserved() as address:
        ipc = IpcRenderer(address, connect_timeout=0.1)
        with pytest.raises(ConnectionClosed, match=f"no main process at {address}"):
            await ipc.invoke("x")
        ipc.send("y")
        with pytest.raises(ConnectionClosed, match="not sent: 1 message"):
            await ipc.aclose()


async def test_what_answers_there_is_something_else() -> None:
    from grpc import aio as grpc_aio

    server = grpc_aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with pytest.raises(ConnectionClosed, match=r"no main process of electron-ipc"):
        await aio.connect(f"127.0.0.1:{port}")
    await server.stop(None)


async def test_a_link_that_is_cut_at_once(main: MainProcess) -> None:
    carrier = GrpcAioCarrier(main.address)
    link = carrier.open()
    link.cut()
    assert await link.read() is None
    with pytest.raises(ConnectionClosed, match="the stream is over"):
        await link.write(b"")
    await link.finish()
    await carrier.close()


async def test_a_link_that_is_cut_while_it_is_read(main: MainProcess) -> None:
    carrier = GrpcAioCarrier(main.address, token="secret")
    link = carrier.open()
    session = Settings().session()
    session.attach()
    hello = session.next_frame(0.0)
    assert hello is not None
    await link.write(hello)
    assert await link.read()
    reading = asyncio.ensure_future(link.read())
    await asyncio.sleep(0)
    link.cut()
    async with asyncio.timeout(PATIENCE):
        assert await reading is None
    await carrier.close()


async def test_a_status_is_told() -> None:
    with served(MemoryMain()) as (_, address):
        carrier = GrpcAioCarrier(address)
        call: Any = carrier._channel.stream_stream("/nothing")()  # noqa: SLF001
        from renderer.grpc_aio_link import GrpcAioLink

        link = GrpcAioLink(call)
        with pytest.raises(IpcError, match="no main process of electron-ipc"):
            await link.read()
        await carrier.close()
