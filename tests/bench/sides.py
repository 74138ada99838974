"""One side of a comparison: its programs, and what they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass, replace
from typing import Protocol

from tests.bench.needs import Need
from tests.bench.processors import busy
from tests.bench.programs import Program, running
from tests.bench.results import Result, Weight, heard, together


class Trial(Protocol):
    """Something to be measured, again and again."""

    async def measure(self, count: int) -> Result:
        """Measure so many of what is measured."""
        ...


class Opens(Protocol):
    """Prepares a trial."""

    @property
    def peer(self) -> Peer:
        """Whose programs run."""
        ...

    def opened(self, scale: float, /) -> AbstractAsyncContextManager[Trial]:
        """Prepare it, and clear up after the block.

        Args:
            scale: the part of a crowd that will do.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and a client that is started with its address.

    Attributes:
        name: for people.
        server: its command.
        client: its command, but for the address.
        needs: what must be there to run them.
    """

    name: str
    server: tuple[str, ...]
    client: tuple[str, ...]
    needs: Need


@dataclass(frozen=True, slots=True)
class Side:
    """What a peer's clients measure.

    Attributes:
        peer: the programs.
        scenario: what the first client is asked for.
        others: what further clients, each in a process of its own, do meanwhile.
        prepare: what each is asked for before, and how many.
        crowd: renderers in a process of their own that do nothing.
    """

    peer: Peer
    scenario: str
    others: tuple[str, ...] = ()
    prepare: tuple[tuple[str, int], ...] = ()
    crowd: int = 0

    @asynccontextmanager
    async def opened(self, scale: float) -> AsyncIterator[Trial]:
        """Run the programs while the block runs."""
        self.peer.needs()
        scenarios = (self.scenario, *self.others)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(running(self.peer.server))
            address = (await server.answer())["address"]
            command = (*self.peer.client, address)
            if self.crowd:
                crowd = await stack.enter_async_context(running(command))
                await crowd.answer()
                await crowd.ask("crowd", round(self.crowd * scale))
            clients = [
                await stack.enter_async_context(running(command)) for _ in scenarios
            ]
            for client in clients:
                await client.answer()
                for scenario, count in self.prepare:
                    await client.ask(scenario, count)
            yield _Running(server, list(zip(clients, scenarios, strict=True)))


class _Running:
    def __init__(self, server: Program, clients: Sequence[tuple[Program, str]]) -> None:
        self._clients = clients
        self._pids = [server.pid, *(client.pid for client, _ in clients)]

    async def measure(self, count: int) -> Result:
        before = busy(self._pids)
        asked = [client.ask(scenario, count) for client, scenario in self._clients]
        answers = await asyncio.gather(*asked)
        result, after = (
            together([heard(answer) for answer in answers]),
            busy(self._pids),
        )
        if before is None or after is None or isinstance(result, Weight):
            return result
        return replace(result, busy=after - before)
