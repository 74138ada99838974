"""Electron's cases of order among the ways of sending, and the order of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from random import Random

import pytest

from mainproc import IpcMain, IpcMainEvent, IpcMainInvokeEvent
from tests.electron.faces import Page

COUNT = 1_000


@pytest.fixture
def arrived(ipc: IpcMain) -> list[int]:
    """Have main note the numbers that come, on whatever way."""
    arrived: list[int] = []

    @ipc.on("test")
    def _(event: IpcMainEvent, number: int) -> None:
        arrived.append(number)
        event.return_value = number

    @ipc.handle("test")
    async def _(event: IpcMainInvokeEvent, number: int) -> int:
        arrived.append(number)
        await asyncio.sleep(0)
        return number

    return arrived


async def send_numbers(page: Page, ways: tuple[str, ...], seed: int) -> None:
    """Send numbers in random ways; check the answers that there are."""
    rng = Random(seed)
    answers: list[tuple[int, Awaitable[int]]] = []
    for number in range(COUNT):
        match rng.choice(ways):
            case "send":
                await page.send("test", number)
            case "send_sync":
                answers.append((number, await page.begin_send_sync("test", number)))
            case _:
                answers.append((number, await page.begin_invoke("test", number)))
    for number, answer in answers:
        assert await answer == number
    await page.flush()


@pytest.mark.electron("O1")
@pytest.mark.parametrize("seed", [1, 2])
async def test_between_send_and_send_sync_is_consistent(
    page: Page, arrived: list[int], seed: int
) -> None:
    await send_numbers(page, ("send", "send_sync"), seed)
    assert arrived == list(range(COUNT))


@pytest.mark.electron("O2")
@pytest.mark.parametrize("seed", [3, 4])
async def test_between_send_send_sync_and_invoke_is_consistent(
    page: Page, arrived: list[int], seed: int
) -> None:
    await send_numbers(page, ("send", "send_sync", "invoke"), seed)
    assert arrived == list(range(COUNT))
