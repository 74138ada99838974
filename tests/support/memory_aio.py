"""The main process in memory for renderers on an event loop, which is also its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from renderer.aio import IpcRenderer
from renderer.carrier import LinkBroken
from renderer.settings import Settings
from renderer.wire import events, messages
from renderer.wire.errors import IpcError
from renderer.wire.link import Fate
from tests.support.memory import PATIENCE, MemoryMain


class MemoryAioLink:
    """The renderer's end."""

    def __init__(self, carrier: MemoryAioCarrier) -> None:
        self._arriving: asyncio.Queue[bytes | IpcError | None] = asyncio.Queue()
        self._carrier = carrier
        self._over = False
        carrier.main.begin(self)

    def put(self, item: bytes | IpcError | None, /) -> None:
        self._arriving.put_nowait(item)

    async def read(self) -> bytes | None:
        item = await self._arriving.get()
        self._over = not isinstance(item, bytes)
        if isinstance(item, IpcError):
            raise item
        return item

    async def write(self, frame: bytes) -> None:
        self._carrier.frames.append(frame)
        await self._carrier.taking.wait()
        if self._over:
            raise LinkBroken("gone", "unknown", Fate.RESUME)
        self._carrier.main.take(self, frame)

    async def finish(self) -> None:
        self._carrier.finished += 1
        self._carrier.main.half_closed(self)

    def cut(self) -> None:
        self._carrier.cuts += 1
        self.put(None)


class MemoryAioCarrier:
    """The way to a main in memory; one for all links."""

    def __init__(self, main: MemoryMain) -> None:
        self.main = main
        self.frames: list[bytes] = []
        """All that renderers wrote."""
        self.taking = asyncio.Event()
        """The transport takes frames; otherwise writes wait."""
        self.taking.set()
        self.finished = self.cuts = 0

    def open(self) -> MemoryAioLink:
        return MemoryAioLink(self)

    async def close(self) -> None:
        self.main.close()


class MemoryAioRenderer(IpcRenderer):
    """A renderer on an event loop whose main process is in memory."""

    def __init__(self, main: MemoryMain, **options: Any) -> None:
        super().__init__("memory", **options)
        self.carrier = MemoryAioCarrier(main)

    def _carrier(self, settings: Settings) -> MemoryAioCarrier:
        return self.carrier


@asynccontextmanager
async def renderer_of(
    main: MemoryMain, **options: Any
) -> AsyncIterator[MemoryAioRenderer]:
    """Make a renderer; close it at the end, and see that it leaves no task."""
    tasks = asyncio.all_tasks()
    ipc = MemoryAioRenderer(main, **options)
    try:
        yield ipc
    finally:
        await ipc.aclose()
        assert asyncio.all_tasks() <= {*tasks, asyncio.current_task()}


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what it looks at tells nobody
            await asyncio.sleep(0)


async def hear_call(main: MemoryMain) -> events.Arrived:
    """Return the next event or call that arrives."""
    await until(lambda: not main.heard_nothing())
    return main.hear_call()


async def hear(main: MemoryMain) -> tuple[str, list[Any]]:
    """Return the next event or call that arrives: channel and arguments."""
    event = await hear_call(main)
    return event.body.channel, messages.read_args(event.body)


async def replies(main: MemoryMain, count: int = 1) -> list[events.Replied]:
    """Return the replies to main's calls, when there are so many."""
    await until(lambda: len(main.noted_of(events.Replied)) >= count)
    return main.noted_of(events.Replied)
