"""How a client program measures: one code for every peer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from tests.bench.results import Samples, Span

Call = Callable[[], Awaitable[object]]


async def one_by_one(call: Call, count: int) -> Samples:
    """Make calls one after the other; return how long each took."""
    seconds = []
    for _ in range(count):
        start = perf_counter()
        await call()
        seconds.append(perf_counter() - start)
    return Samples(seconds)


def one_by_one_blocking(call: Callable[[], object], count: int) -> Samples:
    """Do the same with calls that block."""
    seconds = []
    for _ in range(count):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return Samples(seconds)


async def side_by_side(call: Call, count: int, workers: int = 100) -> Span:
    """Let workers make calls one after the other; return how long all of them took."""
    todo = iter(range(count))

    async def work() -> None:
        for _ in todo:
            await call()

    start = perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    return Span(count, start, perf_counter())


class Arrivals:
    """Counts what arrives, until it is as much as was expected."""

    def __init__(self) -> None:
        self.seen = 0
        self._goal = 0
        self._all = asyncio.Event()
        self._end = 0.0

    def expect(self, count: int) -> None:
        """Expect so many more."""
        self._goal += count
        self._all.clear()

    def one(self, *_: object) -> None:
        """Count one. A listener."""
        self.seen += 1
        if self.seen == self._goal:
            self._end = perf_counter()
            self._all.set()

    async def all_there(self) -> float:
        """Wait for what is expected; return when the last one came."""
        await self._all.wait()
        return self._end
