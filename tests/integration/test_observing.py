"""All that observers are told, over real sockets, on both faces."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, Limits, serve
from tests.electron.faces import FACES, Face, Page, opened
from tests.faults.proxy import Proxy
from tests.integration.main_support import RawPage, event, raw_page, send_sync, serving
from tests.support.observers import Recorder
from tests.support.waiting import until


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def ipc(recorder: Recorder) -> IpcMain:
    """A small program: it echoes, adds, fails, and asks back."""
    ipc = IpcMain()
    ipc.observe(recorder)
    ipc.on("echo", lambda event, *args: event.sender.send("echo", *args))
    ipc.on("sync", lambda event, arg: setattr(event, "return_value", arg))
    ipc.handle("fail", lambda event: 1 / 0)

    @ipc.handle("add")
    async def _(event: object, a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    return ipc


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    return FACES[request.param]


@pytest.fixture
async def address(ipc: IpcMain) -> AsyncIterator[str]:
    async with serve(ipc, listen="127.0.0.1:0") as main:
        yield main.address


async def test_a_conversation(face: Face, address: str, recorder: Recorder) -> None:
    async with opened(face, address) as page:
        page.ipc.handle("name", lambda: "left")
        echo = page.inbox("echo")
        await page.send("echo", 1)
        assert await echo.next() == (1,)
        assert await page.send_sync("sync", 2) == 2
        assert await page.invoke("add", 1, 2) == 3
        with pytest.raises(Exception, match="division"):
            await page.invoke("fail")
        assert await page.contents.invoke("name") == "left"
        with pytest.raises(Exception, match="No handler"):
            await page.invoke("nobody")
    await until(lambda: recorder.of("destroyed"))
    assert recorder.seen == [
        ("connected",),
        ("in", "event", "echo"),
        ("out", "event", "echo"),
        ("in", "sync", "sync"),
        ("started", "in", "sync", "sync"),
        ("out", "reply", ""),
        ("ended", "sync", "ok", ""),
        ("in", "invoke", "add"),
        ("started", "in", "invoke", "add"),
        ("out", "reply", ""),
        ("ended", "add", "ok", ""),
        ("in", "invoke", "fail"),
        ("started", "in", "invoke", "fail"),
        ("out", "reply", ""),
        ("ended", "fail", "error", "ZeroDivisionError"),
        ("started", "out", "invoke", "name"),
        ("out", "invoke", "name"),
        ("in", "reply", ""),
        ("ended", "name", "ok", ""),
        ("in", "invoke", "nobody"),
        ("out", "reply", ""),
        ("refused", "a renderer", "nobody", "NO_HANDLER"),
        ("destroyed", "it said goodbye"),
    ]


async def test_a_cut(face: Face, address: str, recorder: Recorder) -> None:
    async with (
        Proxy(address) as proxy,
        opened(face, proxy.address, reconnect=True) as page,
    ):
        assert await page.invoke("add", 1, 2) == 3
        proxy.reset()
        assert await page.invoke("add", 3, 4) == 7
    await until(lambda: recorder.of("destroyed"))
    assert [seen for seen in recorder.seen if "add" not in seen] == [
        ("connected",),
        ("out", "reply", ""),
        ("disconnected",),
        ("resumed",),
        ("out", "reply", ""),
        ("destroyed", "it said goodbye"),
    ]


async def test_a_renderer_that_was_there_before(
    face: Face, address: str, ipc: IpcMain
) -> None:
    late = Recorder()

    async def add(page: Page) -> None:
        assert await page.invoke("add", 1, 2) == 3

    async with opened(face, address) as page:
        await add(page)
        end = ipc.observe(late)
        await add(page)
        end()
        await add(page)
    assert late.of("in") == [("invoke", "add")]
    assert late.of("ended") == [("add", "ok", "")]


# ---- who does not come in ------------------------------------------------------------


async def test_who_is_refused(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    ipc = IpcMain(limits=Limits(hello_timeout=0.01))  # it never says one
    ipc.observe(recorder)
    async with (
        serve(ipc, listen="127.0.0.1:0", authenticate=lambda _: None) as main,
        aio.insecure_channel(main.address) as channel,
    ):
        page = RawPage(channel)
        assert await page.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(aio.AioRpcError):
            await send_sync(page, "sync")
    assert recorder.seen == [("refused", "somebody", None, "ACCESS_DENIED")] * 2
    gc.collect()
    assert not [r for r in caplog.records if r.name == "asyncio"], "nothing is left"


async def test_what_is_refused_outside_a_stream(
    recorder: Recorder, ipc: IpcMain
) -> None:
    async with serving(ipc) as (_, channel), raw_page(channel) as page:
        for token, key in (b"", "A"), (b"of nobody", "a"):
            bad = pb.Metadata(key=key)
            with pytest.raises(aio.AioRpcError):
                await send_sync(page, "sync", token=token, metadata=[bad])
    assert recorder.of("refused") == [("somebody", None, "PROTOCOL")]
    assert not recorder.calls


async def test_a_renderer_that_sends_too_much() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    ipc = IpcMain(limits=Limits(max_rate=1.0))
    ipc.observe(recorder)

    @ipc.on("x")
    async def _(_: object) -> None:
        await gate.wait()

    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        await page.write(messages=3 * [event("x")])  # however long a second takes
        await until(lambda: recorder.of("overloaded"))
        gate.set()
    assert recorder.of("overloaded") == [("in", "", "wait")]


async def test_events_that_give_way(recorder: Recorder) -> None:
    ipc = IpcMain(overflow="drop_oldest")
    ipc.observe(recorder)
    async with (
        serving(ipc) as (_, channel),
        raw_page(channel, acks=True, window_messages=1) as page,
    ):
        (contents,) = ipc.web_contents
        for i in range(4):
            contents.send("x", i)
        await until(lambda: page.events())
    assert recorder.of("out") == [("event", "x")] * 4
    assert set(recorder.of("overloaded")) == {("out", "x", "drop_oldest")}
