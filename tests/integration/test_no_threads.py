"""Main at its limit of threads, and renderers that connect to it over gRPC."""

from __future__ import annotations

import pytest

from mainproc import IpcMain
from renderer.aio import IpcRenderer as AioRenderer, RemoteError
from tests.integration.main_support import serving
from tests.support.scarcity import no_more_threads

ROWS: list[list[int]] = [[]] * 80_000


async def test_what_is_large_is_read_and_what_needs_a_thread_fails() -> None:
    ipc = IpcMain()
    ipc.handle("count", lambda event, rows: len(rows))
    ipc.handle("double", lambda event, number: 2 * number, thread=True)
    async with serving(ipc) as (main, _), AioRenderer(main.address) as page:
        with no_more_threads("mainproc-") as refused:
            for _ in range(3):
                assert await page.invoke("count", ROWS) == len(ROWS)
                with pytest.raises(RemoteError, match="can't start new thread"):
                    await page.invoke("double", 1)
        assert len(refused) == 6
        assert await page.invoke("count", ROWS) == len(ROWS)
        assert await page.invoke("double", 2) == 4
