"""Timeouts that are unlike others, wherever there is one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mainproc import IpcMain, IpcTimeout
from mainproc.testing import connected, connected_aio

FOR_EVER = (1e12, 1e300, math.inf)


@pytest.fixture
def ipc() -> IpcMain:
    ipc = IpcMain()
    ipc.handle("echo", lambda event, value: value)
    ipc.on("echo", lambda event, value: setattr(event, "return_value", value))
    kept = list[object]()
    ipc.on("never", kept.append)
    return ipc


@pytest.mark.parametrize("timeout", FOR_EVER)
def test_more_than_can_be_waited_on_threads(ipc: IpcMain, timeout: float) -> None:
    with connected(ipc) as page:
        page.handle("echo", lambda value: value)
        assert page.invoke("echo", 1, timeout=timeout).result(timeout) == 1
        assert page.send_sync("echo", 2, timeout=timeout) == 2
        assert page.contents.invoke("echo", 3, timeout=timeout).result(timeout) == 3
        page.contents.join("all")
        answers = ipc.to("all").invoke("echo", 4, timeout=timeout)
        assert list(answers.result(timeout).values()) == [4]
        page.flush(timeout)
        page.drain(timeout)
        with pytest.raises(IpcTimeout):  # for others the clock goes on
            page.send_sync("never", timeout=0.01)


@pytest.mark.parametrize("timeout", FOR_EVER)
async def test_more_than_can_be_waited_on_a_loop(ipc: IpcMain, timeout: float) -> None:
    async with connected_aio(ipc) as page:
        page.handle("echo", lambda value: value)
        assert await page.invoke("echo", 1, timeout=timeout) == 1
        assert await page.send_sync("echo", 2, timeout=timeout) == 2
        assert await page.contents.invoke("echo", 3, timeout=timeout) == 3
        await page.flush(timeout)
        await page.drain(timeout)


async def test_not_a_number_is_refused_and_nothing_is_sent(ipc: IpcMain) -> None:
    async with connected_aio(ipc) as page:
        before = page._end.moves  # noqa: SLF001
        for invoke in (page.invoke, page.send_sync, page.contents.invoke):
            with pytest.raises(ValueError, match="NaN"):
                invoke("echo", 1, timeout=math.nan)
        await page.settle()
        assert page._end.moves == before  # noqa: SLF001


async def test_what_is_no_number_is_refused_and_nothing_is_sent(ipc: IpcMain) -> None:
    wrong: Any = "5"
    async with connected_aio(ipc) as page:
        page.contents.join("all")
        before = page._end.moves  # noqa: SLF001
        calls = (page.invoke, page.send_sync, page.contents.invoke)
        for invoke in (*calls, ipc.to("all").invoke):
            with pytest.raises(TypeError, match=r"^timeout is a number of seconds"):
                invoke("echo", 1, timeout=wrong)
        for wait in (page.flush, page.drain, page.wait):
            with pytest.raises(TypeError, match=r"^timeout is a number of seconds"):
                await wait(timeout=wrong)
        await page.settle()
        assert page._end.moves == before  # noqa: SLF001
