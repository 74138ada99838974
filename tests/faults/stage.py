"""An episode's programs, the proxy between them, and what they write down."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

from tests.bench.needs import Need
from tests.bench.programs import Broken, Program, running
from tests.faults.history import Did, Entry, Reader
from tests.faults.outstanding import Outstanding
from tests.faults.proxy import Proxy

_LOOK_S: Final = 0.03
"""Seconds between looks at the histories."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The programs of a peer.

    Attributes:
        name: for people.
        main: the command of its main process, or server; behind it come the name of
            its life, its history's file and a seed.
        page: the command of its renderer, or client; behind it come the address, its
            name, its history's file and a seed.
        needs: what must be there to run them.
        patience: seconds without anything new, after which no more will come.
    """

    name: str
    main: tuple[str, ...]
    page: tuple[str, ...]
    needs: Need
    patience: float = 30.0


class Stage:
    """What faults act upon.

    Attributes:
        proxy: between the page and main.
        rng: what chance is drawn from.
        history: what happened so far; `look` brings it up to date.
    """

    def __init__(self, cast: Cast, folder: Path, proxy: Proxy, seed: int) -> None:
        self.cast = cast
        self.proxy = proxy
        proxy.on_strike = partial(self.note, "cut")
        self.rng = random.Random(seed)
        self.history: list[Entry] = []
        self._folder = folder
        self._readers: list[Reader] = []
        self._lives = 0
        self._ended = AsyncExitStack()
        self._outstanding = Outstanding()
        self.main: _Actor
        self.page: _Actor

    async def open(self) -> None:
        """Start main, and a page."""
        await self.start_main()
        await self.start_page()

    async def start_main(self) -> None:
        """Start a main process; the proxy leads to it from now on."""
        name, file = self._next("main")
        command = (*self.cast.main, name, file, str(self.rng.random()))
        self.main = _Actor(name, await self._run(command))
        self.proxy.target = (await self.main.program.answer())["address"]
        await self.main.program.answer()

    async def start_page(self) -> None:
        """Start a renderer; return when it is connected."""
        name, file = self._next("page")
        arguments = (self.proxy.address, name, file, str(self.rng.random()))
        self.page = _Actor(name, await self._run((*self.cast.page, *arguments)))
        await self.page.program.answer()

    def _next(self, what: str) -> tuple[str, str]:
        self._lives += 1
        name = f"{what} {self._lives}"
        path = self._folder / f"{name}.jsonl"
        path.touch()
        self._readers.append(Reader(path))
        return name, str(path)

    async def _run(self, command: tuple[str, ...]) -> Program:
        return await self._ended.enter_async_context(running(command))

    async def send(self, count: int) -> None:
        """Let both send so many messages; return when all are accepted.

        One that is killed meanwhile has sent what it has sent.
        """
        await asyncio.gather(self.page.send(count), self.main.send(count))

    def note(self, did: Did, **what: Any) -> None:
        """Write down what was done to them."""
        self._take([Entry(monotonic(), did, **what)])

    def kill_main(self) -> None:
        """End it by SIGKILL."""
        self.note("killed", session=self.main.name)
        self.main.signal(signal.SIGKILL)

    def kill_page(self) -> None:
        """End it by SIGKILL."""
        self.note("killed", page=self.page.name)
        self.page.signal(signal.SIGKILL)

    def look(self) -> bool:
        """Read what the programs have written; return whether there was anything."""
        before = len(self.history)
        for reader in self._readers:
            self._take(reader.new())
        return len(self.history) > before

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.history.append(entry)
            self._outstanding.take(entry)

    async def settled(self) -> bool:
        """Wait until all that was accepted has arrived, or nothing more comes."""
        self.look()
        last = monotonic()
        while not self._outstanding.settled:
            if self.look():
                last = monotonic()
            elif monotonic() - last > self.cast.patience:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def close(self) -> None:
        """Let both end in order, the page first."""
        for actor in (self.page, self.main):
            await actor.program.end()
        self.look()

    async def clear_up(self) -> None:
        """End what still runs."""
        await self._ended.aclose()
        for reader in self._readers:
            reader.close()


class _Actor:
    """A program that sends when it is told to, as long as it lives."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self.program = program
        self._killed = False

    async def send(self, count: int) -> None:
        try:
            await self.program.ask("send", count)
        except Broken:
            if not self._killed:
                raise

    def signal(self, number: signal.Signals) -> None:
        self._killed |= number == signal.SIGKILL
        with suppress(ProcessLookupError):
            os.kill(self.program.pid, number)


@asynccontextmanager
async def staged(cast: Cast, folder: Path, seed: int) -> AsyncIterator[Stage]:
    """Run a peer's programs, with a proxy between them, while the block runs."""
    cast.needs()
    async with Proxy("", seed=seed) as proxy:
        stage = Stage(cast, folder, proxy, seed)
        try:
            await stage.open()
            yield stage
        finally:
            await stage.clear_up()
