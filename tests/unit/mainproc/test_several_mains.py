"""One `IpcMain` that several main processes serve at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from mainproc import IpcMain
from mainproc.testing import connected, connected_aio


def test_threads_outlive_a_main_process_that_ends_first() -> None:
    ipc = IpcMain()
    ipc.handle("add", lambda event, x: x + 1, thread=True)

    @ipc.on("add-sync", thread=True)
    def _(event: Any, x: int) -> None:
        event.return_value = x + 1

    async def come_and_go() -> None:
        async with connected_aio(ipc) as visitor:
            assert await visitor.invoke("add", 1) == 2

    with connected(ipc) as page:
        assert page.invoke("add", 2).result(10) == 3
        asyncio.run(come_and_go())
        assert page.invoke("add", 3).result(10) == 4
        assert page.send_sync("add-sync", 4, timeout=10) == 5
