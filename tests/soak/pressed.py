"""A main process that sends more than is taken; run as a program by the tests."""

from __future__ import annotations

import asyncio
from typing import Any

import mainproc
from mainproc import IpcMain, Overloaded, WebContents
from renderer.wire.limits import Limits
from tests.soak.vitals import vitals

ipc = IpcMain(
    limits=Limits(resume_grace=60.0),
    overflow={"news/*": "drop_oldest", "pay": "raise", "live": "disconnect"},
)
PAYLOAD = "x" * 1_000

ipc.handle("vitals", lambda event: vitals())
ipc.handle("echo", lambda event, *args: list(args))


@ipc.handle("press")
async def _(event: Any, title: str, channels: list[str], count: int) -> Any:
    """Send so many messages to a renderer; tell what became of them."""
    accepted = refused = 0
    contents = _renderer(title)
    for number in range(count):
        if not number % 100:
            await asyncio.sleep(0)  # others have their turn
        try:
            channel = channels[number % len(channels)]
            accepted += contents.send(channel, number, PAYLOAD)
        except Overloaded:
            refused += 1
    return {"accepted": accepted, "refused": refused, "dropped": contents.dropped}


@ipc.handle("is_there")
def _(event: Any, title: str) -> bool:
    return any(contents.title == title for contents in ipc.web_contents)


@ipc.handle("is_connected")
def _(event: Any, title: str) -> bool:
    return _renderer(title).is_connected()


def _renderer(title: str) -> WebContents:
    return next(c for c in ipc.web_contents if c.title == title)


if __name__ == "__main__":
    mainproc.run(ipc, listen="127.0.0.1:0", ready="json", grace=2.0)
