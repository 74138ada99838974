"""python-socketio: its asyncio server on uvicorn, without long polling.

It notices dead connections as quickly as ours is told to. It has no sessions that
outlive a connection; a renderer is known again by the name it comes with.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from functools import partial
from typing import Any

import socketio
import uvicorn

from tests.bench.obeying import obey, say
from tests.faults.history import Recorder
from tests.faults.pace import PAUSE_S, bursts

_LIFE, _FILE, _SEED = sys.argv[1:]
_recorder = Recorder(_FILE)
_rng = random.Random(_SEED)

sio = socketio.AsyncServer(
    async_mode="asgi",
    transports=["websocket"],
    async_handlers=False,
    ping_interval=1,
    ping_timeout=1,
)
_pages: dict[str, Outbound] = {}
_names: dict[str, str] = {}  # by sid


class Outbound:
    """The numbered messages to one page, over all its connections."""

    def __init__(self, name: str) -> None:
        self.sid = ""
        self._note = partial(_recorder.note, page=name, session=_LIFE, stream="down")
        self._n = 0

    async def send(self, count: int) -> None:
        for burst in bursts(count, _rng):
            for _ in range(burst):
                await self._send_one()
            await asyncio.sleep(PAUSE_S)

    async def _send_one(self) -> None:
        self._n += 1
        note = partial(self._note, n=self._n)
        note("sent")
        try:
            await sio.emit("event", self._n, to=self.sid)
        except Exception as error:
            note("refused", text=f"{type(error).__name__}: {error}")


async def connect(sid: str, _: object, auth: dict[str, str]) -> None:
    name = _names[sid] = auth["name"]
    _pages.setdefault(name, Outbound(name)).sid = sid


async def event(sid: str, n: int) -> None:
    _recorder.note("arrived", page=_names[sid], session=_LIFE, stream="up", n=n)


for _handler in (connect, event):
    sio.on(_handler.__name__, _handler)


async def _send(count: int) -> None:
    for page in list(_pages.values()):
        await page.send(count)


class Server(uvicorn.Server):
    """A server that says where it is, and then obeys."""

    def __init__(self, config: uvicorn.Config, port: int) -> None:
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        say({"address": f"127.0.0.1:{self._port}"})
        self._obeying = asyncio.create_task(self._obey())

    async def _obey(self) -> None:
        await obey({"send": _send})
        self.should_exit = True


def main() -> None:
    app: Any = socketio.ASGIApp(sio)
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="critical",
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        Server(config, listening.getsockname()[1]).run(sockets=[listening])


if __name__ == "__main__":
    main()
