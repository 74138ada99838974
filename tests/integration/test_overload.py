"""Renderers that do not keep up, and renderers that send without end."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, Limits
from renderer import IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.integration.main_support import RawPage, event, raw_page, serving
from tests.support.processes import PATIENCE
from tests.support.waiting import until


async def test_one_that_reads_and_does_not_consume_gets_the_newest() -> None:
    """It has half of its window in hand; of what waits the oldest give way."""
    sent, heard = 100_000, list[int]()
    go, all_heard = threading.Event(), threading.Event()
    ipc = IpcMain(overflow={"news": "drop_oldest"})
    async with serving(ipc) as (main, _):

        def listen() -> None:
            with IpcRenderer(main.address, title="slow") as page:

                @page.on("news")
                def _(number: int) -> None:
                    heard.append(number)
                    go.wait(2 * PATIENCE)
                    if number == sent - 1:
                        all_heard.set()

                page.connect()
                assert all_heard.wait(2 * PATIENCE)

        listening = asyncio.ensure_future(asyncio.to_thread(listen))
        await until(lambda: ipc.web_contents)
        (slow,) = ipc.web_contents
        for number in range(sent):
            assert slow.send("news", number)
            if not number % 500:
                await asyncio.sleep(0)
        assert 0 < slow.dropped < sent - 65_536 + 1
        go.set()
        await listening
        assert len(heard) == sent - slow.dropped
        assert heard == sorted(heard)
        assert heard[-1] == sent - 1


@pytest.mark.parametrize("window", [2, 64])
async def test_one_with_a_small_window_gets_the_newest(window: int) -> None:
    """However quickly main sends: one frame could take the whole window."""
    sent, heard = 2_000, list[int]()
    all_heard = asyncio.Event()
    limits = Limits(window_messages=window)
    ipc = IpcMain(overflow={"news": "drop_oldest"}, limits=limits)
    async with serving(ipc) as (main, _), AioRenderer(main.address) as page:
        page.on("news", heard.append)
        page.on("end", all_heard.set)
        (contents,) = ipc.web_contents
        for number in range(sent):
            assert contents.send("news", number)
            if not number % 100:
                await asyncio.sleep(0)
        assert contents.dropped
        await contents.drain()
        contents.send("end")
        await asyncio.wait_for(all_heard.wait(), PATIENCE)
        assert heard == sorted(heard)
        assert heard[-1] == sent - 1
        assert len(heard) == sent - contents.dropped


async def test_a_flood_over_real_sockets_leaves_room_for_others() -> None:
    """By counts: so many round trips of the quiet, while so much of the flood waits."""
    ipc, flood, over = IpcMain(), 20_000, False  # a minute's work: nobody is so late

    @ipc.on("flood")
    def _(_: Any, number: int) -> None:
        heard.append(number)
        # Of the processor's time: what others take of it is no work.
        until = time.thread_time() + 0.003
        while time.thread_time() < until and not over:
            pass

    heard = list[int]()
    ipc.handle("ping", lambda event: len(heard))
    async with (
        serving(ipc) as (main, channel),
        raw_page(channel) as flooding,
        AioRenderer(main.address) as quiet,
    ):
        await quiet.invoke("ping")
        for first in range(0, flood, 4_000):
            messages = [event("flood", first + i) for i in range(4_000)]
            await flooding.write(messages=messages)
        await until(lambda: heard)
        seen = [await quiet.invoke("ping") for _ in range(10)]
        over = True
        assert seen[-1] < flood * 2 / 3
        await until(lambda: len(heard) == flood)
    assert heard == list(range(flood))


async def test_a_rate_brakes_and_loses_nothing() -> None:
    ipc, heard = IpcMain(limits=Limits(max_rate=1_000, window_messages=50)), list[int]()
    ipc.on("x", lambda event, number: heard.append(number))
    async with serving(ipc) as (main, _):

        def send() -> None:
            with IpcRenderer(main.address) as page:
                for number in range(1_500):
                    page.send("x", number)  # waits while the window is full
                page.flush()

        await asyncio.wait_for(asyncio.to_thread(send), PATIENCE)
    assert heard == list(range(1_500))


async def test_one_renderer_too_many_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = IpcMain(limits=Limits(max_sessions=1))
    async with serving(ipc) as (_, channel):
        async with raw_page(channel, acks=True):
            await until(lambda: ipc.web_contents)
            refused = RawPage(channel)
            await refused.hello(acks=True)
            await refused.code()
            assert refused.goodbye is not None
            assert refused.goodbye.reason == pb.GOODBYE_REASON_OVERLOADED
            assert (
                refused.goodbye.message == "main has as many renderers as it takes: 1"
            )
            assert not refused.frames[0].HasField("welcome")
        await until(lambda: not ipc.web_contents)
        async with raw_page(channel, acks=True):
            await until(lambda: ipc.web_contents)
    assert "as many renderers as it takes" in caplog.text
