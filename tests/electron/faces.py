"""A renderer that tests use in the same way, whichever Python face it has."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import renderer
from mainproc import WebContents
from renderer import Subscription, aio
from tests.support.processes import PATIENCE


class Inbox:
    """What arrived on a channel, for the test's event loop, in order.

    Call it with arguments from any thread: it is a listener.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def __call__(self, *args: object) -> None:
        """Take the arguments of a message."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, args)

    def __len__(self) -> int:
        return self._queue.qsize()

    async def next(self) -> tuple[Any, ...]:
        """Return the arguments of the next message."""
        async with asyncio.timeout(PATIENCE):
            return await self._queue.get()


class Page(ABC):
    """A renderer on one of the faces."""

    program: str
    """A renderer's program on this face: it connects and sends one sync message."""

    def __init__(self, ipc: renderer.IpcRenderer | aio.IpcRenderer) -> None:
        self.ipc = ipc

    @property
    def contents(self) -> WebContents:
        """What main has of it."""
        assert self.ipc.id is not None
        contents = WebContents.from_id(self.ipc.id)
        assert contents is not None
        return contents

    def inbox(self, channel: str) -> Inbox:
        """Listen on a channel."""
        inbox = Inbox()
        self.ipc.on(channel, inbox)
        return inbox

    def on(self, channel: str, listener: Callable[..., object]) -> Subscription:
        """Register a listener."""
        return self.ipc.on(channel, listener)

    async def send_sync(self, channel: str, *args: object, **options: Any) -> Any:
        """Send a sync message; return the answer."""
        return await (await self.begin_send_sync(channel, *args, **options))

    async def invoke(self, channel: str, *args: object, **options: Any) -> Any:
        """Call a handler of main's; return the result."""
        return await (await self.begin_invoke(channel, *args, **options))

    @abstractmethod
    async def connect(self) -> None: ...

    @abstractmethod
    async def send(self, channel: str, *args: object) -> None: ...

    @abstractmethod
    async def begin_send_sync(
        self, channel: str, *args: object, **options: Any
    ) -> Awaitable[Any]:
        """Send a sync message; where that does not block, return before the answer."""

    @abstractmethod
    async def begin_invoke(
        self, channel: str, *args: object, **options: Any
    ) -> Awaitable[Any]:
        """Send an invoke; return its result to come."""

    @abstractmethod
    async def flush(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...


class ThreadsPage(Page):
    """A renderer whose program is one thread."""

    program = """
        from renderer import ipc

        ipc.connect(reconnect=False)
        ipc.send_sync("wait")
    """

    ipc: renderer.IpcRenderer

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(renderer.IpcRenderer(address, **options))
        self._thread = ThreadPoolExecutor(1, "page")

    async def _call(self, fn: Callable[..., Any], *args: object, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: fn(*args, **options))

    async def connect(self) -> None:
        await self._call(self.ipc.connect)

    async def send(self, channel: str, *args: object) -> None:
        await self._call(self.ipc.send, channel, *args)

    async def begin_send_sync(
        self, channel: str, *args: object, **options: Any
    ) -> Awaitable[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.set_result(
            await self._call(self.ipc.send_sync, channel, *args, **options)
        )
        return answer

    async def begin_invoke(
        self, channel: str, *args: object, **options: Any
    ) -> Awaitable[Any]:
        reply: renderer.Reply[Any] = await self._call(
            self.ipc.invoke, channel, *args, **options
        )
        return reply

    async def flush(self) -> None:
        await self._call(self.ipc.flush)

    async def close(self) -> None:
        await self._call(self.ipc.close)

    def end(self) -> None:
        """End its thread."""
        self._thread.shutdown()


class AsyncioPage(Page):
    """A renderer on the test's event loop."""

    program = """
        import asyncio
        from renderer.aio import ipc

        async def page():
            await ipc.connect(reconnect=False)
            await ipc.send_sync("wait")

        asyncio.run(page())
    """

    ipc: aio.IpcRenderer

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(aio.IpcRenderer(address, **options))

    async def connect(self) -> None:
        await self.ipc.connect()

    async def send(self, channel: str, *args: object) -> None:
        self.ipc.send(channel, *args)

    async def begin_send_sync(
        self, channel: str, *args: object, **options: Any
    ) -> Awaitable[Any]:
        return self.ipc.send_sync(channel, *args, **options)

    async def begin_invoke(
        self, channel: str, *args: object, **options: Any
    ) -> Awaitable[Any]:
        return self.ipc.invoke(channel, *args, **options)

    async def flush(self) -> None:
        await self.ipc.flush()

    async def close(self) -> None:
        await self.ipc.aclose()

    def end(self) -> None: ...


Face = type[ThreadsPage] | type[AsyncioPage]
FACES: Final[dict[str, Face]] = {"threads": ThreadsPage, "asyncio": AsyncioPage}


@asynccontextmanager
async def opened(face: Face, address: str, **options: Any) -> AsyncIterator[Page]:
    """Connect a renderer while the block runs."""
    page = face(address, **options)
    try:
        await page.connect()
        yield page
    finally:
        await page.close()
        page.end()
