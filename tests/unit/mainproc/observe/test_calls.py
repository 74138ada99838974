"""What observers are told of calls, and where handlers run then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from mainproc import (
    ConnectionClosed,
    IpcMain,
    IpcTimeout,
    Limits,
    PayloadTooLarge,
    RemoteError,
)
from mainproc.observe import ObservedCall, Observer
from mainproc.sessions import Sessions
from mainproc.sessions.unary import SessionGone
from renderer.wire import messages
from renderer.wire.metadata import Metadata
from tests.support.leap import leap
from tests.support.observers import Recorder
from tests.support.waiting import until
from tests.unit.mainproc.page import Page, connected, main_with


def observed() -> tuple[IpcMain, Recorder]:
    ipc, recorder = main_with(), Recorder()
    ipc.observe(recorder)
    return ipc, recorder


def ended(page: Page, recorder: Recorder) -> Any:
    return page.until(lambda: recorder.of("ended"))


# ---- how they end --------------------------------------------------------------------


async def raise_later(*_: object) -> None:
    await asyncio.sleep(0)
    raise LookupError("x")


def raise_at_once(*_: object) -> None:
    raise LookupError("x")


@pytest.mark.parametrize(
    ("fn", "thread"),
    [(raise_at_once, False), (raise_at_once, True), (raise_later, False)],
    ids=["plain", "thread", "async"],
)
async def test_what_is_raised(fn: Callable[..., Any], thread: bool) -> None:
    ipc, recorder = observed()
    ipc.handle("x", fn, thread=thread)
    ipc.on("x", fn, thread=thread)
    async with connected(ipc) as page:
        for sync in False, True:
            with pytest.raises(RemoteError, match="LookupError"):
                await page.invoke("x", sync=sync)
            await page.until(lambda sync=sync: len(recorder.ends) == sync + 1)
    assert recorder.of("ended") == [("x", "error", "LookupError")] * 2


async def test_what_callers_are_not_told() -> None:
    ipc, recorder = observed()
    ipc.dispatcher.mask_errors = True
    ipc.handle("x", raise_at_once)
    ipc.on("x", raise_at_once)
    async with connected(ipc) as page:
        for sync in False, True:
            with pytest.raises(RemoteError, match="InternalError"):
                await page.invoke("x", sync=sync)
    assert recorder.of("ended") == [("x", "error", "LookupError")] * 2


async def test_what_is_raised_by_another_name() -> None:
    ipc, recorder = observed()

    @ipc.handle("x")
    def _(event: object) -> None:
        raise RemoteError("Theirs", "boom")

    async with connected(ipc) as page:
        with pytest.raises(RemoteError, match="boom"):
            await page.invoke("x")
    assert recorder.of("ended") == [("x", "error", "Theirs")]


async def test_a_result_that_cannot_be_sent() -> None:
    ipc, recorder = observed()
    ipc.handle("x", lambda event: object())
    async with connected(ipc) as page:
        with pytest.raises(RemoteError):
            await page.invoke("x")
    assert recorder.of("ended") == [("x", "error", "DataCloneError")]


async def test_a_result_that_is_too_large() -> None:
    ipc, recorder = observed()
    ipc.handle("x", lambda event: bytes(10_000))
    small = Limits(max_frame_bytes=4_096, max_message_bytes=4_096)
    async with connected(ipc, limits=small) as page:
        with pytest.raises(PayloadTooLarge):
            await page.invoke("x")
    assert recorder.of("ended") == [("x", "refused", "PAYLOAD_TOO_LARGE")]
    assert recorder.of("out") == [("reply", "")]


async def test_a_reply_that_nobody_sends() -> None:
    ipc, recorder = observed()
    ipc.on("x", lambda event: None)
    async with connected(ipc) as page:
        with pytest.raises(Exception, match="1 listener ran"):
            await page.send_sync("x")
    assert recorder.of("ended") == [("x", "refused", "REPLY_NEVER_SENT")]


async def wait_for_ever(event: object) -> None:
    await asyncio.Event().wait()


async def test_time_that_is_over() -> None:
    ipc, recorder = observed()
    ipc.handle("x", wait_for_ever)
    async with connected(ipc) as page:
        reply = page.call("x", timeout=3600)
        page.flush()
        await page.until(lambda: recorder.calls)
        leap(3600)
        with pytest.raises(IpcTimeout):
            await reply
    assert recorder.of("ended") == [("x", "timeout", "TIMEOUT")]


async def test_a_caller_that_cancels() -> None:
    ipc, recorder = observed()
    ipc.handle("x", wait_for_ever)
    async with connected(ipc) as page:
        page.call("x", id=7)
        page.flush()
        await page.until(lambda: recorder.calls)
        page.cancel(7)
        page.flush()
        await ended(page, recorder)
    assert recorder.of("ended") == [("x", "cancelled", "CANCELLED")]
    assert ("in", "cancel", "") in recorder.seen


async def test_a_caller_that_goes() -> None:
    ipc, recorder = observed()
    ipc.handle("x", wait_for_ever)
    async with connected(ipc) as page:
        page.call("x")
        page.flush()
        await page.until(lambda: recorder.calls)
        await page.cut()
        await ended(page, recorder)
    assert recorder.of("ended") == [("x", "lost", "")]


async def test_its_end_is_told_where_it_is_settled() -> None:
    ipc, recorder = observed()
    ipc.handle("x", lambda event: threading.current_thread().name, thread=True)
    async with connected(ipc) as page:
        there = await page.invoke("x")
        await ended(page, recorder)
    assert recorder.threads["ended"] == there != recorder.threads["started"]


# ---- outside a stream ----------------------------------------------------------------


def request(channel: str, *args: object) -> bytes:
    return messages.sync_request(channel, args).SerializeToString()


async def test_a_one_shot() -> None:
    ipc, recorder = observed()
    ipc.on("x", lambda event, arg: setattr(event, "return_value", arg))
    sessions = Sessions(ipc)
    await sessions.send_sync(request("x", 1), 5.0)
    assert recorder.seen == [
        ("in", "sync", "x"),
        ("started", "in", "sync", "x"),
        ("ended", "x", "ok", ""),
        ("out", "reply", ""),
    ]


async def test_a_one_shot_whose_time_is_over() -> None:
    ipc, recorder = observed()
    ipc.on("x", wait_for_ever)
    sending = asyncio.ensure_future(Sessions(ipc).send_sync(request("x"), 3600))
    await until(lambda: recorder.calls)
    leap(3600)
    with pytest.raises(IpcTimeout):
        await sending
    assert recorder.of("ended") == [("x", "timeout", "TIMEOUT")]


async def test_a_one_shot_whose_caller_goes() -> None:
    ipc, recorder = observed()
    begun = asyncio.Event()
    ipc.on("x", lambda event: begun.set())
    ipc.on("x", wait_for_ever)
    sending = asyncio.ensure_future(Sessions(ipc).send_sync(request("x"), 5.0))
    await begun.wait()
    sending.cancel()
    with pytest.raises((asyncio.CancelledError, SessionGone)):
        await sending
    assert recorder.of("ended") == [("x", "lost", "")]


# ---- main asks -----------------------------------------------------------------------


async def test_main_asks() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        reply = page.contents.invoke("add", 2, 3)
        page.answer(await page.is_asked(), 5)
        assert await reply == 5
        asking = page.contents.invoke("fail")
        page.fail(await page.is_asked(2), ValueError("boom"))
        with pytest.raises(RemoteError):
            await asking
        with pytest.raises(IpcTimeout):
            await page.contents.invoke("slow", timeout=0.001)
        page.contents.invoke("cancelled").cancel()
        lost = page.contents.invoke("lost")
        await page.is_asked(5)
        await page.cut()
        with pytest.raises(ConnectionClosed):
            await lost
        with pytest.raises(ConnectionClosed):
            page.contents.invoke("gone")
    assert recorder.of("ended") == [
        ("add", "ok", ""),
        ("fail", "error", "ValueError"),
        ("slow", "timeout", "TIMEOUT"),
        ("cancelled", "cancelled", "CANCELLED"),
        ("lost", "lost", "CONNECTION_CLOSED"),
        ("gone", "lost", "CONNECTION_CLOSED"),
    ]
    assert {call.direction for call in recorder.calls} == {"out"}


async def test_main_asks_a_group() -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        page.contents.join("all")
        reply = ipc.to("all").invoke("add")
        page.answer(await page.is_asked(), 5)
        assert list((await reply).values()) == [5]
    assert recorder.of("ended") == [("add", "ok", "")]


async def test_an_unseen_failure_is_logged_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, recorder = observed()
    async with connected(ipc) as page:
        page.contents.invoke("fail")
        page.fail(await page.is_asked(), ValueError("boom"))
        await ended(page, recorder)
    assert "nobody looked at the failed invoke of 'fail'" in caplog.text


# ---- where handlers run --------------------------------------------------------------

NAME: ContextVar[str] = ContextVar("name", default="nobody")


class Namer(Observer):
    """Sets a context variable for each call."""

    def __init__(self) -> None:
        self.heard: list[Metadata] = []

    def call_started(self, call: ObservedCall) -> None:
        self.heard.append(call.metadata)
        NAME.set(f"{call.channel} {len(self.heard)}")


def name(event: object) -> str:
    return NAME.get()


async def name_later(event: object) -> str:
    before = NAME.get()
    await asyncio.sleep(0)
    assert NAME.get() == before
    return NAME.get()


async def name_in_task(event: object) -> str:
    return await asyncio.create_task(name_later(event))


@pytest.mark.parametrize(
    ("fn", "thread"),
    [(name, False), (name, True), (name_later, False), (name_in_task, False)],
    ids=["plain", "thread", "async", "task"],
)
async def test_a_handler_runs_in_the_context_of_its_call(
    fn: Callable[..., Any], thread: bool
) -> None:
    ipc = main_with()
    ipc.observe(Namer())
    ipc.handle("x", fn, thread=thread)
    async with connected(ipc) as page:
        calls = [page.call("x") for _ in range(3)]
        page.flush()
        assert await asyncio.gather(*calls) == ["x 1", "x 2", "x 3"]
        assert NAME.get() == "nobody"
        assert await page.invoke("x") == "x 4"


async def test_all_listeners_of_a_call_run_in_its_context() -> None:
    ipc = main_with()
    ipc.observe(Namer())
    names: list[str] = []

    def note(event: Any) -> None:
        names.append(NAME.get())
        NAME.set("changed")  # for itself only
        if len(names) == 3:
            event.return_value = None

    async def note_later(event: Any) -> None:
        await asyncio.sleep(0)
        note(event)

    ipc.on("x", note)
    ipc.on("x", note_later)
    ipc.on("x", note, thread=True)
    async with connected(ipc) as page:
        await page.send_sync("x")
    assert names == ["x 1"] * 3


async def test_wrong_arguments_are_still_told_from_other_errors() -> None:
    ipc = main_with()
    ipc.observe(Namer())
    ipc.handle("x", lambda event: None)
    errors: list[BaseException] = []
    ipc.on_error(lambda error, event: errors.append(error))
    async with connected(ipc) as page:
        with pytest.raises(RemoteError):
            await page.invoke("x", 1, 2)
    assert errors[0].__notes__ == [
        "main listeners get (event, *args); 'x' was sent 2 arguments"
    ]


async def test_a_call_of_mains_is_told_in_a_copy_of_its_context() -> None:
    ipc, namer = main_with(), Namer()
    ipc.observe(namer)
    async with connected(ipc) as page:
        reply = page.contents.invoke("x")
        assert NAME.get() == "nobody"
        page.answer(await page.is_asked(), None)
        await reply
    assert namer.heard == [{}]
