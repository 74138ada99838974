"""Ours: the main process. Run by `mainproc run`, as users would."""

from __future__ import annotations

import gc
from typing import Any

from mainproc import WebContents, ipc
from mainproc.events import IpcMainEvent, IpcMainInvokeEvent
from renderer.wire.errors import Overloaded
from tests.bench.payloads import TEXT


@ipc.on("sync")
def answer(event: IpcMainEvent, arg: object) -> None:
    event.return_value = arg


@ipc.handle("same")
def same(event: IpcMainInvokeEvent, arg: object) -> object:
    return arg


@ipc.on("echo")
def echo(event: IpcMainEvent, arg: object) -> None:
    event.sender.send("pong", arg)


@ipc.handle("push")
async def push(event: IpcMainInvokeEvent, count: int) -> None:
    for _ in range(count):
        await send(event.sender)


async def send(contents: WebContents) -> None:
    try:
        contents.send("pushed", TEXT)
    except Overloaded:
        await contents.drain()
        contents.send("pushed", TEXT)


@ipc.handle("broadcast")
async def broadcast(event: IpcMainInvokeEvent, count: int) -> None:
    for _ in range(count):
        ipc.broadcast("news", TEXT)
        for contents in ipc.web_contents:
            await contents.drain()


@ipc.handle("register")
def register(event: IpcMainInvokeEvent, channels: int) -> None:
    def nothing(event: IpcMainEvent, *args: Any) -> None:
        pass

    for n in range(channels):
        ipc.on(f"channel {n}", nothing)


@ipc.handle("settle")
def settle(event: IpcMainInvokeEvent) -> None:
    gc.collect()
