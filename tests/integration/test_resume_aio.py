"""The asyncio renderer against a real main, over connections that are cut."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

import mainproc
from mainproc import IpcMain
from mainproc.server import MainProcess
from renderer.aio import ConnectionClosed, IpcRenderer
from tests.faults.proxy import Proxy, cut_somehow
from tests.support.processes import PATIENCE
from tests.support.waiting import until


@pytest.fixture
def ipc_main() -> IpcMain:
    ipc = IpcMain()
    ipc.handle("add", lambda event, a, b: a + b)
    return ipc


@pytest.fixture
async def main(ipc_main: IpcMain) -> AsyncIterator[MainProcess]:
    async with mainproc.serve(ipc_main, listen="127.0.0.1:0") as main:
        yield main


@pytest.fixture
async def proxy(main: MainProcess) -> AsyncIterator[Proxy]:
    async with Proxy(main.address) as proxy:
        yield proxy


@pytest.fixture
async def ipc(proxy: Proxy) -> AsyncIterator[IpcRenderer]:
    async with IpcRenderer(proxy.address) as ipc:
        # Before its answer to Welcome is there, main would not keep it.
        assert await ipc.invoke("add", 0, 1) == 1
        yield ipc


async def test_nothing_is_lost_at_full_speed(
    ipc_main: IpcMain, ipc: IpcRenderer, proxy: Proxy
) -> None:
    up: list[int] = []
    down: list[int] = []
    results: dict[int, int] = {}
    ipc.on("down", down.append)
    count, draw = 5_000, random.Random(1)

    @ipc_main.on("up")
    def arrived(event: Any, number: int) -> None:
        up.append(number)
        event.sender.send("down", number)

    async def call() -> None:
        for number in range(count // 50):
            results[number] = await ipc.invoke("add", number, 1)

    await ipc.connect()
    contents = ipc_main.web_contents
    async with asyncio.timeout(3 * PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(call())
        for number in range(count):
            ipc.send("up", number)
            await ipc.drain()
            if number % 250 == 249:
                # Something new is back: three links of no use would rightly be the end.
                await until(lambda: len(down) > number - 250, 3 * PATIENCE)  # noqa: B023
                cut_somehow(proxy, number // 250, draw)
        await until(lambda: len(down) == count, 3 * PATIENCE)
    assert up == list(range(count))
    assert down == list(range(count))
    assert results == {number: number + 1 for number in range(count // 50)}
    assert proxy.accepted > 5
    assert ipc_main.web_contents == contents


async def test_a_black_hole_is_noticed(proxy: Proxy) -> None:
    async with IpcRenderer(proxy.address, dead_after=2.0) as ipc:
        assert await ipc.invoke("add", 1, 2) == 3
        hooks: list[str] = []
        ipc.on_reconnecting(lambda: hooks.append("reconnecting"))
        hole = proxy.connections[0]
        hole.black_hole()
        reply = ipc.invoke("add", 3, 4)
        assert await reply == 7
        # Where the proxy itself takes 2 s for an answer, that is one more.
        assert set(hooks) == {"reconnecting"}
        assert proxy.accepted >= 2


async def test_a_half_close_is_a_cut(ipc: IpcRenderer, proxy: Proxy) -> None:
    assert await ipc.invoke("add", 1, 2) == 3
    proxy.half_close("down")
    assert await ipc.invoke("add", 3, 4) == 7
    assert proxy.accepted == 2


async def test_a_main_that_is_away_for_a_while(
    ipc: IpcRenderer, proxy: Proxy, ipc_main: IpcMain
) -> None:
    await ipc.connect()
    number = ipc.id
    (contents,) = ipc_main.web_contents
    heard: list[int] = []
    ipc.on("down", heard.append)
    proxy.accepts = False
    proxy.reset()
    await until(lambda: not ipc.is_connected())
    await until(lambda: not contents.is_connected())
    reply = ipc.invoke("add", 1, 2)
    assert contents.send("down", 1)
    accepted = proxy.accepted
    await until(lambda: proxy.accepted >= accepted + 3)
    assert not reply.done()
    proxy.accepts = True
    assert await reply == 3
    await until(lambda: heard == [1])
    assert ipc.id == number
    assert contents.is_connected()


async def test_what_never_came_before_the_end_is_told(
    ipc: IpcRenderer, proxy: Proxy, ipc_main: IpcMain
) -> None:
    assert await ipc.invoke("add", 1, 2) == 3
    (contents,) = ipc_main.web_contents
    hooks: list[object] = []
    ipc.on_gap(lambda *what: hooks.append(what))
    ipc.on_disconnect(lambda: hooks.append("disconnected"))
    proxy.accepts = False
    proxy.reset()
    await until(lambda: not ipc.is_connected())
    await until(lambda: not contents.is_connected())
    assert contents.send("down", 1)
    assert contents.send("down", 2)
    contents.close("enough")
    ipc.send("up", 1)
    proxy.accepts = True
    await ipc.wait()
    assert hooks == [(1, 2), "disconnected"]


async def test_an_end_in_order_is_no_gap(ipc_main: IpcMain) -> None:
    hooks: list[object] = []
    async with mainproc.serve(ipc_main, listen="127.0.0.1:0") as main:
        ipc = IpcRenderer(main.address)
        ipc.on_gap(lambda *what: hooks.append(what))
        ipc.on_disconnect(lambda: hooks.append("disconnected"))
        ipc.on("down", hooks.append)
        await ipc.connect()
        ipc_main.on("up", lambda event, number: event.sender.send("down", number))
        for number in range(3):
            ipc.send("up", number)
        await ipc.flush()
    await ipc.wait()
    assert hooks == [0, 1, 2, "disconnected"]


async def test_a_main_that_was_restarted(ipc_main: IpcMain) -> None:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(""))
        gaps: list[object] = []
        ends: list[str] = []
        gate = asyncio.Event()

        @ipc_main.handle("slow")
        async def slow(event: Any) -> None:
            await gate.wait()

        async with mainproc.serve(ipc_main, listen="127.0.0.1:0", grace=0) as first:
            proxy.target = first.address
            ipc = await stack.enter_async_context(IpcRenderer(proxy.address))
            ipc.on_gap(lambda *what: gaps.append(what))
            ipc.on_disconnect(lambda: ends.append("disconnected"))
            reply = ipc.invoke("slow")
            await ipc.flush()
            proxy.accepts = False  # main dies without a word
            proxy.reset()
            await until(lambda: not ipc.is_connected())
        other = IpcMain()
        other.handle("add", lambda event, a, b: a * b)
        async with mainproc.serve(other, listen="127.0.0.1:0") as second:
            proxy.target = second.address
            proxy.accepts = True
            with pytest.raises(ConnectionClosed, match="a new one began") as closed:
                await reply
            assert closed.value.outcome == "unknown"
            assert await ipc.invoke("add", 3, 4) == 12
            await until(lambda: gaps)
            assert gaps == [(0, None)]
            assert ends == []
            await ipc.aclose()


async def test_nothing_is_left_behind(main: MainProcess, proxy: Proxy) -> None:
    def ours() -> set[asyncio.Task[Any]]:
        return {task for task in asyncio.all_tasks() if "AioServer" not in repr(task)}

    before = ours()
    files = len(os.listdir("/proc/self/fd"))
    async with IpcRenderer(proxy.address) as ipc:
        for number in range(20):
            assert await ipc.invoke("add", number, 1) == number + 1
            proxy.reset()
            await until(lambda: not ipc.is_connected())
    await until(lambda: not proxy.connections)
    await until(lambda: ours() <= before)
    await until(lambda: len(os.listdir("/proc/self/fd")) <= files + 1)
