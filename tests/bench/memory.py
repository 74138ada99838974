"""The memory that a server needs for each of those who are connected and idle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.bench.needs import packages
from tests.bench.programs import Program, running
from tests.bench.results import Weight
from tests.bench.sides import Peer


@dataclass(frozen=True, slots=True)
class Crowd:
    """A server with a crowd of idle clients, each on a connection of its own.

    Every measurement takes programs of its own: a process seldom gives memory back.

    Attributes:
        peer: the programs.
    """

    peer: Peer

    @asynccontextmanager
    async def opened(self, _: float) -> AsyncIterator[Crowd]:
        """Open nothing yet."""
        self.peer.needs()
        packages("psutil")()
        yield self

    async def measure(self, count: int) -> Weight:
        """Return the memory that so many take, each."""
        async with running(self.peer.server) as server:
            address = (await server.answer())["address"]
            async with running((*self.peer.client, address)) as client:
                await client.answer()
                before = await _settled(server, client)
                await client.ask("crowd", count)
                return Weight((await _settled(server, client) - before) / count)


async def _settled(server: Program, client: Program) -> int:
    import psutil  # what the benchmark consists of can be listed without it

    await client.ask("settle", 1)
    memory: int = psutil.Process(server.pid).memory_info().rss
    return memory
