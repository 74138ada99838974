"""python-socketio: its asyncio client on aiohttp and uvloop."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from time import perf_counter

import socketio
import uvloop

from tests.bench.measuring import Arrivals, at_most, one_by_one, side_by_side
from tests.bench.obeying import obey
from tests.bench.payloads import TEXT, records
from tests.bench.results import Span

_UNDER_WAY = 64
"""Events that may be unanswered. It has no flow control: with more of them it is not
quicker, with very many it is slower."""


class Page:
    """A client that measures, and others that it opens."""

    def __init__(self, address: str) -> None:
        self.sio = self._client()
        self._url = f"http://{address}"
        self._others: list[socketio.AsyncClient] = []
        self._arrivals = Arrivals()

    async def connect(self, sio: socketio.AsyncClient) -> None:
        sio.on("pong", self._arrivals.one)
        sio.on("pushed", self._arrivals.one)
        await sio.connect(self._url, transports=["websocket"])

    async def echo(self, count: int) -> Span:
        self._arrivals.expect(count)
        start = perf_counter()
        for n in range(count):
            await self.sio.emit("echo", TEXT)
            if n % _UNDER_WAY == 0:
                await self._arrivals.no_more_missing_than(count - n + _UNDER_WAY)
        return Span(count, start, await self._arrivals.all_there())

    async def push(self, count: int) -> Span:
        self._arrivals.expect(count)
        start = perf_counter()
        await self.sio.emit("push", count)
        return Span(count, start, await self._arrivals.all_there())

    async def broadcast(self, count: int) -> Span:
        hearing = asyncio.create_task(self.hear(count))
        await self.sio.emit("broadcast", count)
        return await hearing

    async def hear(self, count: int) -> Span:
        """Count a broadcast that another process asks for."""
        deliveries = count * (1 + len(self._others))
        self._arrivals.expect(deliveries)
        start = perf_counter()
        return Span(deliveries, start, await self._arrivals.all_there())

    async def join(self, count: int) -> None:
        """Open so many clients more."""

        async def one() -> None:
            sio = self._client()
            await self.connect(sio)
            self._others.append(sio)

        await at_most(20, one, count)

    async def connects(self, count: int) -> Span:
        """Come and go, ten at a time."""

        async def one() -> None:
            sio = self._client()
            await self.connect(sio)
            await sio.disconnect()

        return await side_by_side(one, count, workers=10)

    async def disconnect(self) -> None:
        for sio in (self.sio, *self._others):
            await sio.disconnect()

    @staticmethod
    def _client() -> socketio.AsyncClient:
        return socketio.AsyncClient(serializer="msgpack", handle_sigint=False)


async def main(address: str) -> None:
    page = Page(address)
    await page.connect(page.sio)
    call = partial(page.sio.call, "same", TEXT)
    call_records = partial(page.sio.call, "same", records())
    await obey(
        {
            "call": partial(one_by_one, call),
            "call_many": partial(side_by_side, call),
            "records": partial(one_by_one, call_records),
            "echo": page.echo,
            "push": page.push,
            "broadcast": page.broadcast,
            "hear": page.hear,
            "join": page.join,
            "connects": page.connects,
        }
    )
    await page.disconnect()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
