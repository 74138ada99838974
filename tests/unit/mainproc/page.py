"""A renderer in memory, for tests of main: a session, and no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mainproc import IpcMain, WebContents
from mainproc.home import Home
from mainproc.security.identity import Identity
from mainproc.sessions import Sessions
from mainproc.sessions.connection import Connection
from mainproc.sessions.invitations import Invitation
from renderer.wire import events, messages, reasons
from renderer.wire.errors import ConnectionClosed
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.session import Role, Session
from renderer.wire.state import State
from renderer.wire.terms import introduction
from tests.support.processes import PATIENCE
from tests.support.waiting import until


class MemoryLink:
    """Main's end of a link."""

    def __init__(self, page: Page, epoch: int) -> None:
        self.arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.frames: list[bytes] = []
        """What main wrote on it."""
        self.stuck: asyncio.Future[None] | None = None
        """Writing waits for this, if there is one."""
        self._page = page
        self._epoch = epoch

    async def read(self) -> bytes | None:
        await asyncio.sleep(0)  # as gRPC: others have their turn before each frame
        return await self.arriving.get()

    async def write(self, frame: bytes) -> None:
        if self._page.deaf:
            raise ConnectionClosed("nobody is there")
        if self.stuck is not None:
            await asyncio.shield(self.stuck)
        self.frames.append(frame)
        self._page.take(frame, self._epoch)


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
        sessions: Sessions | None = None,
        identity: Identity | None = None,
        invitation: Invitation | None = None,
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
        self.gaps: list[events.Gap] = []
        """What could not be resumed."""
        self._sessions = sessions
        self._identity = identity
        self._invitation = invitation
        self.link, hello = self._new_link()
        if sessions is not None:
            self.serving = self._serve(sessions, hello)
            return
        self.connection = Connection(
            ipc,
            hello,
            home=Home(),
            on_end=lambda _: self.ends.append(self),
            identity=identity,
        )
        self.serving = asyncio.ensure_future(self.connection.serve(self.link))

    @property
    def contents(self) -> WebContents:
        """This renderer, as main sees it."""
        return self.connection.contents

    # ---- links ---------------------------------------------------------------------

    def _new_link(self) -> tuple[MemoryLink, bytes]:
        link = MemoryLink(self, self.session.attach())
        hello = self.session.next_frame(0.0)
        assert hello is not None
        return link, hello

    def _serve(self, sessions: Sessions, hello: bytes) -> asyncio.Future[None]:
        def admitted(connection: Connection) -> None:
            self.connection = connection

        self.link.arriving.put_nowait(hello)
        return asyncio.ensure_future(
            sessions.serve(
                self.link,
                "memory",
                self._invitation,
                admitted=admitted,
                identity=self._identity,
            )
        )

    async def lose_link(self) -> None:
        """Break the link, as both ends get to know of it."""
        await self.cut()
        self.session.cut(self.session.epoch, asyncio.get_running_loop().time())

    def come_back(self, *, identity: Identity | None = None) -> None:
        """Open another link; the one before may still seem alive in main."""
        assert self._sessions is not None
        self._identity = identity
        self.session.cut(self.session.epoch, asyncio.get_running_loop().time())
        self.deaf = False
        self.link, hello = self._new_link()
        self.serving = self._serve(self._sessions, hello)

    @property
    def is_held_back(self) -> bool:
        """Main does not read on for now."""
        epoch = self.connection._epoch  # noqa: SLF001
        return epoch is not None and epoch._caught_up is not None  # noqa: SLF001

    # ---- to main -------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is to be written; what is put until then is one frame."""
        now = asyncio.get_running_loop().time()
        while (frame := self.session.next_frame(now)) is not None:
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

    async def is_confirmed(self) -> None:
        """Wait until both ends know that a link carries the session."""
        await self.until(lambda: self.session.state is State.OPEN)
        await self.until(lambda: self.connection.session.state is State.OPEN)

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

    def take(self, frame: bytes, epoch: int) -> None:
        self.frames.append(frame)
        if self.hostile:
            return
        self.session.receive(epoch, frame, asyncio.get_running_loop().time())
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
            case events.Gap():
                self.gaps.append(event)
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
        await until(condition, PATIENCE)

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


@asynccontextmanager
async def kept(
    ipc: IpcMain, sessions: Sessions | None = None, **options: Any
) -> AsyncIterator[Page]:
    """Connect a renderer that can come back."""
    sessions = Sessions(ipc) if sessions is None else sessions
    page = Page(ipc, resume=True, sessions=sessions, **options)
    try:
        await page.is_confirmed()
        yield page
    finally:
        await sessions.stop(0.0)
        if not page.serving.done():
            await page.cut()
        ipc.dispatcher.close()
