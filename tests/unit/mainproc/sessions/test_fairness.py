"""One renderer that sends without end, and the others beside it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from mainproc import IpcError, IpcMain
from mainproc.sessions.rate import Rate
from mainproc.testing import connected_aio
from tests.support.leap import leap
from tests.unit.mainproc.page import connected, main_with

# ---- turns -------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 0.003])
async def test_a_flood_holds_nobody_up(seconds: float) -> None:
    ipc, flood = IpcMain(), 100 if seconds else 60_000
    heard = list[int]()

    @ipc.on("flood")
    def _(_: Any, i: int) -> None:
        heard.append(i)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass

    @ipc.handle("ping")
    def _(_: Any) -> int:
        return len(heard)

    async with connected(ipc) as flooding, connected(ipc) as quiet:
        for i in range(flood):
            flooding.put("flood", i)
        flooding.flush()
        seen = [await quiet.invoke("ping") for _ in range(5)]
        assert seen[-1] < flood / 2
        await flooding.until(lambda: len(heard) == flood)
    assert heard == list(range(flood))


async def test_threads_that_one_renderer_holds_are_no_matter_to_another() -> None:
    ipc, let_go = IpcMain(), asyncio.Event()
    loop = asyncio.get_running_loop()

    @ipc.handle("hold", thread=True)
    def _(_: Any) -> None:
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(30)

    @ipc.handle("ping", thread=True)
    def _(_: Any, i: int) -> int:
        return i

    async with connected(ipc) as greedy, connected(ipc) as quiet:
        held = [greedy.call("hold") for _ in range(100)]
        greedy.flush()
        await quiet.until(lambda: greedy.contents.work.running == 100)
        assert [await quiet.invoke("ping", i) for i in range(5)] == list(range(5))
        assert not any(call.done() for call in held)
        let_go.set()
        await asyncio.wait_for(asyncio.gather(*held), 30)


# ---- a rate ------------------------------------------------------------------------


def test_a_rate_allows_a_seconds_worth_at_once() -> None:
    rate = Rate(4, now=10.0)
    assert [rate.take(10.0) for _ in range(5)] == [0, 0, 0, 0, 0.25]
    assert rate.take(10.125) == 0.125
    assert rate.take(10.25) == 0
    assert rate.take(10.25) == 0.25


def test_a_rest_earns_no_more_than_a_seconds_worth() -> None:
    rate = Rate(2, now=0.0)
    assert [rate.take(100.0) for _ in range(3)] == [0, 0, 0.5]


def test_less_than_one_a_second() -> None:
    rate = Rate(0.5, now=0.0)
    assert [rate.take(0.0), rate.take(0.0)] == [0, 2.0]
    assert rate.take(1.0) == 1.0
    assert rate.take(2.0) == 0


async def test_what_comes_too_quickly_waits_and_none_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, heard = main_with(max_rate=10), list[int]()

    @ipc.on("x")
    def _(_: Any, i: int) -> None:
        heard.append(i)

    async with connected(ipc) as hasty, connected(ipc) as quiet:
        for i in range(600):
            hasty.put("x", i)
        hasty.flush()
        await hasty.until(lambda: heard)
        quiet.send("x", -1)
        await quiet.consumed()
        assert -1 in heard
        assert len(heard) < 600, "which take a minute"
        while len(heard) < 601:
            leap(1.0)
            await asyncio.sleep(0)
        await hasty.consumed()
    heard.remove(-1)
    assert heard == list(range(600))
    assert caplog.text.count("sends more than 10 messages a second") == 1


async def test_calls_and_sync_messages_wait_with_the_rest() -> None:
    ipc, order = main_with(max_rate=200), list[str]()

    @ipc.on("sync")
    def _(event: Any, i: int) -> None:
        order.append(f"sync {i}")
        event.return_value = i

    @ipc.handle("call")
    def _(_: Any, i: int) -> int:
        order.append(f"call {i}")
        return i

    async with connected(ipc) as page:
        replies = list[asyncio.Future[Any]]()
        for i in range(110):
            replies.append(page.call("sync", i, sync=True))
            replies.append(page.call("call", i))
        page.flush()
        results = await asyncio.wait_for(asyncio.gather(*replies), 10)
    assert results == [i // 2 for i in range(220)]
    assert order == [f"{kind} {i}" for i in range(110) for kind in ("sync", "call")]


async def test_who_is_gone_is_not_waited_for() -> None:
    ipc = main_with(max_rate=0.001)  # the second one may go when all this is over
    async with connected(ipc) as page:
        page.put("x")
        page.put("x")
        page.flush()
        await page.until(lambda: ipc.dispatcher.unheard == 1)
        page.contents.close()
        await page.until(lambda: page.ends)
    assert ipc.dispatcher.unheard == 1


# ---- how many ----------------------------------------------------------------------


async def test_so_many_renderers_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    ipc = main_with(max_sessions=2)
    async with connected_aio(ipc):
        async with connected_aio(ipc) as second:
            with pytest.raises(
                IpcError, match="main has as many renderers as it takes: 2"
            ):
                async with connected_aio(ipc):
                    pass
            assert len(ipc.web_contents) == 2
            second.send("still there")
            await second.settle()
        async with connected_aio(ipc) as third:
            assert third.contents in ipc.web_contents
    assert "as many renderers as it takes" in caplog.text
