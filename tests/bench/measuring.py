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
    start = perf_counter()
    await at_most(workers, call, count)
    return Span(count, start, perf_counter())


async def at_most(workers: int, job: Call, count: int) -> None:
    """Do something so often, never more than so many at once."""
    todo = iter(range(count))

    async def work() -> None:
        for _ in todo:
            await job()

    await asyncio.gather(*(work() for _ in range(workers)))


class Arrivals:
    """Counts what arrives, until it is as much as was expected."""

    def __init__(self) -> None:
        self._seen = 0
        self._goal = 0
        self._end = 0.0
        self._all = asyncio.Event()
        self._step = 0
        self._stepped = asyncio.Event()

    def expect(self, count: int) -> None:
        """Expect so many more."""
        self._goal += count
        self._all.clear()
        if self._seen >= self._goal:  # another process was told earlier
            self._end = perf_counter()
            self._all.set()

    def one(self, *_: object) -> None:
        """Count one. A listener."""
        self._seen += 1
        if self._seen == self._goal:
            self._end = perf_counter()
            self._all.set()
        if self._seen == self._step:
            self._stepped.set()

    async def no_more_missing_than(self, count: int) -> None:
        """Wait until so many are still to come: what stands in for flow control."""
        self._step = self._goal - count
        if self._seen < self._step:
            self._stepped.clear()
            await self._stepped.wait()

    async def all_there(self) -> float:
        """Wait for what is expected; return when the last one came."""
        await self._all.wait()
        return self._end
