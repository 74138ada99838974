"""One link of a renderer's session: frames in, until it ends or another takes over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, final

from mainproc.home import Home
from mainproc.sessions.outlet import Outlet
from renderer.wire import events, reasons
from renderer.wire.errors import ConnectionClosed
from renderer.wire.frames import refusal
from renderer.wire.session import Session

if TYPE_CHECKING:
    from renderer.wire.link import AsyncLink

_SAY_REPLACED_WITHIN: Final = 1.0


class Owner(Protocol):
    """The connection whose link this is."""

    @property
    def over(self) -> bool:
        """Nothing that arrives means anything any more."""
        ...

    @property
    def parted(self) -> asyncio.Future[None]:
        """Done when our Goodbye may be written, or nothing more can be."""
        ...

    def handle(self, happened: list[events.SessionEvent], now: float) -> None:
        """Act on what a frame has led to."""
        ...

    def heard_all(self) -> bool:
        """Note that the renderer sends no more; tell if something is to be finished."""
        ...


@final
class Epoch:
    """Carries a session over one link, on main's loop.

    Args:
        owner: the connection.
        session: the session, which this link has just been attached to.
        outlet: what writes its frames.
        home: main's loop.
        link: the link.
        first: its first frame, with the Hello.
    """

    def __init__(
        self,
        owner: Owner,
        session: Session,
        outlet: Outlet,
        home: Home,
        link: AsyncLink,
        first: bytes,
    ) -> None:
        self.number: Final = session.epoch
        """The session's epoch."""
        self.ended = False
        """It was told to end."""
        self._owner = owner
        self._session = session
        self._outlet = outlet
        self._clock = home.loop.time
        self._loop = home.loop
        self._link = link
        self._first = first
        self._task: asyncio.Task[object] | None = None
        self._reading = False
        self._replaced = False
        self._caught_up: asyncio.Future[None] | None = None

    async def serve(self) -> None:
        """Carry frames until the link or the session has ended.

        Cancelling it is a cut.
        """
        self._task = asyncio.current_task()
        self._outlet.attach(self._link)
        try:
            if await self._read():
                await self._owner.parted
            await self._outlet.finish()
        except asyncio.CancelledError:
            if not self.ended or self._task is None:
                raise
            self._task.uncancel()
        finally:
            self._task = None
        if self._replaced:
            await self._say_replaced()

    def end(self) -> None:
        """End the link now."""
        if self._task is not None and not self.ended:
            self.ended = True
            self._task.cancel()

    def replace(self) -> None:
        """End the link with Goodbye(REPLACED): another one has the session."""
        self._replaced = True
        self.end()

    def written(self) -> None:
        """Take note that all is written for now."""
        # The last frame is out. A renderer need not end its direction for us to end.
        if self._reading and self._owner.over:
            self.end()

    def after_turn(self) -> None:
        """Take note that nothing more is dispatched for now."""
        waiting = self._caught_up
        if waiting is None or self._is_behind():
            return
        self._caught_up = None
        if not waiting.done():
            waiting.set_result(None)

    async def _read(self) -> bool:
        """Read to the end; return whether something is to be finished before it."""
        session, lock, clock = self._session, self._outlet.lock, self._clock
        handle, owner = self._owner.handle, self._owner
        frame: bytes | None = self._first
        self._first = b""
        while frame is not None:
            with lock:
                now = clock()
                session.receive(self.number, frame, now)
                happened = session.take_events()
            handle(happened, now)
            if owner.over:
                return False
            if session.inbox.overrun:
                await self._catch_up()
            self._reading = True
            frame = await self._link.read()
            self._reading = False
        return owner.heard_all()

    def _is_behind(self) -> bool:
        return self._session.inbox.overrun and self._outlet.open

    async def _catch_up(self) -> None:
        if self._outlet.open:
            self._caught_up = self._loop.create_future()
            try:
                await self._caught_up
            finally:
                self._caught_up = None  # also when the link is cut meanwhile

    async def _say_replaced(self) -> None:
        # Mostly nobody reads there any more, and then this may take for ever.
        frame = refusal(reasons.REPLACED, "another connection has the session")
        try:
            async with asyncio.timeout(_SAY_REPLACED_WITHIN):
                await self._link.write(frame)
        except (ConnectionClosed, TimeoutError):
            pass


__all__ = ("Epoch", "Owner")
