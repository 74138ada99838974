"""Electron's cases of `ipcMain`."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from pathlib import Path

import pytest

from mainproc import IpcMain, IpcMainEvent
from tests.electron.conftest import OpenPage
from tests.electron.faces import Face, Inbox, Page


@pytest.mark.electron("A1")
async def test_send_sync_survives_that_no_reply_is_sent_and_the_renderer_is_killed(
    ipc: IpcMain, address: str, face: Face, open_page: OpenPage, tmp_path: Path
) -> None:
    held, destroyed = Inbox(), Inbox()
    ipc.on("wait", held)
    program = tmp_path / "page.py"
    program.write_text(textwrap.dedent(face.program))
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, env={**os.environ, "ELECTRON_IPC_ADDRESS": address}
    )
    try:
        (event,) = await held.next()
        event.sender.on("destroyed", destroyed)
    finally:
        process.kill()
        await process.wait()
    await destroyed.next()
    assert event.sender.is_destroyed()
    assert event.cancelled

    event.return_value = "too late"  # as harmless as in Electron
    assert event.reply("reply") is False
    ipc.handle("alive", lambda event: True)
    async with open_page() as page:
        assert await page.invoke("alive")


@pytest.mark.electron("A1")
async def test_send_sync_survives_that_no_reply_is_sent_and_main_closes_it(
    ipc: IpcMain, open_page: OpenPage
) -> None:
    held, destroyed = Inbox(), Inbox()
    ipc.on("wait", held)
    async with asyncio.TaskGroup() as tasks, open_page() as page:
        page.contents.on("destroyed", destroyed)
        answer = tasks.create_task(refused(page))
        (event,) = await held.next()
        page.contents.close("enough")
        await answer
    await destroyed.next()
    event.return_value = "too late"


async def refused(page: Page) -> None:
    with pytest.raises(ConnectionError, match="enough"):
        await page.send_sync("wait")


@pytest.mark.electron("A2")
async def test_send_sync_may_be_replied_to_by_several_listeners(
    ipc: IpcMain, page: Page
) -> None:
    called: list[str] = []

    @ipc.on("test")
    def _(event: IpcMainEvent) -> None:
        called.append("first")
        event.return_value = "hello"

    @ipc.on("test")
    def _(event: IpcMainEvent) -> None:
        called.append("second")
        event.return_value = "bonjour"
        assert event.return_value == "hello"  # and is undefined in Electron

    assert await page.send_sync("test") == "hello"
    assert called == ["first", "second"]


@pytest.mark.electron("A3")
async def test_ipc_main_is_not_used_for_internals(ipc: IpcMain, page: Page) -> None:
    # In Electron "error" is there from the start; here it is a channel like any other.
    assert ipc.event_names() == []
    assert page.contents.ipc.event_names() == []

    ipc.on("error", lambda event, text: event.reply("heard", text))
    heard = page.inbox("heard")
    await page.send("error", "no error")
    assert await heard.next() == ("no error",)


@pytest.mark.electron("A4")
async def test_can_be_replied_to(ipc: IpcMain, page: Page) -> None:
    ipc.on("test", lambda event, arg: event.reply("reply", arg, 2))
    replies = page.inbox("reply")
    await page.send("test", {"one": 1})
    assert await replies.next() == ({"one": 1}, 2)


@pytest.fixture
def counted(ipc: IpcMain) -> list[str]:
    """Two channels, of which main notes what it hears."""
    counted: list[str] = []
    ipc.on("one", lambda event: counted.append("one"))
    ipc.on("two", lambda event: counted.append("two"))
    return counted


@pytest.mark.electron("A5")
async def test_remove_all_listeners_removes_only_the_given_channel(
    ipc: IpcMain, page: Page, counted: list[str]
) -> None:
    ipc.remove_all_listeners("one")
    assert ipc.event_names() == ["two"]
    await page.send("one")
    await page.send("two")
    await page.flush()
    assert counted == ["two"]


@pytest.mark.electron("A6")
async def test_remove_all_listeners_removes_all_channels_if_none_is_given(
    ipc: IpcMain, page: Page, counted: list[str]
) -> None:
    ipc.remove_all_listeners()
    assert ipc.event_names() == []
    await page.send("one")
    await page.send("two")
    await page.flush()
    assert counted == []
