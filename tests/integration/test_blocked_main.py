"""A main process that hangs for a while is not one that is gone."""

from __future__ import annotations

import asyncio

from renderer import IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.integration.conftest import Write
from tests.support.processes import PATIENCE, running_main

BLOCKED_S = 10.0
DEAD_AFTER_S = 9.0
"""Half of it is for the answer to a sign of life: any machine takes less."""

MAIN = f"""
    import time
    from mainproc import ipc

    @ipc.handle("block")
    def block(event):                      # a plain function: it holds the loop
        time.sleep({BLOCKED_S})
        return event.sender.id

    @ipc.on("echo")
    def echo(event, n):
        event.sender.send("echo", n)
"""


async def idle(address: str, connected: asyncio.Event) -> list[object]:
    """Wait, connected on an event loop, until main is free again."""
    seen: list[object] = []
    async with AioRenderer(address, dead_after=DEAD_AFTER_S) as page:
        page.on_reconnecting(lambda: seen.append("lost"))
        page.on("echo", seen.append)
        page.send("echo", 0)
        await page.flush()
        connected.set()
        await asyncio.sleep(DEAD_AFTER_S / 2)  # main is held by now, or soon
        page.send("echo", 1)
        await page.flush(PATIENCE)
        assert page.is_connected()
    return seen


async def test_a_main_that_hangs_keeps_its_renderers(write: Write) -> None:
    with running_main(write("main.py", MAIN)) as main:
        connected, seen = asyncio.Event(), list[object]()
        other = asyncio.ensure_future(idle(main.address, connected))
        await connected.wait()
        with IpcRenderer(main.address, dead_after=DEAD_AFTER_S) as page:
            page.on_reconnecting(lambda: seen.append("lost"))
            reply = page.invoke("block")
            assert await asyncio.wait_for(reply, PATIENCE) == page.id
            assert await other == [0, 1]
            assert page.is_connected()
        assert seen == []
