"""Ours: the main process. Run by `mainproc run`, as users would."""

from __future__ import annotations

import gc
from time import perf_counter

from mainproc import ipc
from mainproc.events import IpcMainEvent, IpcMainInvokeEvent
from tests.bench.descriptors import allow_many
from tests.bench.payloads import TEXT

_BREATH = 256
"""Events after which it drains: a frame takes as many."""
_HOLD_S = 0.001

allow_many()


@ipc.on("sync")
def answer(event: IpcMainEvent, arg: object) -> None:
    event.return_value = arg


@ipc.handle("same")
def same(event: IpcMainInvokeEvent, arg: object) -> object:
    return arg


@ipc.on("echo")
def echo(event: IpcMainEvent, arg: object) -> None:
    event.sender.send("pong", arg)


@ipc.on("hold")
def hold(event: IpcMainEvent) -> None:
    until = perf_counter() + _HOLD_S
    while perf_counter() < until:
        pass


@ipc.handle("push")
async def push(event: IpcMainInvokeEvent, count: int) -> None:
    for n in range(count):
        event.sender.send("pushed", TEXT)
        if n % _BREATH == 0:
            await event.sender.drain()


@ipc.handle("broadcast")
async def broadcast(event: IpcMainInvokeEvent, count: int) -> None:
    for n in range(count):
        ipc.broadcast("pushed", TEXT)
        if n % _BREATH == 0:
            for contents in ipc.web_contents:
                await contents.drain()


@ipc.handle("register")
def register(event: IpcMainInvokeEvent, channels: int) -> None:
    for n in range(channels):
        ipc.on(f"channel {n}", answer)


@ipc.handle("settle")
def settle(event: IpcMainInvokeEvent, _: int) -> None:
    gc.collect()
