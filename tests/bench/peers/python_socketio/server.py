"""python-socketio: its asyncio server on uvicorn and uvloop, without long polling.

Settings that were tried and are quicker than the defaults, here: the msgpack
serializer, uvicorn's `websockets-sansio`, handlers in the order of events rather than
in a task for each.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import socketio
import uvicorn

from tests.bench.descriptors import allow_many
from tests.bench.obeying import say
from tests.bench.payloads import MIB, TEXT

_LARGEST = 128 * MIB
_BREATH = 64
"""Events after which the loop gets a turn."""

sio = socketio.AsyncServer(
    async_mode="asgi",
    transports=["websocket"],
    serializer="msgpack",
    async_handlers=False,
    max_http_buffer_size=_LARGEST,
)


async def same(sid: str, arg: object) -> object:
    return arg


async def echo(sid: str, arg: object) -> None:
    await sio.emit("pong", arg, to=sid)


async def push(sid: str, count: int) -> None:
    for n in range(count):
        await sio.emit("pushed", TEXT, to=sid)
        if n % _BREATH == 0:
            await asyncio.sleep(0)


async def broadcast(sid: str, count: int) -> None:
    for _ in range(count):
        await sio.emit("pushed", TEXT)


for handler in (same, echo, push, broadcast):
    sio.on(handler.__name__, handler)


class Server(uvicorn.Server):
    """A server that says where it is."""

    def __init__(self, config: uvicorn.Config, port: int) -> None:
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        say({"address": f"127.0.0.1:{self._port}", "pid": os.getpid()})


def main() -> None:
    app: Any = socketio.ASGIApp(sio)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=_LARGEST,
        lifespan="off",
        log_level="warning",
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        Server(config, listening.getsockname()[1]).run(sockets=[listening])


if __name__ == "__main__":
    allow_many()
    main()
