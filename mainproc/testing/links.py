"""Links in memory: main's end, and a renderer's end on threads or on main's loop."""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from mainproc.events import IpcMainEvent
from mainproc.sessions.connection import Connection
from renderer.wire.errors import ConnectionClosed

if TYPE_CHECKING:
    from mainproc.security.identity import Identity
    from mainproc.testing.mains import Main
    from renderer.carrier import Source

_ends: Final[weakref.WeakValueDictionary[int, MainEnd]] = weakref.WeakValueDictionary()
"""Main's ends of links, by the `WebContents.id` of their renderers."""


def observe(error: BaseException, event: IpcMainEvent) -> None:
    """Note what a listener raised with the renderer whose event it was."""
    end = _ends.get(event.sender.id)
    if end is not None:
        end.raised.append(error)


@final
class MainEnd:
    """Main's end of a link. Made anywhere; all but `cut` happens on main's loop.

    Args:
        main: serves the link.
        deliver: takes what main writes; None: the link has ended.
        identity: who the renderer is.
    """

    def __init__(
        self,
        main: Main,
        deliver: Callable[[bytes | None], object],
        identity: Identity | None,
    ) -> None:
        self.connection: Connection | None = None
        """That of the renderer, once main has admitted it."""
        self.open = True
        self.raised: list[BaseException] = []
        """What main's listeners raised for events of this renderer."""
        self._main = main
        self._deliver = deliver
        self._identity = identity
        self._arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._wrote = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._kept = True  # the session, when the link is cut

    def begin(self) -> None:
        """Let main serve the link."""
        serving = self._main.sessions.serve(
            self, "memory", admitted=self._admitted, identity=self._identity
        )
        self._serving = self._main.home.loop.create_task(serving)
        self._serving.add_done_callback(self._over)

    def _admitted(self, connection: Connection) -> None:
        self.connection = connection
        before = _ends.get(connection.contents.id)
        if before is not None:  # it has come back, and this is the same renderer
            self.raised = before.raised
        self._main.connections.add(connection)
        _ends[connection.contents.id] = self

    def _over(self, serving: asyncio.Task[None]) -> None:
        self.open = False
        if self.connection is not None and not self._kept:
            self.connection.expire()
        self._arriving.put_nowait(None)  # somebody may still read
        self._wrote.set()
        self._deliver(None)
        if not serving.cancelled():
            serving.exception()  # told by the loop: it ends main

    def arrive(self, frame: bytes | None) -> None:
        """Take a frame from the renderer; None: it writes no more."""
        self._arriving.put_nowait(frame)

    def cut(self, *, resume: bool) -> None:
        """Break the link, as gRPC tells main of it; from any thread.

        Args:
            resume: main keeps the session.
        """
        self._main.home.call(self._cut, resume)

    def _cut(self, resume: bool) -> None:
        self._kept = self._kept and resume
        if self._serving is not None:
            self._serving.cancel()

    async def over(self) -> None:
        """Wait until main knows that the link has ended."""
        if self._serving is not None:
            await asyncio.wait([self._serving])

    # ---- as a link -------------------------------------------------------------------

    async def read(self) -> bytes | None:
        """Return the next frame; see `AsyncLink`."""
        await asyncio.sleep(0)
        return await self._arriving.get()

    async def write(self, frame: bytes) -> None:
        """Write a frame; see `AsyncLink`."""
        if not self.open:
            raise ConnectionClosed("the link was cut")
        self._deliver(frame)
        self._wrote.set()

    # ---- coming to rest --------------------------------------------------------------

    @property
    def moves(self) -> tuple[int, int]:
        """How many messages main has received, and how many it has sent."""
        if self.connection is None:
            return 0, 0
        session = self.connection.session
        return session.inbox.received, session.outbox.last

    async def rest(self) -> None:
        """Wait until nothing runs in main for the renderer, and all is written."""
        if self.connection is None:
            return
        # Not awaited itself: whoever gives up waiting would cancel it for others.
        await asyncio.wait([self.connection.quiet()])
        while self.open and self.connection.session.outbox.has_unwritten():
            self._wrote.clear()
            await self._wrote.wait()


