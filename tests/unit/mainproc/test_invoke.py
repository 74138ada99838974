"""Invokes: one handler, one reply, whatever becomes of the caller."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest

from mainproc import (
    DataCloneError,
    DuplicateHandler,
    IpcError,
    IpcMain,
    IpcTimeout,
    NoHandler,
    PayloadTooLarge,
    RemoteError,
)
from mainproc.testing import connected_aio
from renderer.wire.limits import Limits
from renderer.wire.parcel import Parcel
from tests.support.leap import leap
from tests.unit.mainproc.page import Page, connected, main_with


async def test_results() -> None:
    ipc = IpcMain()
    ipc.handle("plain", lambda event, a, b: a + b)
    ipc.handle("thread", lambda event, a, b: a + b, thread=True)

    @ipc.handle("async")
    async def _(event: Any, a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    async with connected_aio(ipc) as page:
        for channel in "plain", "thread", "async":
            assert await page.invoke(channel, 1, 2) == 3


async def test_raising() -> None:
    ipc = IpcMain()

    class Refused(Exception):
        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.details = {"code": 7}

    def plain(event: Any) -> None:
        raise Refused("no")

    async def later(event: Any) -> None:
        await asyncio.sleep(0)
        raise Refused("no")

    def on_purpose(event: Any) -> None:
        raise RemoteError("Teapot", "short and stout", [1])

    ipc.handle("plain", plain)
    ipc.handle("thread", plain, thread=True)
    ipc.handle("async", later)
    ipc.handle("purpose", on_purpose)
    async with connected_aio(ipc) as page:
        for channel in "plain", "thread", "async":
            with pytest.raises(RemoteError) as caught:
                await page.invoke(channel)
            text = f"Error invoking remote method '{channel}': Refused: no"
            assert str(caught.value) == text
            assert caught.value.details == {"code": 7}
        with pytest.raises(RemoteError) as caught:
            await page.invoke("purpose")
        assert (caught.value.type, caught.value.details) == ("Teapot", [1])


async def test_no_handler() -> None:
    ipc = IpcMain()
    ipc.on("add", lambda event: None)
    ipc.handle("multiply", lambda event: None)
    async with connected_aio(ipc) as page:
        with pytest.raises(NoHandler) as caught:
            await page.invoke("add")
        assert str(caught.value) == (
            "No handler registered for 'add' (it has a listener: use send or send_sync)"
        )
        with pytest.raises(NoHandler, match="did you mean 'multiply'"):
            await page.invoke("multipy")


async def test_a_second_handler() -> None:
    ipc = IpcMain()
    remove = ipc.handle("X", lambda event: 1)
    text = "^Attempted to register a second handler for 'X'$"
    with pytest.raises(DuplicateHandler, match=text):
        ipc.handle("X", lambda event: 2)
    remove()
    remove()
    ipc.handle("X", lambda event: 3)
    async with connected_aio(ipc) as page:
        assert await page.invoke("X") == 3


async def test_a_handler_for_once_is_gone_before_it_runs() -> None:
    ipc = IpcMain()

    @ipc.handle_once("x")
    async def _(event: Any) -> int:
        with pytest.raises(NoHandler):
            await page.invoke("x")
        return 1

    async with connected_aio(ipc) as page:
        assert await page.invoke("x") == 1


async def test_removing_a_handler_leaves_its_invokes() -> None:
    ipc, go = IpcMain(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> str:
        await go.wait()
        return "still"

    async with connected_aio(ipc) as page:
        reply = page.invoke("x")
        await page.flush()
        ipc.remove_handler("x")
        go.set()
        assert await reply == "still"


async def test_a_result_that_cannot_be_cloned() -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: {"a": [print]})
    async with connected_aio(ipc) as page:
        with pytest.raises(RemoteError, match=r"DataCloneError: result\.a\[0\]: "):
            await page.invoke("x")


async def test_a_result_that_is_too_large(caplog: pytest.LogCaptureFixture) -> None:
    ipc = main_with()
    ipc.handle("x", lambda event: bytes(10_000))
    small = Limits(max_frame_bytes=4_096, max_message_bytes=8_000)
    async with connected(ipc, limits=small) as page:
        with pytest.raises(PayloadTooLarge) as raised:
            await page.invoke("x")
    text = r"'x': the reply has 10,0\d\d bytes; its caller takes 8,000"
    assert re.fullmatch(text, str(raised.value))
    assert str(raised.value) in caplog.text


async def test_default_converts_results() -> None:
    ipc = IpcMain(default=lambda value: repr(type(value)))
    ipc.handle("x", lambda event: object())
    async with connected_aio(ipc) as page:
        assert await page.invoke("x") == "<class 'object'>"


def falsify(page: Page, old: bytes, new: bytes) -> None:
    """Change the message that was put last, and is not written yet."""
    queued = page.session.outbox._queued  # noqa: SLF001
    parcel = queued.pop()
    assert isinstance(parcel, Parcel)
    assert parcel.data.count(old) == 1
    queued.append(parcel._replace(data=parcel.data.replace(old, new)))


async def test_arguments_that_cannot_be_read() -> None:
    """Only this message is refused."""
    ipc = main_with()
    ipc.handle("x", lambda event, *args: len(args))
    async with connected(ipc) as page:
        reply = page.call("x", 1)
        # Of the arguments, one int: an ext of 0.
        falsify(page, b"\x12\x02\x18\x02", b"\x12\x02\x40\x00")
        page.flush()
        with pytest.raises(DataCloneError) as caught:
            await reply
        assert caught.value.path == "args[0]"
        assert await page.invoke("x", 1, 2) == 2


async def test_a_cancelled_coroutine() -> None:
    ipc, cancelled = main_with(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            assert event.cancelled
            cancelled.set()
            raise

    async with connected(ipc) as page:
        reply = page.call("x")
        await page.consumed()
        page.cancel(1)
        page.flush()
        with pytest.raises(IpcError) as caught:
            await reply
        assert caught.value.reason == "CANCELLED"
        await cancelled.wait()


async def test_a_cancelled_thread_sees_it() -> None:
    ipc = IpcMain()
    running, cancelled, seen = threading.Event(), threading.Event(), list[bool]()

    @ipc.handle("x", thread=True)
    def _(event: Any) -> None:
        seen.append(event.cancelled)
        running.set()
        cancelled.wait(10)
        seen.append(event.cancelled)

    async with connected_aio(ipc) as page:
        reply = page.invoke("x")
        await asyncio.to_thread(running.wait, 10)
        reply.cancel()
        await page.flush()
        cancelled.set()
        await page.settle()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert seen == [False, True]


async def test_cancelled_in_the_frame_that_brought_it() -> None:
    ipc, ran = main_with(), list[Any]()
    ipc.handle("x", lambda event: ran.append(1))
    async with connected(ipc) as page:
        reply = page.call("x")
        page.cancel(1)
        page.flush()
        with pytest.raises(IpcError, match="the caller cancelled it"):
            await reply
    assert not ran


async def test_a_deadline_ends_the_handler() -> None:
    ipc, left, ended = main_with(), list[Any](), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        left.append(event.remaining)
        try:
            await asyncio.Future()
        finally:
            ended.set()

    async with connected(ipc) as page:
        reply = page.call("x", timeout=3600)
        page.flush()
        await page.until(lambda: left)
        leap(3600)
        with pytest.raises(IpcTimeout):
            await reply
        await ended.wait()
    assert 0 < left[0] <= 3600


async def test_a_deadline_counts_from_the_arrival() -> None:
    ipc, left, go = main_with(max_running=1), list[Any](), asyncio.Event()

    @ipc.handle("first")
    async def _(event: Any) -> None:
        await go.wait()

    @ipc.handle("second")
    def _(event: Any) -> None:
        left.append(event.remaining)

    async with connected(ipc) as page:
        page.call("first")
        reply = page.call("second", timeout=1000)
        page.flush()
        await page.until(lambda: page.connection._work.full)  # noqa: SLF001
        asyncio.get_running_loop().call_later(0.05, go.set)
        await reply
    assert left[0] < 999.96


async def test_no_deadline() -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: (event.remaining, event.cancelled))
    async with connected_aio(ipc) as page:
        assert await page.invoke("x") == [None, False]
        assert await page.invoke("x", timeout=2.0**40) == [None, False]


async def test_exactly_one_reply() -> None:
    """The fake asserts that no second one comes."""
    ipc, go = main_with(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> str:
        try:
            await go.wait()
        except asyncio.CancelledError:
            return "all the same"
        return "done"

    async with connected(ipc) as page:
        replies = [page.call("x") for _ in range(3)]
        await page.consumed()
        page.cancel(1)
        await page.consumed()
        go.set()
        outcomes = await asyncio.gather(*replies, return_exceptions=True)
        page.cancel(2)
        page.cancel(99)
        await page.consumed()
    assert isinstance(outcomes[0], IpcError)
    assert outcomes[1:] == ["done", "done"]
    assert sorted(id for name, id in page.heard if name == "reply") == [1, 2, 3]


async def test_what_a_handler_sends_comes_before_its_result() -> None:
    ipc = main_with()

    def plain(event: Any) -> None:
        event.reply("before", event.channel)

    async def later(event: Any) -> None:
        await asyncio.sleep(0)
        event.sender.send("before", event.channel)

    ipc.handle("plain", plain)
    ipc.handle("thread", plain, thread=True)
    ipc.handle("async", later)
    async with connected(ipc) as page:
        for channel in "plain", "thread", "async":
            await page.invoke(channel)
    assert page.heard[:6] == [
        ("before", ["plain"]),
        ("reply", 1),
        ("before", ["thread"]),
        ("reply", 2),
        ("before", ["async"]),
        ("reply", 3),
    ]


async def test_a_wrong_number_of_arguments(caplog: pytest.LogCaptureFixture) -> None:
    ipc = IpcMain()

    @ipc.handle("add")
    @ipc.on("add")
    def add(event: Any) -> None: ...

    @ipc.on("inside")
    def inside(event: Any) -> None:
        raise TypeError("not the call itself")

    async with connected_aio(ipc) as page:
        with pytest.raises(RemoteError, match="TypeError: "):
            await page.invoke("add", 1, 2)
        page.send("add", 1)
        page.send("inside")
        await page.flush()
    notes = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [getattr(error, "__notes__", []) for error in notes] == [
        ["main listeners get (event, *args); 'add' was sent 2 arguments"],
        ["main listeners get (event, *args); 'add' was sent 1 argument"],
        [],
    ]


async def test_an_unknown_kind_of_call() -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        reply = page.call("x", sync=True)
        falsify(page, b"\x20\x02", b"\x20\x09")
        page.flush()
        with pytest.raises(IpcError) as caught:
            await reply
    assert caught.value.reason == "UNIMPLEMENTED"


async def test_a_handler_that_closes_its_caller() -> None:
    ipc, cancelled = main_with(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        event.sender.close("enough")
        assert not event.sender.send("x")
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    async with connected(ipc) as page:
        page.call("x")
        page.flush()
        await cancelled.wait()
        await page.until(lambda: page.closed)
    assert page.heard == [("goodbye", (1, "enough"))]


def test_threads_are_for_plain_functions() -> None:
    ipc = IpcMain()

    async def listener(event: Any) -> None: ...

    for register in ipc.on, ipc.once, ipc.handle, ipc.handle_once:
        with pytest.raises(TypeError, match="thread=True is for plain functions"):
            register("x", listener, thread=True)
    assert ipc.event_names() == []
