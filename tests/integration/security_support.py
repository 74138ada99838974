"""A main process that asks who comes, and renderers that say so, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mainproc
import renderer
from mainproc import IpcMain
from mainproc.server import MainProcess
from renderer import aio

LEFT = "left-0123456789abcdefghij"
RIGHT = "right-0123456789abcdefghij"
SOON = 30.0


def main_that_tells() -> IpcMain:
    """Return one that tells each renderer who it is taken for."""
    ipc = IpcMain()

    @ipc.handle("who")
    def _(event: Any) -> str:
        return str(event.sender.identity)

    @ipc.on("who")
    def _(event: Any) -> None:
        event.return_value = str(event.sender.identity)

    return ipc


def token_file(folder: Path, text: str = f"left {LEFT}\nright {RIGHT}\n") -> Path:
    path = folder / "tokens"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@asynccontextmanager
async def serving(ipc: IpcMain | None = None, **options: Any) -> AsyncIterator[str]:
    """Serve while the block runs; what it yields is the address."""
    main: MainProcess
    options = {"listen": "127.0.0.1:0", **options}
    async with mainproc.serve(ipc or main_that_tells(), **options) as main:
        yield main.address


async def by_threads(address: str, **options: Any) -> str:
    """Return who a renderer of the threads face is taken for."""

    def ask() -> str:
        with renderer.connect(address, connect_timeout=SOON, **options) as page:
            who: str = page.invoke("who").result(SOON)
            assert page.send_sync("who") == who
            return who

    return await asyncio.to_thread(ask)


async def by_asyncio(address: str, **options: Any) -> str:
    """Return who a renderer of the asyncio face is taken for."""
    page = aio.IpcRenderer(address, connect_timeout=SOON, **options)
    try:
        await page.connect()
        who: str = await page.invoke("who")
        return who
    finally:
        await page.aclose()


async def by_one_shot(address: str, **options: Any) -> str:
    """Return who is taken to have sent a sync message without a session."""

    def ask() -> str:
        page = renderer.IpcRenderer(address, connect_timeout=SOON, **options)
        try:
            who: str = page.send_sync("who", timeout=SOON)
            return who
        finally:
            page.close()

    return await asyncio.to_thread(ask)


Ask = Callable[..., Any]
EVERY_WAY: tuple[Ask, ...] = (by_threads, by_asyncio, by_one_shot)
