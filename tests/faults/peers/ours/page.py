"""Ours: a renderer on threads."""

from __future__ import annotations

import queue
import random
import sys
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from renderer import IpcRenderer
from tests.bench.obeying import obey_blocking
from tests.bench.programs import PATIENCE
from tests.faults.history import Recorder
from tests.faults.pace import PAUSE_S, bursts, is_call
from tests.faults.peers.ours.notes import OPTIONS, SYNC_TIMEOUT_S, Notes


class Page:
    """Sends numbered messages, and calls that wait for their turn on a thread."""

    def __init__(self, ipc: IpcRenderer, notes: Notes, rng: random.Random) -> None:
        self._ipc = ipc
        self._notes = notes
        self._rng = rng
        self._n = 0
        self._syncs: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._sync_n = 0
        threading.Thread(target=self._send_syncs, daemon=True).start()

    def send(self, count: int) -> None:
        """Send so many more, in bursts, and a sync message for each burst."""
        for burst in bursts(count, self._rng):
            for _ in range(burst):
                self._send_one()
            self._sync_n += 1
            self._syncs.put(self._sync_n)
            time.sleep(PAUSE_S)

    def _send_one(self) -> None:
        self._n += 1
        with self._notes.sending("up", self._n, is_call(self._n)) as completed:
            if completed is None:
                self._ipc.send("event", self._n)
            else:
                reply = self._ipc.invoke("call", self._n)
                reply.add_done_callback(partial(_done, completed))

    def _send_syncs(self) -> None:
        while True:
            n = self._syncs.get()
            with self._notes.sending("sync", n, True) as completed:
                assert completed is not None
                completed(self._ipc.send_sync("sync", n, timeout=SYNC_TIMEOUT_S))


def _done(completed: Any, reply: Future[Any]) -> None:
    completed(reply.exception() or reply.result())


def main(address: str, name: str, file: str, seed: str) -> None:
    ipc = IpcRenderer(address, title=name, **OPTIONS)
    notes = Notes(Recorder(file), name, ipc)
    with ipc.connect():
        # A session that is cut before main has heard from it again is not kept.
        ipc.invoke("known").result(PATIENCE)
        page = Page(ipc, notes, random.Random(seed))
        obey_blocking({"send": page.send})


if __name__ == "__main__":
    main(*sys.argv[1:])
