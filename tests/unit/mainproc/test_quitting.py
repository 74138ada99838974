"""`app.quit` where main is about to end already."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import mainproc
from mainproc import IpcMain, app
from mainproc.testing import connected, connected_aio, isolated


@pytest.fixture(autouse=True)
def restore_listeners() -> Iterator[None]:
    with isolated():
        yield


async def test_quitting_from_before_quit_changes_nothing() -> None:
    ended = list[str]()

    @app.on("before-quit")
    def _() -> None:
        app.quit(1)
        ended.append("plain")

    @app.on("before-quit")
    async def _() -> None:
        await asyncio.sleep(0)
        app.quit(2)
        ended.append("async")

    async with connected_aio(IpcMain()) as page:
        app.quit()
        assert await page.wait()
    assert ended == ["plain", "async"]


def test_quitting_when_the_last_renderer_is_gone_changes_nothing() -> None:
    ipc, ended = IpcMain(), list[str]()

    @ipc.on("quit")
    def _(event: Any) -> None:
        app.quit()

    @app.on("web-contents-destroyed")
    def _(contents: object) -> None:
        app.quit(1)
        ended.append("destroyed")

    with connected(ipc) as page:
        page.send("quit")
        assert page.wait()
    assert ended == ["destroyed"]


async def test_that_the_last_renderer_is_gone_then_is_no_reason_to_quit() -> None:
    told = list[str]()
    app.on("web-contents-destroyed", lambda contents: told.append("destroyed"))
    app.on("window-all-closed", lambda: told.append("all closed"))
    async with connected_aio(IpcMain()) as page:
        app.quit()
        assert await page.wait()
    assert told == ["destroyed"]


async def test_a_handler_that_is_cancelled_at_the_end_may_quit_too() -> None:
    ipc, ended = IpcMain(), list[str]()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        app.quit()
        try:
            await asyncio.Future()
        finally:
            app.quit(1)
            ended.append("handler")

    async with connected_aio(ipc) as page:
        reply = page.invoke("x")
        await page.aclose()
        with pytest.raises(mainproc.ConnectionClosed):
            await reply
    assert ended == ["handler"]


async def test_what_has_stopped_can_be_quit_no_more() -> None:
    async with mainproc.serve(IpcMain(), listen=()):
        pass
    with pytest.raises(SystemExit):
        app.quit()


async def test_who_listens_for_before_quit_may_ask_renderers_first() -> None:
    answers = list[Any]()
    async with connected_aio(IpcMain()) as page:

        @page.handle("may I?")
        async def _() -> str:
            await asyncio.sleep(0)
            return "yes"

        @app.on("before-quit")
        async def _() -> None:
            answers.append(await page.contents.invoke("may I?"))

        app.quit()
        assert await page.wait()
    assert answers == ["yes"]


async def test_a_handler_that_is_cancelled_before_it_begins_is_no_warning() -> None:
    """Its coroutine is closed: a warning here would fail this test."""
    ipc, begun = IpcMain(), list[str]()

    async def never() -> None:
        begun.append("never")
        await asyncio.Event().wait()

    @ipc.handle("never")
    def _(event: Any) -> Any:
        # Before what the coroutine's task has the loop call, where it begins there.
        asyncio.get_running_loop().call_soon(event.sender.close)
        return never()

    async with connected_aio(ipc) as page:
        with pytest.raises(mainproc.ConnectionClosed):
            await page.invoke("never")
    gc.collect()
    assert begun == ([] if sys.version_info < (3, 12) else ["never"])


async def test_nor_is_one_in_a_renderer() -> None:
    ipc, begun = IpcMain(), list[str]()
    async with connected_aio(ipc) as page:

        async def never() -> None:
            begun.append("never")
            await asyncio.Event().wait()

        @page.handle("never")
        def _() -> Any:
            asyncio.get_running_loop().call_soon(page._present().say_goodbye)  # type: ignore[union-attr]  # noqa: SLF001
            return never()

        with pytest.raises(mainproc.ConnectionClosed):
            await page.contents.invoke("never")
        await page.wait()
    gc.collect()
    assert begun == ([] if sys.version_info < (3, 12) else ["never"])
