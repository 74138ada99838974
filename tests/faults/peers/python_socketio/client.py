"""python-socketio: its asyncio client. What `emit` refuses is noted as refused."""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial
from typing import Any

import socketio

from tests.bench.obeying import obey
from tests.faults.history import Recorder
from tests.faults.pace import PAUSE_S, bursts


async def main(address: str, name: str, file: str, seed: str) -> None:
    quick: Any = {"reconnection_delay": 0.1, "reconnection_delay_max": 1}
    sio = socketio.AsyncClient(handle_sigint=False, **quick)
    note, rng, sent = partial(Recorder(file).note, page=name), random.Random(seed), 0

    async def event(n: int) -> None:
        note("arrived", session="main 1", stream="down", n=n)

    async def send(count: int) -> None:
        nonlocal sent
        for burst in bursts(count, rng):
            for _ in range(burst):
                sent += 1
                note("sent", stream="up", n=sent)
                try:
                    await sio.emit("event", sent)
                except Exception as error:
                    text = f"{type(error).__name__}: {error}"
                    note("refused", stream="up", n=sent, text=text)
            await asyncio.sleep(PAUSE_S)

    sio.on("event", event)
    url, auth = f"http://{address}", {"name": name}
    await sio.connect(url, auth=auth, transports=["websocket"])
    await obey({"send": send})
    await sio.shutdown()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
