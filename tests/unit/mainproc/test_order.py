"""The order of one renderer's messages, and what may hold their dispatch up."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from mainproc import IpcError, IpcMain, Overloaded
from mainproc.sessions import turns
from renderer.wire.limits import Limits, Peer
from tests.support.logs import keep_slowness
from tests.unit.mainproc.page import connected, main_with

UNBOUNDED = Peer()
"""What a renderer takes main for that does not mind its window."""


async def test_coroutines_run_to_their_first_await() -> None:
    """Before the next message is dispatched; on 3.11 that takes a turn of the loop."""
    ipc, ran = main_with(), list[Any]()

    @ipc.on("async")
    async def _(event: Any, n: int) -> None:
        ran.append(n)
        await asyncio.sleep(0)

    @ipc.handle("handle")
    async def _(event: Any, n: int) -> None:
        ran.append(n)
        await asyncio.sleep(0)

    ipc.on("plain", lambda event, n: ran.append(n))
    async with connected(ipc) as page:
        for n in range(0, 30, 3):
            page.put("async", n)
            page.call("handle", n + 1, sync=False)
            page.put("plain", n + 2)
        await page.consumed()
    assert ran == list(range(30))


async def test_an_awaitable_that_is_no_coroutine() -> None:
    ipc, future = main_with(), asyncio.get_running_loop().create_future()
    ipc.handle("x", lambda event: future)
    async with connected(ipc) as page:
        reply = page.call("x")
        await page.consumed()
        future.set_result("its result")
        assert await reply == "its result"


async def test_threaded_listeners_run_in_order() -> None:
    ipc, ran, go = main_with(), list[int](), threading.Event()

    @ipc.on("x", thread=True)
    def _(event: Any, n: int) -> None:
        go.wait(10)
        ran.append(n)
        if n == 49:
            event.reply("done")

    async with connected(ipc) as page:
        for n in range(50):
            page.put("x", n)
        await page.consumed()
        assert not ran
        go.set()
        await page.hears("done")
    assert ran == list(range(50))


async def test_threaded_handlers_run_concurrently() -> None:
    ipc, meeting = main_with(), threading.Barrier(8, timeout=10)
    ipc.handle("x", lambda event: meeting.wait() >= 0, thread=True)
    async with connected(ipc) as page:
        replies = [page.call("x") for _ in range(8)]
        page.flush()
        assert await asyncio.gather(*replies) == [True] * 8


async def test_threaded_handlers_may_all_wait_for_a_threaded_listener() -> None:
    ipc, go = main_with(), threading.Event()
    ipc.handle("wait", lambda event: go.wait(10), thread=True)
    ipc.on("go", lambda event: go.set(), thread=True)
    async with connected(ipc) as page:
        replies = [page.call("wait") for _ in range(100)]
        page.put("go")
        page.flush()
        assert await asyncio.gather(*replies) == [True] * 100


async def test_500_handlers_wait_for_later_events_of_the_same_renderer() -> None:
    ipc = main_with()
    waiting: dict[int, asyncio.Future[None]] = {}

    @ipc.handle("wait")
    async def _(event: Any, n: int) -> int:
        waiting[n] = asyncio.get_running_loop().create_future()
        await waiting[n]
        return n

    ipc.on("go", lambda event, n: waiting[n].set_result(None))
    async with connected(ipc) as page:
        replies = [page.call("wait", n) for n in range(500)]
        for n in reversed(range(500)):
            page.put("go", n)
        page.flush()
        assert await asyncio.gather(*replies) == list(range(500))


async def test_only_so_much_runs_at_once() -> None:
    ipc, go, ran = main_with(max_running=3), asyncio.Event(), list[int]()

    @ipc.on("x")
    async def _(event: Any, n: int) -> None:
        ran.append(n)
        await go.wait()

    ipc.on("after", lambda event: ran.append(-1))
    async with connected(ipc) as page:
        for n in range(5):
            page.put("x", n)
        page.put("after")
        page.flush()
        await page.until(lambda: page.session.outbox.written == 6)
        page.session.request_ack()
        # Full it is as soon as the third is to begin.
        await page.until(lambda: page.connection._work.full and len(ran) > 2)  # noqa: SLF001
        assert ran == [0, 1, 2]
        go.set()
        await page.consumed()
    assert ran == [0, 1, 2, 3, 4, -1]


async def test_sync_messages_are_not_held_back_by_what_runs() -> None:
    """Nor what stands before them: their callers may be what all the rest waits for."""
    ipc, go = main_with(max_running=2), asyncio.Event()

    @ipc.handle("wait")
    async def _(event: Any) -> None:
        await go.wait()

    @ipc.on("sync")
    def _(event: Any) -> None:
        event.return_value = "now"

    async with connected(ipc) as page:
        replies = [page.call("wait") for _ in range(3)]
        assert await page.send_sync("sync") == "now"
        go.set()
        await asyncio.gather(*replies)


async def test_an_echo_listener_is_braked_and_loses_nothing() -> None:
    ipc = main_with()
    ipc.on("ping", lambda event, n: event.reply("pong", n))
    count = 1_000
    async with connected(ipc, limits=Limits(window_messages=100), slow=True) as page:
        for n in range(count):  # main's window is wide, only its own is narrow
            page.session.outbox.put(_event("ping", n), UNBOUNDED)
        page.flush()
        # It takes a window's worth at a time, as late as it may.
        while len(page.events("pong")) < count:
            heard = len(page.events("pong"))
            await page.hears("pong", min(count, heard + 20))
            assert page.session.inbox.waiting <= 4 * 100
            page.catch_up()
            page.flush()
    assert page.events("pong") == [[n] for n in range(count)]


async def test_a_renderer_without_acks_is_braked_by_its_link() -> None:
    ipc = main_with(window_messages=50)
    ipc.on("ping", lambda event, n: event.reply("pong", n))
    async with connected(ipc) as page:
        peer = page.connection.session.peer
        page.connection.session.peer = type(peer)(
            window_messages=50, acks=False, features=peer.features
        )
        for n in range(0, 1_000, 50):
            for i in range(n, n + 50):
                page.session.outbox.put(_event("ping", i), UNBOUNDED)
            page.flush()
        await page.hears("pong", 1_000)
        await asyncio.wait_for(page.contents.drain(), 10)
    assert page.events("pong") == [[n] for n in range(1_000)]


async def test_overloaded() -> None:
    ipc = main_with()
    options: Any = {"limits": Limits(window_messages=10), "slow": True}
    async with connected(ipc, **options) as page:
        page.contents.title = "left"
        for n in range(10):
            assert page.contents.send("x", n)
        with pytest.raises(Overloaded) as caught:
            page.contents.send("x", 10)
        assert str(caught.value) == (
            f"10 messages (0.0 MiB) wait for renderer {page.contents.id} 'left'; "
            "await contents.drain()"
        )
        draining = asyncio.ensure_future(page.contents.drain())
        await page.hears("x", 10)
        assert not draining.done()
        page.catch_up()
        page.flush()
        await asyncio.wait_for(draining, 10)
        assert page.contents.send("x", 10)


async def test_a_turn_may_overshoot_the_window_four_times() -> None:
    ipc, sent = main_with(), list[int]()

    @ipc.on("flood")
    def _(event: Any) -> None:
        for n in range(40):
            event.reply("x", n)
            sent.append(n)
        with pytest.raises(Overloaded):
            event.reply("x", 40)

    async with connected(ipc, limits=Limits(window_messages=10), slow=True) as page:
        page.send("flood")
        await page.hears("x", 40)
    assert len(sent) == 40


async def test_drain_ends_with_the_renderer() -> None:
    ipc = main_with()
    async with connected(ipc, limits=Limits(window_messages=2), slow=True) as page:
        page.contents.send("x")
        page.contents.send("x")
        draining = asyncio.ensure_future(page.contents.drain())
        gone = asyncio.ensure_future(page.contents.drain())
        await asyncio.sleep(0)
        gone.cancel()
        await page.cut()
        await asyncio.wait_for(draining, 10)


async def test_a_renderer_that_overruns_its_window_is_not_read() -> None:
    """Until the dispatcher has caught up; nothing is lost."""
    ipc, go, ran = main_with(window_messages=5, max_running=1), asyncio.Event(), [0]

    @ipc.on("x")
    async def _(event: Any) -> None:
        ran[0] += 1
        await go.wait()

    async with connected(ipc) as page:
        for _frame in range(4):
            for _message in range(
                4
            ):  # a frame each: the fake does not keep to the window
                page.session.outbox.put(_event("x"), UNBOUNDED)
            page.flush()
        await page.until(lambda: page.is_held_back)
        assert not page.link.arriving.empty()
        go.set()
        await page.consumed()
    assert ran == [16]


async def test_a_goodbye_to_one_that_overran() -> None:
    ipc = main_with(window_messages=5, max_running=1)

    @ipc.on("x")
    async def _(event: Any) -> None:
        await asyncio.Future()

    async with connected(ipc) as page:
        for _message in range(9):
            page.session.outbox.put(_event("x"), UNBOUNDED)
        page.flush()
        await page.until(lambda: page.is_held_back)
        page.contents.close("away with you")
        await page.until(lambda: page.closed)
        await asyncio.wait_for(page.serving, 10)
        page.connection._work.cancel()  # noqa: SLF001


async def test_a_plain_function_that_holds_main(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_slowness(caplog)
    ipc, now = main_with(), [0.0]
    monkeypatch.setattr("mainproc.dispatch.monotonic", lambda: now[0])

    def train(event: Any) -> None:
        now[0] += 2.1

    ipc.on("train", train)
    ipc.handle("ask", train)
    ipc.on("quick", lambda event: None)
    async with connected(ipc) as page:
        for _ in range(3):
            page.send("train")
            page.send("quick")
            await page.invoke("ask")
    held = [r.message for r in caplog.records if "held main" in r.message]
    assert held == [
        "listener for 'train' held main for 2.1 s; register it with thread=True",
        "handler for 'ask' held main for 2.1 s; register it with thread=True",
    ]


async def test_others_get_the_loop_while_one_floods() -> None:
    ipc, seen = main_with(), list[str]()

    def slow(event: Any) -> None:
        until = time.perf_counter() + 0.0005
        while time.perf_counter() < until:
            pass
        seen.append("flood")

    ipc.on("flood", slow)
    ipc.on("other", lambda event: seen.append("other"))
    async with connected(ipc) as page, connected(ipc) as other:
        for _ in range(200):
            page.put("flood")
        page.flush()
        other.send("other")
        await other.consumed()
        await page.consumed()
    assert seen.index("other") < 150


async def test_debug_level_costs_no_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ipc.main")
    ipc, ran = IpcMain(), list[int]()
    ipc.on("x", lambda event, n: ran.append(n))
    async with connected(ipc) as page:
        for n in range(10):
            page.send("x", n)
        await page.consumed()
    assert ran == list(range(10))


def _event(channel: str, *args: object) -> Any:
    from renderer.wire import messages

    return messages.event(channel, args)


async def test_what_sync_messages_may_exceed_has_an_end() -> None:
    ipc, ran, gate = IpcMain(limits=Limits(max_running=2)), list[int](), asyncio.Event()

    @ipc.handle("wait")
    async def wait(event: Any, number: int) -> None:
        ran.append(number)
        await gate.wait()

    ipc.on("last", lambda event: setattr(event, "return_value", 1))
    async with connected(ipc) as page:
        for number in range(20):
            page.call("wait", number)
        last = page.call("last", sync=True)
        page.flush()
        await page.until(lambda: len(ran) == 8)
        assert not last.done()
        gate.set()
        assert await asyncio.wait_for(last, 10) == 1
        assert ran == list(range(20))


async def test_messages_that_wait_for_what_runs_are_told_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_HELD_TOO_LONG", 0.0)
    ipc, gate = IpcMain(limits=Limits(max_running=1)), asyncio.Event()
    ipc.handle("wait", lambda event: gate.wait())
    async with connected(ipc) as page:
        replies = [page.call("wait") for _ in range(3)]
        page.flush()
        await page.until(lambda: "what else it sends waits" in caplog.text)
        gate.set()
        await asyncio.wait_for(asyncio.gather(*replies), 10)
    assert caplog.text.count("what else it sends waits") == 1


async def test_a_sync_message_beside_the_stream_is_not_kept_waiting_by_what_runs() -> (
    None
):
    ipc, gate = main_with(max_running=1), asyncio.Event()
    ipc.handle("wait", lambda event: gate.wait())
    ipc.on("x", lambda event: None)

    @ipc.on("open")
    def open_gate(event: Any) -> None:
        gate.set()
        event.return_value = True

    async with connected(ipc) as page:
        running = page.call("wait")
        page.put("x")  # number 2, which waits for what runs
        page.flush()
        await page.until(lambda: page.connection.session.inbox.received == 2)
        beside = page.connection.incoming.serve_sync(
            "open", [], size=0, id=0, after=2, timeout=10, packed=False
        )
        await asyncio.wait_for(beside.reply, 10)
        await asyncio.wait_for(running, 10)


async def test_the_id_of_a_call_that_was_cancelled_may_come_again() -> None:
    ipc, gate = main_with(max_running=1), asyncio.Event()
    ipc.handle("wait", lambda event: gate.wait())
    async with connected(ipc) as page:
        page.call("wait", id=1)
        queued = page.call("wait", id=7)
        page.cancel(7)
        page.flush()
        gate.set()
        with pytest.raises(IpcError) as cancelled:
            await asyncio.wait_for(queued, 10)
        assert cancelled.value.reason == "CANCELLED"
        assert await page.invoke("wait", id=7) is True
