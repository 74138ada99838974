"""What goes to a renderer: put on its session by any thread, written by main's loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.home import Home
from mainproc.overflow import Dropped
from renderer.wire import reasons
from renderer.wire.drive import Drive
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    LocalProtocolError,
    Overloaded,
)
from renderer.wire.session import Session
from renderer.wire.state import ACCEPTS_MESSAGES

if TYPE_CHECKING:
    from mainproc.sessions.turns import Turns
    from mainproc.web_contents import WebContents
    from renderer.wire.link import AsyncLink
    from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

_ROOM: Final = 0.5
"""`drain` waits until this part of the window is free."""


SessionLock = threading.RLock
"""A lock that knows its holder, so that a finalizer need not deadlock.

The garbage collector may run one at any point, also where this very thread holds the
lock. It takes note of its holder in the same moment. A note of ours would come a moment
later, and the collector, or a signal handler, may run in between.
"""


def is_mine(lock: Any) -> bool:
    """Tell whether this thread holds a `SessionLock`."""
    mine: bool = lock._is_owned()  # noqa: SLF001 - as threading.Condition
    return mine


@final
class Outlet:
    """Puts messages on a session and writes its frames to the present link.

    Args:
        home: main's loop.
        session: the session.
        contents: the renderer.
        may_overshoot: tells whether what is sent now may exceed the renderer's window.
        on_taken: called on the loop when the link of a renderer without acks has taken
            something.
        on_broken: called on the loop when a message too many has ended the session.
        on_written: called on the loop when all is written for now.
    """

    def __init__(
        self,
        home: Home,
        session: Session,
        contents: WebContents,
        *,
        may_overshoot: Callable[[], bool],
        on_taken: Callable[[], object],
        on_broken: Callable[[], object],
        on_written: Callable[[], object],
    ) -> None:
        self.lock: Final = SessionLock()
        """For the session. Nothing foreign is called while it is held."""
        self.dropped: Final = Dropped()
        """What gave way to newer events."""
        self.turns: Turns | None = None
        """What the renderer's messages cause goes out when these end."""
        self._home = home
        self._session = session
        self._contents = contents
        self._observers = contents.observers
        self._may_overshoot = may_overshoot
        self._on_taken = on_taken
        self._on_broken = on_broken
        self._on_written = on_written
        self._link: AsyncLink | None = None
        self._writer: Drive | None = None
        self._written: asyncio.Future[None] | None = None  # done when it rests
        self._writing = False
        self._again = False  # there may be something to write after what is written
        self._flush_scheduled = False
        self._ack_timer: asyncio.TimerHandle | None = None
        self._room: list[asyncio.Future[None]] = []

    @property
    def open(self) -> bool:
        """Messages may be put on the session."""
        return self._session.state in ACCEPTS_MESSAGES

    @property
    def backlog(self) -> str:
        """What waits for the renderer's ack, for people."""
        return self._session.outbox.backlog

    def attach(self, link: AsyncLink) -> None:
        """Write to a link from now on."""
        self._link = link

    def detach(self) -> None:
        """Write nothing more: the link is gone."""
        self._link = None
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.cancel()
        self._rest()
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None

    async def finish(self) -> None:
        """Write all that is to be written."""
        self.flush()
        while self._writing:
            if self._written is None:
                self._written = self._home.loop.create_future()
            await asyncio.wait([self._written])

    # ---- messages ----------------------------------------------------------------

    def send(
        self,
        parcel: Parcel,
        noted: Callable[[int], object] | None = None,
        *,
        overshoot: bool = False,
    ) -> bool:
        """Put a message on the session, from any thread; False if that is over.

        It is written soon.

        Args:
            parcel: the message.
            noted: called with the message's receipt, before it can be answered.
            overshoot: the renderer's window may be exceeded.

        Raises:
            Overloaded: the renderer's window is full.
            PayloadTooLarge: the renderer does not take messages of this size.
        """
        lock, session = self.lock, self._session
        if is_mine(lock):  # this is a finalizer
            self._home.later(self._send_late, parcel, noted)
            return self.open
        with lock:
            if session.state not in ACCEPTS_MESSAGES:
                return False
            try:
                receipt = session.put(parcel)
            except Overloaded:
                if not (overshoot or self._may_overshoot()):
                    raise
                receipt = session.put(parcel, overshoot=True)
            except LocalProtocolError:
                receipt = 0  # that was a reply too many
            if receipt and noted is not None:
                noted(receipt)
        if not receipt:
            self._home.later(self._on_broken)
            return False
        if self._observers.each:
            self._observers.sent(self._contents, parcel)
        # A turn ends with a flush, also for what another thread has sent meanwhile.
        if self.turns is None or not self.turns.dispatching:
            self.schedule_flush()
        return True

    def send_droppable(self, parcel: Parcel, channel: str) -> int:
        """Put an event on the session, if need be in place of older ones.

        May be called from any thread.

        Args:
            parcel: the event.
            channel: its channel, whose oldest events give way that are not written.

        Returns:
            How many went for it; below 0 if the session is over.

        Raises:
            Overloaded: the renderer's window is full of what cannot go.
            PayloadTooLarge: the renderer does not take messages of this size.
        """
        session = self._session
        if is_mine(self.lock):  # this is a finalizer
            return 0 if self.send(parcel) else -1
        with self.lock:
            if session.state not in ACCEPTS_MESSAGES:
                return -1
            gone = session.outbox.put_droppable(parcel, session.peer, channel)
            self.dropped.count += gone
        if self._observers.each:
            self._observers.sent(self._contents, parcel)
        self.schedule_flush()
        return gone

    def give_up(self, why: str) -> None:
        """End the session because the renderer does not keep up, from any thread."""
        if is_mine(self.lock):  # this is a finalizer
            self._home.later(self.give_up, why)
            return
        with self.lock:
            if session_ends := self._session.state in ACCEPTS_MESSAGES:
                self._session.break_off(reasons.OVERLOADED, why)
        if session_ends:
            self._home.later(self._on_broken)
            self.schedule_flush()

    def _send_late(self, parcel: Parcel, noted: Callable[[int], object] | None) -> None:
        try:
            self.send(parcel, noted, overshoot=True)
        except IpcError as error:
            logger.warning("a message sent by a finalizer was lost: %s", error)
        self.flush()

    def room(self) -> asyncio.Future[None]:
        """Return a future that is done when the window has room, or nobody is there."""
        future = self._home.loop.create_future()
        if self._has_room():
            outbox = self._session.outbox
            if outbox.last - outbox.written > self._session.limits.batch_messages:
                # Else who sends without end never lets the loop write.
                self._home.loop.call_soon(_done, future)
            else:
                future.set_result(None)
        else:
            self._room.append(future)
        return future

    def make_room(self) -> None:
        """Tell those who wait for room, if there is some."""
        if self._room and self._has_room():
            waiting, self._room = self._room, []
            for future in waiting:
                _done(future)

    def _has_room(self) -> bool:
        outbox, peer = self._session.outbox, self._session.peer
        return not self.open or (
            outbox.outstanding <= peer.window_messages * _ROOM
            and outbox.outstanding_bytes <= peer.window_bytes * _ROOM
        )

    # ---- frames ------------------------------------------------------------------

    def schedule_flush(self) -> None:
        """Write soon, from any thread; what is sent until then goes along."""
        if self._flush_scheduled:  # it is taken back before a frame is made
            return
        if is_mine(self.lock):
            return  # a finalizer's message, which is flushed when it is sent
        with self.lock:
            if self._flush_scheduled:
                return
            self._flush_scheduled = True
        if self._home.is_here():
            self._home.loop.call_soon(self.flush)
        else:
            self._home.later(self.flush)

    def flush(self) -> None:
        """Write what is to be written, unless that is under way."""
        self._flush_scheduled = False
        if self._link is None:
            return
        if self._writing:
            self._again = True
            return
        frame = self._next_frame()
        if frame is not None:
            self._start_writing(self._link, frame)
        if self._ack_timer is None:
            self._watch_ack()

    def _watch_ack(self) -> None:
        deadline = self._session.deadline
        if deadline is not None:
            self._ack_timer = self._home.loop.call_at(deadline, self._ack_due)

    def _ack_due(self) -> None:
        self._ack_timer = None
        self.flush()

    def _start_writing(self, link: AsyncLink, frame: bytes) -> None:
        self._writing = True
        self._writer = Drive(self._write(link, frame), self._home.loop.call_soon)
        self._writer.start()

    async def _write(self, link: AsyncLink, frame: bytes | None) -> None:
        try:
            while frame is not None:
                await link.write(frame)
                if self._link is not link:
                    return  # what comes next is for another one
                if not self._session.peer.acks:
                    self._on_taken()
                more = self._again or self._session.outbox.has_unwritten()
                frame = self._next_frame() if more else None
        except ConnectionClosed:
            pass  # whoever reads this link is told, too
        except asyncio.CancelledError:
            return  # the link is gone
        finally:
            if self._link is link:
                self._writer = None
                self._rest()
        if self._link is link:
            if self._ack_timer is None:
                self._watch_ack()
            self._on_written()

    def _rest(self) -> None:
        self._writing = False
        if self._written is not None:
            self._written.set_result(None)
            self._written = None

    def _next_frame(self) -> bytes | None:
        self._again = False
        with self.lock:
            return self._session.next_frame(self._home.loop.time())


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
