"""Ours: a renderer on threads."""

from __future__ import annotations

import queue
import sys
from functools import partial
from time import perf_counter

from renderer import IpcRenderer
from tests.bench.measuring import one_by_one_blocking
from tests.bench.obeying import obey_blocking
from tests.bench.payloads import PING, TEXT
from tests.bench.results import Span


def main(address: str) -> None:
    with IpcRenderer(address) as ipc:
        send_sync = partial(ipc.send_sync, "sync", PING)
        obey_blocking(
            {
                "send_sync": partial(one_by_one_blocking, send_sync),
                "echo": partial(echo, ipc),
            }
        )


def echo(ipc: IpcRenderer, count: int) -> Span:
    seen = 0
    ends: queue.SimpleQueue[float] = queue.SimpleQueue()

    def pong(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            ends.put(perf_counter())

    with ipc.on("pong", pong):
        start = perf_counter()
        for _ in range(count):
            ipc.send("echo", TEXT)  # waits when the window is full
        return Span(count, start, ends.get())


if __name__ == "__main__":
    main(*sys.argv[1:])
