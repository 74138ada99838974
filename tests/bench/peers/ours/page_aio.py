"""Ours: a renderer on asyncio."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from time import perf_counter

import uvloop

from renderer.aio import IpcRenderer, Overloaded
from tests.bench.measuring import Arrivals, one_by_one
from tests.bench.obeying import obey
from tests.bench.payloads import TEXT
from tests.bench.results import Span

_BREATH = 256
"""Messages after which the loop gets a turn: a frame takes as many."""


async def main(address: str) -> None:
    async with IpcRenderer(address) as ipc:
        pongs = Arrivals()
        ipc.on("pong", pongs.one)
        await obey(
            {
                "invoke": partial(one_by_one, partial(ipc.invoke, "same", TEXT)),
                "echo": partial(echo, ipc, pongs),
            }
        )


async def echo(ipc: IpcRenderer, pongs: Arrivals, count: int) -> Span:
    pongs.expect(count)
    start = perf_counter()
    for n in range(count):
        try:
            ipc.send("echo", TEXT)
        except Overloaded:
            await ipc.drain()
            ipc.send("echo", TEXT)
        if n % _BREATH == 0:
            await asyncio.sleep(0)
    return Span(count, start, await pongs.all_there())


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