@final
class ThreadEnd:
    """A renderer's end of a link, for threads. A `BlockingLink`.

    Its writer is main's loop: it takes frames from their source when it is woken.

    Args:
        main: serves the link.
        source: where its frames come from.
        identity: who the renderer is.
    """

    def __init__(self, main: Main, source: Source, identity: Identity | None) -> None:
        self.main_end = MainEnd(main, self._deliver, identity)
        self._home = main.home
        self._source = source
        self._alarm: asyncio.TimerHandle | None = None
        self._arriving: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._moved = threading.Condition()
        self._delivered = 0
        self._taken = 0
        self._ended = False
        self._home.call(self._begin)

    def _begin(self) -> None:
        self.main_end.begin()
        self._pump()

    # ---- to main ---------------------------------------------------------------------

    def wake(self) -> None:
        """Ask the source again."""
        self._home.later(self._pump)

    def finish(self) -> None:
        """Half-close when the source has nothing left."""
        self._home.later(self._finish)

    def cut(self, *, resume: bool = True) -> None:
        """End both directions; main may have ended before."""
        self._arriving.put(None)
        self.main_end.cut(resume=resume)

    def _pump(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self.main_end.open:
            return
        while (frame := self._source.next_frame()) is not None:
            self.main_end.arrive(frame)
        patience = self._source.patience()
        if patience is not None:
            self._alarm = self._home.loop.call_later(patience, self._pump)

    def _finish(self) -> None:
        self._pump()
        self.main_end.arrive(None)

    # ---- from main -------------------------------------------------------------------

    def _deliver(self, frame: bytes | None) -> None:
        if frame is None:
            if self._alarm is not None:
                self._alarm.cancel()
        else:
            self._delivered += 1
        self._arriving.put(frame)

    def carry(self, deliver: Callable[[bytes], object]) -> None:
        """Give each frame to `deliver` until the link ends."""
        try:
            while (frame := self._arriving.get()) is not None:
                deliver(frame)
                with self._moved:
                    self._taken += 1
                    self._moved.notify_all()
        finally:
            with self._moved:
                self._ended = True
                self._moved.notify_all()

    def caught_up(self, timeout: float) -> bool:
        """Wait until the renderer has taken in what main has written; tell if it has.

        Args:
            timeout: seconds to wait.
        """
        written = self._delivered
        with self._moved:
            return self._moved.wait_for(
                lambda: self._taken >= written or self._ended, timeout
            )


@final
class AioEnd:
    """A renderer's end of a link, on main's loop. An `AioLink`.

    Args:
        main: serves the link.
        identity: who the renderer is.
    """

    def __init__(self, main: Main, identity: Identity | None) -> None:
        self.main_end = MainEnd(main, self._deliver, identity)
        self._arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._moved = asyncio.Event()
        self._delivered = 0
        self._handed = 0
        self._taken = 0
        self._ended = False
        self.main_end.begin()

    def _deliver(self, frame: bytes | None) -> None:
        self._delivered += frame is not None
        self._arriving.put_nowait(frame)

    async def read(self) -> bytes | None:
        """Return the next frame; see `AioLink`."""
        self._taken = self._handed  # who asks for more is through with those before
        self._moved.set()
        frame = await self._arriving.get()
        self._handed += 1
        if frame is None:
            self._ended = True
            self._moved.set()
        return frame

    async def write(self, frame: bytes) -> None:
        """Write a frame; see `AioLink`."""
        if not self.main_end.open:
            raise ConnectionClosed("the link was cut")
        self.main_end.arrive(frame)

    async def finish(self) -> None:
        """End this direction; see `AioLink`."""
        self.main_end.arrive(None)

    def cut(self, *, resume: bool = True) -> None:
        """End both directions."""
        self._arriving.put_nowait(None)
        self.main_end.cut(resume=resume)

    async def caught_up(self) -> None:
        """Wait until the renderer has taken in what main has written."""
        written = self._delivered
        while self._taken < written and not self._ended:
            self._moved.clear()
            await self._moved.wait()


__all__ = ("AioEnd", "MainEnd", "ThreadEnd", "observe")
