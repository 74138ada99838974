"""The test kit on asyncio: main and the probe on the test's own loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mainproc import ConnectionClosed, IpcMain, IpcTimeout, RemoteError, app
from mainproc.testing import AioRendererProbe, connected_aio
from tests.support.leap import leap
from tests.support.processes import PATIENCE
from tests.support.waiting import until


@pytest.fixture
def ipc() -> IpcMain:
    return IpcMain()


async def test_all_that_a_renderer_does(ipc: IpcMain) -> None:
    loops = set[Any]()

    @ipc.on("asynchronous-message")
    def _(event: Any, arg: str) -> None:
        loops.add(asyncio.get_running_loop())
        event.sender.send("asynchronous-reply", arg, "pong")

    @ipc.on("synchronous-message")
    def _(event: Any, arg: str) -> None:
        event.return_value = [arg, event.sender.title, event.sender.url]

    @ipc.handle("add")
    async def _(event: Any, a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    async with connected_aio(ipc, title="left", url="app://left") as page:
        page.send("asynchronous-message", "ping")
        assert await page.wait_for("asynchronous-reply") == ("ping", "pong")
        sync = await page.send_sync("synchronous-message", "ping")
        assert sync == ["ping", "left", "app://left"]
        assert await page.invoke("add", 2, 3) == 5
        page.handle("confirm", lambda text: text == "sure?")
        assert await page.contents.invoke("confirm", "sure?") is True
        assert page.contents.id == page.id
    assert page.contents.is_destroyed()
    assert loops == {asyncio.get_running_loop()}


def test_no_grpc_and_no_socket() -> None:
    program = """
import asyncio, sys

def forbid(event, args):
    assert event not in ("socket.bind", "socket.connect", "time.sleep"), event

sys.addaudithook(forbid)
from mainproc import ipc
from mainproc.testing import connected_aio
ipc.handle("double", lambda event, n: 2 * n)

async def test():
    async with connected_aio() as page:
        assert await page.invoke("double", 21) == 42
        await page.settle()

asyncio.run(test())
assert "grpc" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_several_share_main_and_leave_no_task(ipc: IpcMain) -> None:
    before = asyncio.all_tasks()
    told = list[str]()
    ipc.on("say", lambda event, text: ipc.broadcast("said", text))
    with app.on("before-quit", lambda: told.append("before quit")):
        async with connected_aio(ipc) as left:
            async with connected_aio(ipc) as right:
                left.send("say", "hello")
                await left.settle()
                await right.settle()
                expected = [("said", ("hello",))]
                assert left.received == right.received == expected
            assert ipc.web_contents == (left.contents,)
            assert not told
    assert told == ["before quit"]
    assert asyncio.all_tasks() == before


