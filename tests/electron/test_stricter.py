"""What Electron's suite leaves open, or where Electron hangs: ours is defined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mainproc import IpcMain, IpcMainEvent, IpcMainInvokeEvent, WebContents, app
from renderer import (
    ConnectionClosed,
    DataCloneError,
    IpcTimeout,
    NoHandler,
    NoListener,
    RemoteError,
    ReplyNeverSent,
)
from tests.electron.conftest import OpenPage
from tests.electron.faces import Face, Inbox, Page
from tests.support.processes import PATIENCE
from tests.support.waiting import TIMEOUTS

# ---- sync messages -------------------------------------------------------------------
# In Electron the renderer is blocked for ever, or until a garbage collection in main.


async def test_send_sync_without_a_listener(ipc: IpcMain, page: Page) -> None:
    ipc.on("asynchronous-message", print)
    with pytest.raises(NoListener, match=r"did you mean 'asynchronous-message'\?"):
        await page.send_sync("asynchronous-mesage", timeout=None)


async def test_send_sync_to_a_handler(ipc: IpcMain, page: Page) -> None:
    ipc.handle("add", print)
    with pytest.raises(NoListener, match="use invoke"):
        await page.send_sync("add", timeout=None)


async def test_send_sync_to_a_listener_that_never_sets_a_value(
    ipc: IpcMain, page: Page
) -> None:
    ipc.on("add", lambda event, a, b: a + b)
    with pytest.raises(ReplyNeverSent, match=r"1 listener ran .* returned a value"):
        await page.send_sync("add", 1, 2, timeout=None)


async def test_send_sync_to_a_listener_that_raises(ipc: IpcMain, page: Page) -> None:
    ran: list[str] = []

    @ipc.on("test")
    def _(event: IpcMainEvent) -> None:
        raise KeyError("no such thing")

    ipc.on("test", lambda event: ran.append("the next"))
    with pytest.raises(RemoteError, match="no such thing") as caught:
        await page.send_sync("test", timeout=None)
    assert caught.value.type == "KeyError"
    assert ran == ["the next"]


async def test_send_sync_to_listeners_of_which_one_raises_and_one_answers(
    ipc: IpcMain, page: Page
) -> None:
    @ipc.on("test")
    def _(event: IpcMainEvent) -> None:
        raise KeyError("no such thing")

    @ipc.on("test")
    def _(event: IpcMainEvent) -> None:
        event.return_value = "answered"

    assert await page.send_sync("test") == "answered"


async def test_a_return_value_that_is_set_late(ipc: IpcMain, page: Page) -> None:
    held = Inbox()
    ipc.on("test", held)
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(page.send_sync("test"))
        (event,) = await held.next()
        event.return_value = "first"
        event.return_value = "second"
    assert answer.result() == "first"


async def test_a_return_value_that_cannot_be_sent(ipc: IpcMain, page: Page) -> None:
    refused: list[Exception] = []

    @ipc.on("test")
    def _(event: IpcMainEvent) -> None:
        try:
            event.return_value = {"callback": print}
        except Exception as error:
            refused.append(error.with_traceback(None))  # it would keep the event
        event.return_value = "a later one"

    assert await page.send_sync("test") == "a later one"
    (error,) = refused
    assert str(error).startswith("return_value.callback: ")


async def test_send_sync_that_nobody_answers_in_time(ipc: IpcMain, page: Page) -> None:
    held = Inbox()
    ipc.on("test", held)
    for timeout in TIMEOUTS:
        with pytest.raises(IpcTimeout):
            await page.send_sync("test", timeout=timeout)
        await page.flush()  # main has learned of it by then
        if held:
            break
    (event,) = await held.next()
    assert event.cancelled


# ---- invoke --------------------------------------------------------------------------


async def test_a_result_that_cannot_be_sent(ipc: IpcMain, page: Page) -> None:
    ipc.handle("test", lambda event: {"list": [0, print]})
    with pytest.raises(RemoteError, match=r"result\.list\[1\]") as caught:
        await page.invoke("test")
    assert caught.value.type == "DataCloneError"


class Refused(Exception):
    """An error with something for programs."""

    def __init__(self, code: int) -> None:
        super().__init__("not now")
        self.details = {"code": code}


# Electron keeps class and message in one text, and takes an empty one for success.
@pytest.mark.parametrize(
    ("error", "type_", "message", "details"),
    [
        (TypeError("boom"), "TypeError", "boom", None),
        (ValueError(""), "ValueError", "", None),
        (Refused(7), "Refused", "not now", {"code": 7}),
        (RemoteError("Of.Mine", "text", [1]), "Of.Mine", "text", [1]),
    ],
    ids=["TypeError", "without a text", "with details", "on purpose"],
)
async def test_errors_keep_class_message_and_details(
    ipc: IpcMain,
    page: Page,
    error: Exception,
    type_: str,
    message: str,
    details: object,
) -> None:
    def handler(*_: object) -> None:
        raise error

    ipc.handle("test", handler)
    with pytest.raises(RemoteError) as caught:
        await page.invoke("test")
    came = caught.value
    assert (came.type, came.message, came.details) == (type_, message, details)


async def test_one_of_many_gets_a_handler_that_is_there_once(
    ipc: IpcMain, page: Page
) -> None:
    ran: list[int] = []

    @ipc.handle_once("test")
    async def _(event: object, number: int) -> int:
        ran.append(number)
        await asyncio.sleep(0)
        return number

    calls = [await page.begin_invoke("test", number) for number in range(20)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert results[0] == 0
    assert {type(result) for result in results[1:]} == {NoHandler}
    assert ran == [0]


@pytest.fixture
async def began(ipc: IpcMain) -> Inbox:
    """Told when a handler that never returns has begun."""
    began = Inbox()

    @ipc.handle("test")
    async def _(event: IpcMainInvokeEvent) -> None:
        ended = Inbox()
        began(ended)
        try:
            await asyncio.Event().wait()
        finally:
            ended(event.cancelled)

    return began


async def test_the_handler_is_cancelled_when_its_caller_cancels(
    page: Page, began: Inbox
) -> None:
    reply: Any = await page.begin_invoke("test")
    (ended,) = await began.next()
    assert reply.cancel()
    assert await ended.next() == (True,)
    with pytest.raises(asyncio.CancelledError):
        await reply


async def test_the_handler_is_cancelled_when_its_renderer_leaves(
    open_page: OpenPage, began: Inbox
) -> None:
    async with open_page() as page:
        reply = await page.begin_invoke("test")
        (ended,) = await began.next()
    assert await ended.next() == (True,)
    with pytest.raises(ConnectionClosed):
        await reply


# ---- from main to a renderer ---------------------------------------------------------


async def test_what_a_handler_sends_arrives_before_its_result(
    ipc: IpcMain, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On an event loop, results go ahead of listeners that have taken up their time.
    monkeypatch.setattr("renderer.aio.dispatcher.LONGEST_TURN", PATIENCE)

    @ipc.handle("test")
    def report(event: IpcMainInvokeEvent, number: int) -> None:
        event.sender.send("progress", number)
        event.sender.send("progress", number)

    order: list[tuple[str, int]] = []
    done = Inbox()
    page.on("progress", lambda number: order.append(("progress", number)))

    def note(number: int) -> Callable[[object], None]:
        def result(_: object) -> None:
            order.append(("result", number))
            done()

        return result

    # Callbacks of replies run where listeners do; who waits may go on before that.
    for number in range(50):
        reply: Any = await page.begin_invoke("test", number)
        reply.add_done_callback(note(number))
    for _ in range(50):
        await done.next()
    for number in range(50):
        of_this = [kind for kind, its_number in order if its_number == number]
        assert of_this == ["progress", "progress", "result"]


async def test_what_main_cannot_send_is_refused_where_it_is_sent(page: Page) -> None:
    # Electron writes a line to its console, and send seems to have worked.
    inbox = page.inbox("test")
    with pytest.raises(DataCloneError, match="function is not cloneable") as refused:
        page.contents.send("test", {"callback": report})
    assert refused.value.path == "args[0].callback"
    page.contents.send("test", "still there")
    assert await inbox.next() == ("still there",)


def report() -> None: ...


async def test_a_listener_that_is_there_before_connecting_misses_nothing(
    face: Face, address: str
) -> None:
    def greet(contents: WebContents) -> None:
        for count in range(100):
            contents.send("greeting", count)

    with app.on("web-contents-created", greet):
        page = face(address)
        try:
            inbox = page.inbox("greeting")
            await page.connect()
            for count in range(100):
                assert await inbox.next() == (count,)
        finally:
            await page.close()
            page.end()
