"""Electron's cases of `WebContents.ipc`: listeners for one renderer's messages."""

from __future__ import annotations

import pytest

from mainproc import IpcMain, IpcMainEvent
from tests.electron.conftest import OpenPage
from tests.electron.faces import Inbox, Page


@pytest.mark.electron("W1")
async def test_receives_ipc_messages_sent_from_the_web_contents(
    page: Page, open_page: OpenPage
) -> None:
    inbox = Inbox()
    page.contents.ipc.on("test", inbox)
    async with open_page() as other:
        await other.send("test", "of another")
        await other.flush()
    await page.send("test", 42)
    event, number = await inbox.next()
    assert (event.sender, number) == (page.contents, 42)


@pytest.mark.electron("W2")
async def test_receives_sync_ipc_messages_sent_from_the_web_contents(
    page: Page,
) -> None:
    @page.contents.ipc.on("test")
    def _(event: IpcMainEvent, number: int) -> None:
        event.return_value = number * 2

    assert await page.send_sync("test", 42) == 84


@pytest.mark.electron("W4")
async def test_handles_invoke_messages_sent_from_the_web_contents(page: Page) -> None:
    page.contents.ipc.handle("test", lambda event, number: number * 2)
    assert await page.invoke("test", 42) == 84


@pytest.mark.electron("W5")
async def test_cascades_to_ipc_main(ipc: IpcMain, page: Page) -> None:
    called: list[str] = []
    ipc.on("test", lambda event: called.append("main"))
    page.contents.ipc.on("test", lambda event: called.append("contents"))
    await page.send("test")
    await page.flush()
    assert called == ["contents", "main"]


@pytest.mark.electron("W6")
async def test_overrides_ipc_main_handlers(ipc: IpcMain, page: Page) -> None:
    called: list[str] = []
    ipc.handle("test", lambda event: called.append("main"))
    page.contents.ipc.handle("test", lambda event: "of the contents")
    assert await page.invoke("test") == "of the contents"
    assert called == []


@pytest.mark.electron("W7")
async def test_falls_back_to_ipc_main_handlers(ipc: IpcMain, page: Page) -> None:
    ipc.handle("test", lambda event: "of main")
    page.contents.ipc.handle("another", lambda event: "of the contents")
    assert await page.invoke("test") == "of main"
