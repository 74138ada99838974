"""Sync messages: who answers, when, and what is said when nobody does."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mainproc import (
    DataCloneError,
    IpcMain,
    IpcTimeout,
    NoListener,
    RemoteError,
    ReplyNeverSent,
)
from mainproc.sessions import Sessions
from mainproc.testing import connected_aio
from renderer.wire import messages
from tests.support.leap import leap
from tests.unit.mainproc.page import connected, main_with


class Keeping(logging.Handler):
    """Keeps every record, and so every traceback and what its frames hold."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def keeping() -> Iterator[Keeping]:
    handler = Keeping()
    logger = logging.getLogger("ipc")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def plain(ipc: IpcMain, channel: str, fn: Callable[..., Any]) -> None:
    ipc.on(channel, fn)


def threaded(ipc: IpcMain, channel: str, fn: Callable[..., Any]) -> None:
    ipc.on(channel, fn, thread=True)


def asynchronous(ipc: IpcMain, channel: str, fn: Callable[..., Any]) -> None:
    async def listener(event: Any, *args: Any) -> Any:
        return fn(event, *args)

    ipc.on(channel, listener)


def later(ipc: IpcMain, channel: str, fn: Callable[..., Any]) -> None:
    async def listener(event: Any, *args: Any) -> Any:
        await asyncio.sleep(0)
        return fn(event, *args)

    ipc.on(channel, listener)


KINDS = [plain, threaded, asynchronous, later]


@pytest.mark.parametrize("on", KINDS)
@pytest.mark.usefixtures("keeping", "without_collector")
async def test_four_outcomes(on: Callable[..., None]) -> None:
    """They are immediate and distinct, although a record keeps every traceback."""
    ipc = IpcMain()

    def sets(value: object) -> Callable[..., None]:
        def listener(event: Any) -> None:
            event.return_value = value

        return listener

    def raises(event: Any) -> None:
        raise ValueError("boom")

    on(ipc, "unset", lambda event: None)
    on(ipc, "raises", raises)
    on(ipc, "two", sets(1))
    on(ipc, "two", sets(2))
    async with connected_aio(ipc) as page:
        with pytest.raises(
            NoListener, match=r"^no listener for 'unsett'; did you mean"
        ):
            await page.send_sync("unsett")
        with pytest.raises(ReplyNeverSent, match=r"^'unset': 1 listener ran \("):
            await page.send_sync("unset")
        with pytest.raises(RemoteError) as raised:
            await page.send_sync("raises")
        assert str(raised.value) == (
            "Error invoking remote method 'raises': ValueError: boom"
        )
        assert await page.send_sync("two") == 1


async def test_never_set_says_who_ran_and_what_was_returned() -> None:
    ipc = IpcMain()

    @ipc.on("add")
    def add(event: Any, a: int, b: int) -> int:
        return a + b

    async with connected_aio(ipc) as page:
        with pytest.raises(ReplyNeverSent) as caught:
            await page.send_sync("add", 1, 2)
    text = re.sub(r":\d+", ":12", str(caught.value))
    assert text == (
        "'add': 1 listener ran (test_never_set_says_who_ran_and_what_was_returned."
        "<locals>.add, test_sync.py:12) and returned a value; "
        "set event.return_value, or use handle and invoke"
    )


async def test_one_raises_another_sets() -> None:
    ipc = IpcMain()
    ipc.on("x", lambda event: 1 / 0)
    ipc.on("x", lambda event: setattr(event, "return_value", "mine"))
    async with connected_aio(ipc) as page:
        assert await page.send_sync("x") == "mine"


async def test_one_raises_while_another_still_runs() -> None:
    ipc, go = IpcMain(), asyncio.Event()
    ipc.on("x", lambda event: 1 / 0)

    @ipc.on("x")
    async def sets(event: Any) -> None:
        await go.wait()
        event.return_value = "late"

    async with connected_aio(ipc) as page:
        reply = page.send_sync("x")
        await page.flush()
        assert not reply.done()
        go.set()
        assert await reply == "late"


async def test_a_handler_is_no_listener() -> None:
    ipc = IpcMain()
    ipc.handle("add", lambda event: 1)
    async with connected_aio(ipc) as page:
        with pytest.raises(NoListener, match=r"'add' \(it has a handler: use invoke\)"):
            await page.send_sync("add")


async def test_the_first_set_wins() -> None:
    ipc, kept = IpcMain(), list[Any]()

    @ipc.on("x")
    def listener(event: Any) -> None:
        event.return_value = "first"
        event.returnValue = "second"
        kept.append(event)

    async with connected_aio(ipc) as page:
        assert await page.send_sync("x") == "first"
        kept[0].return_value = "third"
        assert kept[0].return_value == kept[0].returnValue == "first"


async def test_set_late_and_from_a_thread() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with connected_aio(ipc) as page:
        reply = page.send_sync("x")
        await page.flush()
        assert not reply.done()
        thread = threading.Thread(
            target=lambda: setattr(kept[0], "return_value", "late")
        )
        thread.start()
        assert await reply == "late"
        thread.join()


