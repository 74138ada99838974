"""Ours: renderers on asyncio; one of them measures."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter

import uvloop

from renderer.aio import IpcRenderer
from tests.bench.descriptors import allow_many
from tests.bench.measuring import Arrivals, at_most, one_by_one, side_by_side
from tests.bench.obeying import obey
from tests.bench.payloads import TEXT, megabytes, records
from tests.bench.results import Samples, Span, all_samples

_BREATH = 256
"""Events after which it drains: a frame takes as many."""


class Page:
    """A renderer that measures, and others that it opens.

    Args:
        ipc: it, connected.
        others: closes the others.
    """

    def __init__(self, ipc: IpcRenderer, others: AsyncExitStack) -> None:
        self._ipc = ipc
        self._others = others
        self._renderers = 1
        self._arrivals = Arrivals()
        ipc.on("pong", self._arrivals.one)
        ipc.on("pushed", self._arrivals.one)

    async def echo(self, count: int) -> Span:
        ipc = self._ipc
        self._arrivals.expect(count)
        start = perf_counter()
        for n in range(count):
            ipc.send("echo", TEXT)
            if n % _BREATH == 0:
                await ipc.drain()
        return Span(count, start, await self._arrivals.all_there())

    async def push(self, count: int) -> Span:
        self._arrivals.expect(count)
        start = perf_counter()
        await self._ipc.invoke("push", count)
        return Span(count, start, await self._arrivals.all_there())

    async def broadcast(self, count: int) -> Span:
        hearing = asyncio.create_task(self.hear(count))
        await self._ipc.invoke("broadcast", count)
        return await hearing

    async def hear(self, count: int) -> Span:
        """Count a broadcast that another process asks for."""
        deliveries = count * self._renderers
        self._arrivals.expect(deliveries)
        start = perf_counter()
        return Span(deliveries, start, await self._arrivals.all_there())

    async def join(self, count: int) -> None:
        """Open so many renderers more, each on a connection of its own."""

        async def one() -> None:
            ipc = IpcRenderer(self._ipc.address)
            ipc.on("pushed", self._arrivals.one)
            await self._others.enter_async_context(ipc)

        await at_most(20, one, count)
        self._renderers += count

    async def same(self, argument: object, count: int) -> Samples:
        """Invoke, one at a time, what gives its argument back."""
        return await one_by_one(partial(self._ipc.invoke, "same", argument), count)

    async def beside(self, large: bytes, count: int) -> Samples:
        """Invoke something small on one lane while large ones pass on another."""
        over = asyncio.Event()

        async def pass_large() -> None:
            while not over.is_set():
                await self._ipc.invoke("same", large)

        small = partial(self._ipc.invoke, "same", TEXT, lane=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(pass_large())
            samples = await one_by_one(small, count)
            over.set()
        return samples

    async def beside_flood(self, count: int) -> Samples:
        """Invoke on three connections while what a fourth one sends keeps main busy."""
        over = asyncio.Event()

        async def flood(ipc: IpcRenderer) -> None:
            last = ipc.invoke("same", TEXT)
            while not over.is_set():
                for _ in range(_BREATH):
                    ipc.send("hold")
                before, last = last, ipc.invoke("same", TEXT)
                await before  # main has the next ones already
            await last

        async with (
            IpcRenderer(self._ipc.address) as flooding,
            IpcRenderer(self._ipc.address) as second,
            IpcRenderer(self._ipc.address) as third,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(flood(flooding))
            quiet = [
                one_by_one(partial(ipc.invoke, "same", TEXT), count)
                for ipc in (self._ipc, second, third)
            ]
            measured = await asyncio.gather(*quiet)
            over.set()
        return all_samples(measured)

    async def connects(self, count: int) -> Span:
        """Come and go, ten at a time."""

        async def one() -> None:
            async with IpcRenderer(self._ipc.address):
                pass

        return await side_by_side(one, count, workers=10)

    async def ask(self, channel: str, count: int) -> None:
        await self._ipc.invoke(channel, count)


async def main(address: str) -> None:
    async with AsyncExitStack() as others, IpcRenderer(address) as ipc:
        page = Page(ipc, others)
        await obey(
            {
                "invoke": partial(page.same, TEXT),
                "invoke_many": partial(side_by_side, partial(ipc.invoke, "same", TEXT)),
                "records": partial(page.same, records()),
                "mib": partial(page.same, megabytes(1)),
                "mib_10": partial(page.same, megabytes(10)),
                "mib_64": partial(page.same, megabytes(64)),
                "beside_mib_64": partial(page.beside, megabytes(64)),
                "beside_flood": page.beside_flood,
                "connects": page.connects,
                "echo": page.echo,
                "push": page.push,
                "broadcast": page.broadcast,
                "hear": page.hear,
                "join": page.join,
                "crowd": page.join,
                "register": partial(page.ask, "register"),
                "settle": partial(page.ask, "settle"),
            }
        )


if __name__ == "__main__":
    allow_many()
    uvloop.run(main(*sys.argv[1:]))
