"""A renderer in memory, for tests of main: a session, and no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mainproc import IpcMain
from mainproc.connection import Connection
from mainproc.home import Home
from renderer.wire import events, messages, reasons
from renderer.wire.errors import ConnectionClosed
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.session import Role, Session
from renderer.wire.state import State
from renderer.wire.terms import introduction

PATIENCE = 10.0


class MemoryLink:
    """Main's end of a link."""

    def __init__(self, page: Page) -> None:
        self.arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._page = page

    async def read(self) -> bytes | None:
        return await self.arriving.get()

    async def write(self, frame: bytes) -> None:
        if self._page.deaf:
            raise ConnectionClosed("nobody is there")
        self._page.take(frame)


class Page:
    """A renderer that consumes what it gets at once, unless it is `slow`."""

    def __init__(
        self,
        ipc: IpcMain,
        *,
        limits: Limits = DEFAULT_LIMITS,
        slow: bool = False,
        resume: bool = False,
        title: str = "",
    ) -> None:
        hi = introduction(version="", url="", title=title)
        self.session = Session(Role.RENDERER, limits=limits, hello=hi, resume=resume)
        self.heard: list[tuple[str, Any]] = []
        """What arrived, in order: (channel, args), ("reply", id), ("goodbye", text)."""
        self.frames: list[bytes] = []
        """All that main wrote."""
        self.asked: list[events.Arrived] = []
        """Calls of main's, in order."""
        self.cancelled: list[int] = []
        """Those of them that main no longer waits for."""
        self.hostile = False
        """The test writes frames itself, and looks at `frames`."""
        self.slow = slow
        self.deaf = False
        self.unconsumed = 0
        self.ends: list[Page] = []
        """Holds this page once main knows that the session is over."""
        self._ids = 0
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._channels: dict[int, str] = {}
        self.link = MemoryLink(self)
        self._epoch = self.session.attach()
        hello = self.session.next_frame(0.0)
        assert hello is not None
        self.connection = Connection(
            ipc, hello, home=Home(), on_end=lambda _: self.ends.append(self)
        )
        self.contents = self.connection.contents
        self.serving = asyncio.ensure_future(self.connection.serve(self.link))

    @property
    def is_held_back(self) -> bool:
        """Main does not read on for now."""
        epoch = self.connection._epoch  # noqa: SLF001
        return epoch is not None and epoch._caught_up is not None  # noqa: SLF001

    # ---- to main -------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is to be written; what is put until then is one frame."""
        while frame := self.session.next_frame(asyncio.get_running_loop().time()):
            self.link.arriving.put_nowait(frame)

    def put(self, channel: str, *args: object) -> None:
        self.session.put(messages.event(channel, args))

    def send(self, channel: str, *args: object) -> None:
        self.put(channel, *args)
        self.flush()

    def call(
        self,
        channel: str,
        *args: object,
        sync: bool = False,
        timeout: float | None = None,
        id: int | None = None,
    ) -> asyncio.Future[Any]:
        """Put a call on the session; return the future of its result."""
        self._ids += 1
        id = self._ids if id is None else id
        parcel = messages.call(id, channel, args, sync=sync, timeout=timeout)
        self.session.put(parcel)
        self._channels[id] = channel
        reply = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._replies[id] = reply
        return reply

    async def invoke(self, channel: str, *args: object, **options: Any) -> Any:
        reply = self.call(channel, *args, **options)
        self.flush()
        return await asyncio.wait_for(reply, PATIENCE)

    async def send_sync(self, channel: str, *args: object, **options: Any) -> Any:
        return await self.invoke(channel, *args, sync=True, **options)

    def cancel(self, id: int) -> None:
        self.session.put(messages.cancel(id))

    async def consumed(self) -> None:
        """Wait until main has consumed all that was put."""
        self.session.request_ack()
        self.flush()
        outbox = self.session.outbox
        await self.until(lambda: outbox.acked == outbox.last)

    def say_goodbye(self) -> None:
        self.session.goodbye()
        self.flush()

    def half_close(self) -> None:
        self.link.arriving.put_nowait(None)

    async def cut(self) -> None:
        """Break the link, as gRPC tells main of it."""
        self.deaf = True
        self.serving.cancel()
        await asyncio.wait([self.serving])

    # ---- from main -----------------------------------------------------------------

    def take(self, frame: bytes) -> None:
        self.frames.append(frame)
        if self.hostile:
            return
        self.session.receive(self._epoch, frame, asyncio.get_running_loop().time())
        for event in self.session.take_events():
            self._note(event)
        asyncio.get_running_loop().call_soon(self.flush)

    def _note(self, event: events.SessionEvent) -> None:
        match event:
            case events.Arrived():
                self.heard.append((event.body.channel, messages.read_args(event.body)))
                if event.kind == "call":
                    self.asked.append(event)
                self.unconsumed += 1
                if not self.slow:
                    self.catch_up()
            case events.Replied():
                self.heard.append(("reply", event.id))
                self._settle(event)
            case events.Cancelled():
                self.cancelled.append(event.id)
            case events.GoodbyeHeard():
                self.heard.append(("goodbye", (event.reason, event.message)))
                if not self.slow:
                    self.session.goodbye()
            case _:
                pass

    def _settle(self, event: events.Replied) -> None:
        reply = self._replies[event.id]
        assert not reply.done(), f"two replies to {event.id}"
        try:
            result = messages.read_result(event.reply, self._channels[event.id])
        except Exception as error:
            reply.set_exception(error)
        else:
            reply.set_result(result)

    async def is_asked(self, count: int = 1) -> events.Arrived:
        """Wait for so many calls of main's; return the latest."""
        await self.until(lambda: len(self.asked) >= count)
        return self.asked[count - 1]

    def answer(self, call: events.Arrived, value: object) -> None:
        self.session.put(messages.reply(call.message.id, value))
        self.flush()

    def fail(self, call: events.Arrived, error: Exception) -> None:
        self.session.put(messages.raised(call.message.id, error))
        self.flush()

    def catch_up(self) -> None:
        """Consume what arrived."""
        for _ in range(self.unconsumed):
            self.session.consume()
        self.unconsumed = 0

    def events(self, channel: str) -> list[Any]:
        """Return the arguments of the events that arrived on a channel."""
        return [args for name, args in self.heard if name == channel]

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def hears(self, channel: str, count: int = 1) -> list[Any]:
        """Wait for so many events on a channel."""
        await self.until(lambda: len(self.events(channel)) >= count)
        return self.events(channel)

    @property
    def closed(self) -> bool:
        return self.session.state is State.CLOSED


def main_with(**limits: Any) -> IpcMain:
    """Return a main of its own, with these limits."""
    return IpcMain(limits=Limits(**limits))


@asynccontextmanager
async def connected(ipc: IpcMain, **options: Any) -> AsyncIterator[Page]:
    """Connect a renderer while the block runs."""
    page = Page(ipc, **options)
    try:
        await page.until(lambda: page.session.state is State.OPEN)
        page.flush()
        yield page
    finally:
        page.connection.say_goodbye(reasons.CLOSED, "")
        if not page.serving.done():
            await page.cut()
        ipc.dispatcher.close()


__all__ = ("Page", "connected", "main_with")