@pytest.mark.usefixtures("without_collector")
async def test_a_kept_event_is_dropped_later() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with connected_aio(ipc) as page:
        reply = page.send_sync("x")
        await page.flush()
        assert not reply.done()
        kept.clear()
        with pytest.raises(ReplyNeverSent):
            await asyncio.wait_for(reply, 10)


async def test_a_kept_event_is_dropped_by_a_thread() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with connected_aio(ipc) as page:
        reply = page.send_sync("x")
        await page.flush()
        thread = threading.Thread(target=kept.clear)
        thread.start()
        with pytest.raises(ReplyNeverSent):
            await asyncio.wait_for(reply, 10)
        thread.join()


async def test_the_collector_may_find_an_event_at_any_point() -> None:
    """Also while this thread holds the session's lock: its finalizer takes none."""
    ipc, kept = main_with(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with connected(ipc) as page:
        reply = page.call("x", sync=True)
        await page.consumed()
        with page.connection._outlet.lock:  # noqa: SLF001
            kept.clear()
        with pytest.raises(ReplyNeverSent):
            await asyncio.wait_for(reply, 10)


async def test_what_cannot_be_cloned_raises_at_the_set() -> None:
    ipc, seen = IpcMain(), list[str]()

    @ipc.on("x")
    def listener(event: Any) -> None:
        try:
            event.return_value = {"user": {"callback": print}}
        except DataCloneError as error:
            seen.append(error.path)
        event.return_value = "then this"

    async with connected_aio(ipc) as page:
        assert await page.send_sync("x") == "then this"
    assert seen == ["return_value.user.callback"]


async def test_what_cannot_be_cloned_and_is_not_caught() -> None:
    ipc = IpcMain()
    ipc.on("x", lambda event: setattr(event, "return_value", print))
    async with connected_aio(ipc) as page:
        with pytest.raises(RemoteError, match="DataCloneError: return_value: "):
            await page.send_sync("x")


async def test_a_plain_event_ignores_its_return_value() -> None:
    ipc, seen = IpcMain(), list[Any]()

    @ipc.on("x")
    def listener(event: Any) -> None:
        event.return_value = print
        seen.append((event.return_value, event.cancelled, event.remaining))
        with pytest.raises(AttributeError):
            event.retrun_value = 1

    async with connected_aio(ipc) as page:
        page.send("x")
        await page.flush()
    assert seen == [(print, False, None)]


async def test_the_caller_gives_up() -> None:
    ipc, kept = main_with(), list[Any]()
    ipc.on("x", lambda event: kept.append((event, event.remaining)))
    async with connected(ipc) as page:
        reply = page.call("x", sync=True, timeout=3600)
        page.flush()
        await page.until(lambda: kept)
        leap(3600)
        with pytest.raises(IpcTimeout, match="'x' took longer than its caller waits"):
            await reply
        event, remaining = kept[0]
        assert 0 < remaining <= 3600
        assert event.cancelled
        assert event.remaining == 0
        event.return_value = "too late"
        assert event.return_value is None


async def test_cancelled_while_it_waits() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with connected_aio(ipc) as page:
        reply = page.send_sync("x")
        await page.flush()
        reply.cancel()
        await page.flush()
        assert kept[0].cancelled


async def test_a_listener_that_looks_at_a_cancelled_future() -> None:
    """It must not pass for the end of the renderer's link."""
    ipc = IpcMain()
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    for channel, on in ("plain", plain), ("async", asynchronous), ("thread", threaded):
        on(ipc, channel, lambda event: future.result())
    async with connected_aio(ipc) as page:
        for channel in "plain", "async", "thread":
            with pytest.raises(RemoteError, match="CancelledError"):
                await page.send_sync(channel)


async def test_a_threaded_listener_that_exits() -> None:
    ipc = IpcMain()
    threaded(ipc, "x", lambda event: exit(3))
    async with connected_aio(ipc) as page:
        with pytest.raises(RemoteError, match="SystemExit: 3"):
            await page.send_sync("x")


async def test_both_kinds_of_listener() -> None:
    ipc, ran = IpcMain(), list[str]()
    plain(ipc, "x", lambda event: ran.append("plain"))
    threaded(ipc, "x", lambda event: ran.append("thread"))
    asynchronous(ipc, "x", lambda event: ran.append("async"))
    async with connected_aio(ipc) as page:
        with pytest.raises(ReplyNeverSent, match="'x': 3 listeners ran"):
            await page.send_sync("x")
    assert sorted(ran) == ["async", "plain", "thread"]


async def test_a_one_shot_leaves_nothing_to_the_collector() -> None:
    ipc, kept = main_with(), list[weakref.ref[object]]()

    @ipc.on("x")
    def _(event: Any, value: object) -> None:
        kept.append(weakref.ref(event.sender))
        event.return_value = value

    sessions = Sessions(ipc)
    request = messages.sync_request("x", (1,)).SerializeToString()
    gc.disable()
    try:
        await sessions.send_sync(request, 30.0)
        assert [reference() for reference in kept] == [None]
    finally:
        gc.enable()
