"""Electron's cases of `webContents` that stand in other spec files of its."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mainproc import IpcMain, WebContents
from renderer import ConnectionClosed
from tests.electron.conftest import OpenPage
from tests.electron.faces import Inbox, Page


@pytest.mark.electron("E1")
async def test_get_all_returns_all_web_contents(
    page: Page, open_page: OpenPage
) -> None:
    async with open_page() as other:
        assert WebContents.get_all() == [page.contents, other.contents]
        gone, destroyed = other.contents, Inbox()
        gone.on("destroyed", destroyed)
    await destroyed.next()
    assert WebContents.get_all() == [page.contents]


@pytest.mark.electron("E2")
async def test_from_id_returns_none_for_an_unknown_id(
    page: Page, open_page: OpenPage
) -> None:
    async with open_page() as other:
        gone, destroyed = other.contents, Inbox()
        gone.on("destroyed", destroyed)
        assert WebContents.from_id(gone.id) is gone
    await destroyed.next()
    assert WebContents.from_id(gone.id) is None
    assert WebContents.from_id(gone.id + 1_000_000) is None


@pytest.mark.electron("E3")
async def test_send_raises_when_the_channel_is_missing(page: Page) -> None:
    inbox, send = page.inbox("test"), page.contents.send
    call: Any = send
    for args in ((), (None,), (1,), (["test"],)):
        with pytest.raises(TypeError, match="channel"):
            call(*args)
    send("test")
    assert await inbox.next() == ()


def in_a_listener(ipc: IpcMain, page: Page) -> None:
    ipc.on("test", lambda event: event.sender.close("enough"))


def in_an_async_listener(ipc: IpcMain, page: Page) -> None:
    @ipc.on("test")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        event.sender.close("enough")


def in_a_thread(ipc: IpcMain, page: Page) -> None:
    ipc.on("test", lambda event: event.sender.close("enough"), thread=True)


def in_a_listener_of_its_own(ipc: IpcMain, page: Page) -> None:
    page.contents.ipc.on("test", lambda event: event.sender.close("enough"))


def in_a_handler(ipc: IpcMain, page: Page) -> None:
    ipc.handle("test", lambda event: event.sender.close("enough"))


@pytest.mark.electron("E6")
@pytest.mark.parametrize(
    ("where", "way"),
    [
        (in_a_listener, "send"),
        (in_a_listener, "send_sync"),
        (in_an_async_listener, "send"),
        (in_an_async_listener, "send_sync"),
        (in_a_thread, "send_sync"),
        (in_a_listener_of_its_own, "send_sync"),
        (in_a_handler, "invoke"),
    ],
)
async def test_close_may_be_called_in(
    ipc: IpcMain,
    page: Page,
    open_page: OpenPage,
    where: Callable[[IpcMain, Page], None],
    way: str,
) -> None:
    where(ipc, page)
    destroyed = Inbox()
    page.contents.on("destroyed", destroyed)
    if way == "send":
        await page.send("test")
    else:  # Electron's renderer is gone at once; ours is told why it gets no answer
        ask = page.send_sync if way == "send_sync" else page.invoke
        with pytest.raises(ConnectionClosed, match="said goodbye: enough"):
            await ask("test")
    await destroyed.next()
    ipc.handle("alive", lambda event: True)
    async with open_page() as other:
        assert await other.invoke("alive")
