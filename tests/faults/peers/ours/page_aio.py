"""Ours: a renderer on asyncio."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import suppress
from functools import partial
from typing import Any

from renderer.aio import ConnectionClosed, IpcRenderer
from tests.bench.obeying import obey
from tests.faults.history import Recorder
from tests.faults.pace import PAUSE_S, bursts, is_call
from tests.faults.peers.ours.notes import OPTIONS, SYNC_TIMEOUT_S, Notes


class Page:
    """Sends numbered messages; nothing in it waits for replies."""

    def __init__(self, ipc: IpcRenderer, notes: Notes, rng: random.Random) -> None:
        self._ipc = ipc
        self._notes = notes
        self._rng = rng
        self._n = 0
        self._sync_n = 0

    async def send(self, count: int) -> None:
        """Send so many more, in bursts, and a sync message for each burst."""
        for burst in bursts(count, self._rng):
            for _ in range(burst):
                self._send_one()
            self._send_sync()
            await asyncio.sleep(PAUSE_S)
            with suppress(ConnectionClosed):  # then sending fails, too, and is noted
                await self._ipc.drain()

    def _send_one(self) -> None:
        self._n += 1
        with self._notes.sending("up", self._n, is_call(self._n)) as completed:
            if completed is None:
                self._ipc.send("event", self._n)
            else:
                reply = self._ipc.invoke("call", self._n)
                reply.add_done_callback(partial(_done, completed))

    def _send_sync(self) -> None:
        self._sync_n += 1
        with self._notes.sending("sync", self._sync_n, True) as completed:
            reply = self._ipc.send_sync("sync", self._sync_n, timeout=SYNC_TIMEOUT_S)
            reply.add_done_callback(partial(_done, completed))


def _done(completed: Any, reply: asyncio.Future[Any]) -> None:
    completed(reply.exception() or reply.result())


async def main(address: str, name: str, file: str, seed: str) -> None:
    ipc = IpcRenderer(address, title=name, **OPTIONS)
    notes = Notes(Recorder(file), name, ipc)
    async with ipc:
        # A session that is cut before main has heard from it again is not kept.
        await ipc.invoke("known")
        page = Page(ipc, notes, random.Random(seed))
        await obey({"send": page.send})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