async def test_received_and_wait_for(ipc: IpcMain) -> None:
    @ipc.handle("report")
    async def _(event: Any) -> None:
        event.sender.send("progress", 50)
        await asyncio.sleep(0)
        event.sender.send("progress", 100)

    async with connected_aio(ipc) as page:
        await page.invoke("report")
        assert page.received == [("progress", (50,)), ("progress", (100,))]
        assert await page.wait_for("progress") == (50,)
        assert await page.wait_for("progress") == (100,)
        waiting = asyncio.ensure_future(page.wait_for("later"))
        await asyncio.sleep(0)
        page.contents.send("later", 1)
        assert await waiting == (1,)
        ipc.on("bad", lambda event: 1 / 0)
        page.send("bad")
        await page.flush()
        with pytest.raises(IpcTimeout, match=r"'progress' \(2 times\)") as caught:
            await page.wait_for("done", timeout=0.0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        page.contents.close()
        with pytest.raises(ConnectionClosed, match="nothing on 'done' before the"):
            await page.wait_for("done", timeout=1_000.0)


async def test_settle_waits_for_all_that_a_message_starts(ipc: IpcMain) -> None:
    done, gate = list[str](), threading.Event()

    @ipc.on("start")
    async def _(event: Any) -> None:
        await asyncio.to_thread(gate.wait, PATIENCE)
        event.reply("ask")
        done.append("async")

    @ipc.on("start", thread=True)
    def _(event: Any) -> None:
        gate.wait(PATIENCE)
        done.append("thread")

    @ipc.on("answer")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        assert await event.sender.invoke("confirm") is True
        event.reply("end")
        done.append("answer")

    async with connected_aio(ipc) as page:

        @page.on("ask")
        async def _() -> None:
            await asyncio.sleep(0)
            page.send("answer")

        page.handle("confirm", lambda: True, thread=True)

        @page.on("end", thread=True)
        def _() -> None:
            done.append("end")

        page.send("start")
        asyncio.get_running_loop().call_later(0.01, gate.set)
        await page.settle(PATIENCE)
        assert sorted(done) == ["answer", "async", "end", "thread"]
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_settle_names_what_still_runs(ipc: IpcMain) -> None:
    begun, cancelled, go = list[str](), list[str](), asyncio.Event()

    def never(name: str) -> Callable[..., Any]:
        async def run(*_: Any) -> None:
            begun.append(name)
            try:
                await asyncio.Future()
            finally:
                cancelled.append(name)

        return run

    async def listener() -> None:
        begun.append("page's")
        await go.wait()

    async def not_settled(count: int) -> str:
        """Return what is told of so many that have begun and do not end."""
        settling = asyncio.ensure_future(page.settle(3600))
        await until(lambda: len(begun) == count)
        leap(3600)
        with pytest.raises(IpcTimeout) as caught:
            await settling
        return str(caught.value)

    ipc.on("listener", never("listener"))
    ipc.handle("handler", never("handler"))
    async with connected_aio(ipc) as page:
        page.on("x", listener)
        page.contents.send("x")
        text = "not settled within 3600 s; listeners of the probe still run"
        assert await not_settled(1) == text
        go.set()
        await page.settle()
        page.send("listener")
        call = page.invoke("handler")
        text = "main still runs 'handler', 'listener'"
        assert (await not_settled(3)).endswith(text)
        await page.cut(resume=False)
        with pytest.raises(ConnectionClosed):
            await call
        assert cancelled == ["handler"]
    assert cancelled == ["handler", "listener"]


async def test_settle_raises_what_a_listener_raised(ipc: IpcMain) -> None:
    ipc.on("x", lambda event: 1 / 0)
    ipc.on("x", lambda event: [][0])
    ipc.on("y", lambda event: 1 / 0)
    async with connected_aio(ipc) as page, connected_aio(ipc) as other:
        page.send("x")
        await other.settle()
        with pytest.raises(ExceptionGroup) as caught:
            await page.settle()
        assert len(caught.value.exceptions) == 2
        with pytest.raises(RemoteError):
            await page.send_sync("y")
        await page.settle()


async def test_a_cut(ipc: IpcMain) -> None:
    begun, may_end, told = asyncio.Event(), asyncio.Event(), list[str]()

    @ipc.handle("x")
    async def _(event: Any) -> str:
        begun.set()
        await may_end.wait()
        return "done"

    @ipc.on("raises")
    def _(event: Any) -> None:
        raise ValueError("no")

    async with connected_aio(ipc) as page:
        contents = page.contents
        page.on_reconnecting(lambda: told.append("reconnecting"))
        page.on_reconnected(lambda: told.append("reconnected"))
        contents.on("disconnected", lambda: told.append("disconnected"))
        contents.on("resumed", lambda: told.append("resumed"))
        reply = page.invoke("x")
        page.send("raises")
        await begun.wait()
        await page.cut()
        assert not page.is_connected()
        assert not contents.is_connected()
        assert contents.send("y", 1)
        may_end.set()
        assert await reply == "done"
        assert await page.wait_for("y") == (1,)
        with pytest.raises(ValueError, match="no"):
            await page.settle()
        assert page.contents is contents
        assert sorted(told) == [
            "disconnected",
            "reconnected",
            "reconnecting",
            "resumed",
        ]


async def test_a_cut_for_good(ipc: IpcMain) -> None:
    begun, ended = asyncio.Event(), list[str]()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            ended.append("handler")

    async with connected_aio(ipc, title="left") as page:
        page.on_disconnect(lambda: ended.append("page"))
        first = page.contents
        reply = page.invoke("x")
        await begun.wait()
        await page.cut(resume=False)
        with pytest.raises(ConnectionClosed):
            await reply
        assert first.is_destroyed()
        assert not page.is_connected()
        await page.settle()
        assert sorted(ended) == ["handler", "page"]
        await page.cut(resume=False)
        await page.connect()
        assert page.contents is not first
        page.contents.send("x", 1)
        assert await page.wait_for("x") == (1,)


async def test_a_failing_test_leaves_nothing(ipc: IpcMain) -> None:
    before = asyncio.all_tasks()

    probes = list[AioRendererProbe]()

    async def fail() -> None:
        async with connected_aio(ipc) as page:
            probes.append(page)
            page.send("x")
            raise AssertionError("the test fails")

    with pytest.raises(AssertionError, match="the test fails"):
        await fail()
    assert probes[0].contents.is_destroyed()
    assert asyncio.all_tasks() == before
