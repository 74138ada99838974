"""What main does with a message, from its turn to the listener and back; in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

from mainproc import IpcMain
from mainproc.testing import connected_aio
from tests.bench.measuring import Arrivals
from tests.bench.micro.timing import Cost, Costs, cost
from tests.bench.payloads import TEXT

_REPEATS: Final = 15
_COUNT: Final = 1_000


def costs() -> Costs:
    """Yield what calling listeners costs, and whole ways between two faces."""
    yield from asyncio.run(_costs())


async def _costs() -> list[Cost]:
    ipc = IpcMain()
    _register(ipc)
    async with connected_aio(ipc, title="micro") as page:
        event, contents = ipc.dispatcher.event, page.contents
        arrivals = Arrivals()
        page.on("pong", arrivals.one)

        async def send() -> None:
            for _ in range(_COUNT):
                page.send("one", TEXT)
            await page.flush()

        async def echo() -> None:
            arrivals.expect(_COUNT)
            for _ in range(_COUNT):
                page.send("echo", TEXT)
            await arrivals.all_there()

        async def invoke() -> None:
            for _ in range(_COUNT):
                await page.invoke("same", TEXT)

        async def invoke_many() -> None:
            await asyncio.gather(*(page.invoke("same", TEXT) for _ in range(_COUNT)))

        return [
            cost("dispatch to a listener", lambda: event(contents, "one", [TEXT])),
            cost("dispatch to three", lambda: event(contents, "three", [TEXT])),
            cost("dispatch to nobody", lambda: event(contents, "none", [TEXT])),
            await _whole("send, in memory", send),
            await _whole("echo, in memory", echo),
            await _whole("invoke, one at a time, in memory", invoke),
            await _whole("invoke, all at once, in memory", invoke_many),
        ]


def _register(ipc: IpcMain) -> None:
    def nothing(event: object, *args: Any) -> None:
        pass

    ipc.on("one", nothing)
    for _ in range(3):
        ipc.on("three", nothing)
    ipc.on("echo", lambda event, arg: event.sender.send("pong", arg))
    ipc.handle("same", lambda event, arg: arg)


async def _whole(what: str, work: Callable[[], Awaitable[object]]) -> Cost:
    best = float("inf")
    for _ in range(_REPEATS):
        start = perf_counter()
        await work()
        best = min(best, perf_counter() - start)
    return Cost(what, best / _COUNT)
