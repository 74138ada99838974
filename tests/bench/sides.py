"""One side of a comparison: its programs, and what they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from tests.bench.programs import Program, running
from tests.bench.results import Result, heard, together


class Trial(Protocol):
    """A side whose programs run."""

    async def measure(self, count: int) -> Result:
        """Measure so many of what is measured."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and a client that is started with its address."""

    name: str
    server: tuple[str, ...]
    client: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """What a peer's clients measure.

    Attributes:
        peer: the programs.
        scenario: what the clients are asked for, all of them at once.
        clients: how many client processes do it.
        prepare: what each is asked for before, and how many.
        crowd: renderers in a process of their own that do nothing.
    """

    peer: Peer
    scenario: str
    clients: int = 1
    prepare: tuple[tuple[str, int], ...] = ()
    crowd: int = 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Trial]:
        """Run the programs while the block runs."""
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(running(self.peer.server))
            address = (await server.answer())["address"]
            command = (*self.peer.client, address)
            if self.crowd:
                crowd = await stack.enter_async_context(running(command))
                await crowd.answer()
                await crowd.ask("crowd", self.crowd)
            clients = [
                await stack.enter_async_context(running(command))
                for _ in range(self.clients)
            ]
            for client in clients:
                await client.answer()
                for scenario, count in self.prepare:
                    await client.ask(scenario, count)
            yield _Running(clients, self.scenario)


class _Running:
    def __init__(self, clients: Sequence[Program], scenario: str) -> None:
        self._clients = clients
        self._scenario = scenario

    async def measure(self, count: int) -> Result:
        asked = [client.ask(self._scenario, count) for client in self._clients]
        return together([heard(answer) for answer in await asyncio.gather(*asked)])
