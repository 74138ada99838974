"""Electron's cases of `invoke`."""

from __future__ import annotations

import asyncio

import pytest

from mainproc import IpcMain, IpcMainInvokeEvent
from renderer import DuplicateHandler, IpcTimeout, NoHandler, RemoteError
from tests.electron.faces import Page
from tests.support.processes import PATIENCE
from tests.support.waiting import TIMEOUTS


@pytest.mark.electron("I1")
async def test_receives_a_response_from_a_synchronous_handler(
    ipc: IpcMain, page: Page
) -> None:
    heard: list[object] = []

    @ipc.handle_once("test")
    def _(event: IpcMainInvokeEvent, arg: int) -> int:
        heard.append(arg)
        return 3

    assert await page.invoke("test", 123) == 3
    assert heard == [123]
    with pytest.raises(NoHandler):
        await page.invoke("test", 123)


@pytest.mark.electron("I2")
async def test_receives_a_response_from_an_asynchronous_handler(
    ipc: IpcMain, page: Page
) -> None:
    heard: list[object] = []

    @ipc.handle_once("test")
    async def _(event: IpcMainInvokeEvent, arg: int) -> int:
        heard.append(arg)
        await asyncio.sleep(0)
        return 3

    assert await page.invoke("test", 123) == 3
    assert heard == [123]


@pytest.mark.electron("I3")
async def test_receives_an_error_from_a_synchronous_handler(
    ipc: IpcMain, page: Page
) -> None:
    @ipc.handle_once("test")
    def _(event: IpcMainInvokeEvent) -> None:
        raise ValueError("some error")

    with pytest.raises(RemoteError) as caught:
        await page.invoke("test")
    # Electron keeps this text only; ours has its parts, too.
    text = "Error invoking remote method 'test': ValueError: some error"
    assert str(caught.value) == text
    assert (caught.value.type, caught.value.message) == ("ValueError", "some error")


@pytest.mark.electron("I4")
async def test_receives_an_error_from_an_asynchronous_handler(
    ipc: IpcMain, page: Page
) -> None:
    @ipc.handle_once("test")
    async def _(event: IpcMainInvokeEvent) -> None:
        await asyncio.sleep(0)
        raise ValueError("some error")

    with pytest.raises(RemoteError) as caught:
        await page.invoke("test")
    text = "Error invoking remote method 'test': ValueError: some error"
    assert str(caught.value) == text


@pytest.mark.electron("I5")
async def test_raises_if_no_handler_is_registered(page: Page) -> None:
    # An error of its own class, so not in the envelope of what handlers raise.
    with pytest.raises(NoHandler, match=r"^No handler registered for 'test'$"):
        await page.invoke("test")


@pytest.mark.electron("I6")
async def test_raises_when_invoking_a_handler_that_was_removed(
    ipc: IpcMain, page: Page
) -> None:
    ipc.handle("test", lambda event: 3)
    assert await page.invoke("test") == 3
    ipc.remove_handler("test")
    with pytest.raises(NoHandler, match=r"^No handler registered for 'test'$"):
        await page.invoke("test")


@pytest.mark.electron("I7")
async def test_forbids_multiple_handlers(ipc: IpcMain, page: Page) -> None:
    ipc.handle("test", lambda event: "first")
    with pytest.raises(
        DuplicateHandler, match=r"^Attempted to register a second handler for 'test'"
    ):
        ipc.handle("test", lambda event: "second")
    assert await page.invoke("test") == "first"


@pytest.mark.electron("I8")
async def test_raises_in_the_renderer_if_nobody_is_going_to_reply(
    ipc: IpcMain, page: Page
) -> None:
    # In Electron the collector finds a handler that never resolves. Our dispatcher
    # holds the tasks of handlers, so this is what the caller's deadline is for.
    begun, ended = asyncio.Event(), asyncio.Event()

    @ipc.handle("test")
    async def _(event: IpcMainInvokeEvent) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    for timeout in TIMEOUTS:
        with pytest.raises(IpcTimeout):
            await page.invoke("test", timeout=timeout)
        await page.flush()
        if begun.is_set():
            break
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
