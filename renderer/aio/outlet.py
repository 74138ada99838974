"""What goes to main from an event loop: put on the session, written by one task.

Nothing waits to fill a frame: while one is being written, what is sent queues up in
the session, and the next frame takes it all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, final

from renderer import texts
from renderer.aio.backlog import Backlog
from renderer.aio.calls import Invocation
from renderer.aio.tasks import Bell
from renderer.carrier import AioLink
from renderer.wire import events
from renderer.wire.chunks import check_size
from renderer.wire.drive import Drive
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    LocalProtocolError,
    Overloaded,
    PayloadTooLarge,
)
from renderer.wire.limits import FEATURES, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from renderer.wire.session import Session
from renderer.wire.state import State

logger = logging.getLogger("ipc.renderer")

_ROOM: Final = 0.5
"""`drain` waits until this part of the window is free."""
_UNKNOWN_MAIN: Final = Peer(features=frozenset(FEATURES))


@final
class AioOutlet:
    """Puts messages on a session, and writes its frames to a link.

    Messages wait here until main has said welcome. They go on waiting if they turn out
    to be more than main's window takes. All on one loop.

    Args:
        loop: the loop.
        bell: rung when more can be sent.
        on_broken: called when a message too many has ended the session.
        limits: what to accept before main has said what it takes.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bell: Bell,
        on_broken: Callable[[], object],
        limits: Limits,
    ) -> None:
        self.error: IpcError | None = None
        """Why nothing can be sent any more; None while it can."""
        self.packed = False
        """Main reads packed values."""
        self._loop = loop
        self._bell = bell
        self._on_broken = on_broken
        self._limits = limits
        self._waiting = Backlog(limits)
        self.session: Session | None = None
        """The session; `change` it, or read a plain attribute."""
        self._epoch = 0
        self._outbox: Outbox | None = None  # the session's, before a gap
        self._link: AioLink | None = None
        self._opened = False
        self._writing = False
        self._again = False  # there may be something to write after what is written
        self._flushing_soon = False
        self._finishing = False
        self._writer: Drive | None = None
        self._written: asyncio.Future[None] | None = None  # done when it rests
        self._timer: asyncio.TimerHandle | None = None
        self._inside = False  # the session is being touched

    # ---- the link --------------------------------------------------------------------

    def attach(self, session: Session, link: AioLink, *, anew: bool = False) -> None:
        """Greet main on a new link.

        Args:
            session: a new one, or the same again.
            link: the link.
            anew: main is known to have lost the session.
        """
        self.session = session
        self._outbox = session.outbox
        self._link = link
        self._epoch = session.attach(anew=anew)
        self._finishing = False
        self.flush()

    def opened(self) -> None:
        """Put on the session what has waited for main's first Welcome."""
        self._opened = True
        self.packed = self.session is not None and self.session.peer.packed
        self.advance()

    async def detach(self) -> list[events.SessionEvent]:
        """Write no more: the link is over; return what that led to."""
        self._link = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writer is not None:
            # gRPC may leave a write waiting that never got as far as the wire.
            self._writer.cancel()
        while self._writing:
            if self._written is None:
                self._written = self._loop.create_future()
            await asyncio.wait([self._written])
        return self.change(self._cut)

    def _cut(self, session: Session) -> None:
        session.cut(self._epoch, self._loop.time())

    def start_over(self) -> int:
        """Give up what was put: a new session has begun.

        Returns:
            How many events and calls of that were not on the old one yet.
        """
        self._outbox = None if self.session is None else self.session.outbox
        self._bell.ring()
        return self.clear()

    # ---- sending ---------------------------------------------------------------------

    def put(
        self, parcel: Parcel, sender: Invocation | None = None, *, soon: bool = False
    ) -> None:
        """Put a message on the session, or in the queue for it.

        Args:
            parcel: the message.
            sender: the call that it is.
            soon: others are likely to be sent in this turn of the loop: write it after
                them. Where each went at once, groups of calls that travel together
                would fall apart into single ones, and stay so.

        Raises:
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: main does not take as much.
            Overloaded: main's window is full.
        """
        if self._inside:
            # From a finalizer or a signal handler: it has interrupted us.
            self._loop.call_soon(self._put_late, parcel, sender)
            return
        if self.error is not None:
            self.check()
        if not self._opened or self._waiting:
            self._queue(parcel, sender)
            return
        self._put_now(parcel, sender)
        if self._writing or self._flushing_soon:
            return  # what is unwritten is looked for after what is written
        if soon:
            self._flushing_soon = True
            self._loop.call_soon(self._flush_now)
        else:
            self.flush()

    def check(self) -> None:
        """Raise ConnectionClosed if nothing can be sent any more."""
        if self.error is not None:
            raise ConnectionClosed(str(self.error), "not-sent") from self.error

    def _put_late(self, parcel: Parcel, sender: Invocation | None) -> None:
        try:
            self.put(parcel, sender)
        except IpcError as error:
            _refused(error, sender)

    def _put_now(self, parcel: Parcel, sender: Invocation | None) -> None:
        session = self.session
        assert session is not None
        self._inside = True
        try:
            receipt = session.put(parcel)
        except Overloaded:
            raise _overloaded(session.outbox.backlog) from None
        except LocalProtocolError as error:  # it has ended, maybe just now
            self._inside = False
            self._on_broken()
            raise ConnectionClosed(str(error), "not-sent") from error
        finally:
            self._inside = False
        if sender is not None:
            sender.receipt = receipt

    # ---- what waits for the session --------------------------------------------------

    @property
    def has_waiting(self) -> bool:
        """Something was accepted that is not on the session yet."""
        return bool(self._waiting)

    @property
    def waiting_events(self) -> int:
        """How many of these are events: nobody else learns of their loss."""
        return self._waiting.events

    def _queue(self, parcel: Parcel, sender: Invocation | None) -> None:
        check_size(len(parcel.data), _UNKNOWN_MAIN)  # not too large at all
        if not self._waiting.admits(parcel):
            raise _overloaded(str(self._waiting))
        self._waiting.add(parcel, sender)

    def withdraw(self, sender: Invocation) -> bool:
        """Take back a call that still waits here; return whether it did."""
        if sender.receipt:
            return False
        for waiting in self._waiting:
            if waiting.sender is sender:
                self._waiting.remove(waiting)
                return True
        return False

    def advance(self) -> None:
        """Put on the session what waits here, as far as main's window admits it.

        Flush afterwards.
        """
        session = self.session
        while self._waiting and session is not None:
            parcel, sender = first = self._waiting.first
            if not session.admits(parcel):
                break
            try:
                self._put_now(parcel, sender)
            except PayloadTooLarge as error:
                _refused(error, sender)
            except ConnectionClosed:
                return  # all that waits was failed
            self._waiting.remove(first)
        self._bell.ring()

    # ---- the session -----------------------------------------------------------------

    def receive(self, frame: bytes) -> list[events.SessionEvent]:
        """Take a frame; return what it says."""
        epoch, now = self._epoch, self._loop.time()
        return self.change(lambda session: session.receive(epoch, frame, now))

    def change(self, how: Callable[[Session], object]) -> list[events.SessionEvent]:
        """Do something to the session; return what it led to. Flush afterwards."""
        session = self.session
        if session is None:
            return []
        self._inside = True
        try:
            how(session)
            return session.take_events()
        finally:
            self._inside = False

    def say_goodbye(self, *, at_once: bool) -> list[events.SessionEvent]:
        """Say Goodbye, or answer main's; return what it led to. Flush afterwards.

        Args:
            at_once: do not wait for a link that could carry it.
        """

        def say(session: Session) -> None:
            if at_once:
                self._cut(session)
            if session.state is not State.CLOSED:  # its time may have been over
                session.goodbye()

        return self.change(say)

    @property
    def patience(self) -> float:
        """The seconds for which a detached session is kept."""
        until = None if self.session is None else self.session.deadline
        return 0.0 if until is None else max(0.0, until - self._loop.time())

    @property
    def state(self) -> State:
        """That of the session."""
        return State.NEW if self.session is None else self.session.state

    def consume(self) -> None:
        """Note that the oldest message that was handed out is consumed."""
        if self.session is not None:
            self.session.consume()

    def stop(self, error: IpcError) -> None:
        """Take nothing any more. The first reason counts."""
        if self.error is None:
            self.error = error
        self._bell.ring()

    def clear(self) -> int:
        """Forget what waits here; return how many events and calls that was."""
        return self._waiting.clear()

    def was_written(self, receipt: int) -> bool:
        """Tell whether main may have got a message."""
        if self._outbox is None or not receipt:
            return False
        return self._outbox.was_written(receipt)

    # ---- waiting ---------------------------------------------------------------------

    async def flush_through(self) -> None:
        """Wait until main has consumed all that was put until now, over cuts.

        Raises:
            ConnectionClosed: the session ended before, or was lost.
        """
        before = self._outbox if self._opened else None
        await self._bell.wait_until(
            lambda: (self._opened and not self._waiting) or self.error is not None
        )
        outbox = before or self._outbox
        if outbox is None or not self._opened:
            self.check()
            return
        mark = outbox.mark()

        def settled() -> bool:
            return (
                outbox.settled(mark)
                or self.error is not None
                or outbox is not self._outbox
            )

        if not settled():
            self.change(Session.request_ack)
            self.flush()
            await self._bell.wait_until(settled)
        if outbox is not self._outbox and self.error is None:
            raise texts.started_over()
        if not outbox.settled(mark) or self._waiting:
            raise ConnectionClosed(str(self.error), "unknown") from self.error

    async def drain(self) -> None:
        """Wait until half of main's window is free.

        Raises:
            ConnectionClosed: the session is over.
        """
        if self._has_room and self._is_busy:
            await asyncio.sleep(0)  # else who sends without end never gets to writing
        await self._bell.wait_until(lambda: self._has_room or self.error is not None)
        self.check()

    @property
    def _is_busy(self) -> bool:
        """More waits for the link than one frame takes."""
        outbox = None if self.session is None else self.session.outbox
        unwritten = 0 if outbox is None else outbox.last - outbox.written
        return unwritten > self._limits.batch_messages

    @property
    def _has_room(self) -> bool:
        session = self.session
        if session is None or not self._opened or self._waiting:
            return False
        outbox, peer = session.outbox, session.peer
        return (
            outbox.outstanding <= peer.window_messages * _ROOM
            and outbox.outstanding_bytes <= peer.window_bytes * _ROOM
        )

    # ---- the writer ------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is to be written, unless that is under way."""
        if self._writing:
            self._again = True
            return
        session, link = self.session, self._link
        if self._inside or session is None or link is None:
            return
        self._inside = True
        try:
            if self._writing:
                return  # whoever has interrupted us just before that writes
            frame = session.next_frame(self._loop.time())
            # Before anybody who interrupts us can take the frame after this one.
            begins = self._writing = frame is not None or self._finishing
        finally:
            self._inside = False
        if begins:
            self._start_writing(link, frame)
        else:
            self._look_later()

    def _flush_now(self) -> None:
        self._flushing_soon = False
        self.flush()

    def finish(self) -> None:
        """Write what the session still has, then end this direction."""
        self._finishing = True
        self.flush()

    def _start_writing(self, link: AioLink, frame: bytes | None) -> None:
        self._writer = Drive(self._write(link, frame), self._loop.call_soon)
        self._writer.start()

    async def _write(self, link: AioLink, frame: bytes | None) -> None:
        try:
            while frame is not None:
                await link.write(frame)
                if self._link is not link:
                    return  # it is over; nothing that it is given may ever be taken
                if self.session is not None and not self.session.peer.acks:
                    self.advance()  # written is acked
                frame = self._next_frame()
            if self._finishing:
                self._finishing = False
                await link.finish()
        except (ConnectionClosed, asyncio.CancelledError):
            return  # the reader of this link is told
        finally:
            self._writing = False
            self._writer = None
            if self._written is not None:
                self._written.set_result(None)
                self._written = None
        if self.session is not None and self.session.outbox.has_unwritten():
            self.flush()  # something was sent since we looked
        else:
            self._look_later()

    def _next_frame(self) -> bytes | None:
        session = self.session
        if session is None or self._inside:
            return None
        if not (self._again or session.outbox.has_unwritten()):
            return None
        self._again = False
        self._inside = True
        try:
            return session.next_frame(self._loop.time())
        finally:
            self._inside = False

    def _look_later(self) -> None:
        """Look again when an owed ack is due."""
        session = self.session
        if self._timer is None and session is not None and self._link is not None:
            due = session.deadline
            if due is not None:
                self._timer = self._loop.call_at(due, self._ack_due)

    def _ack_due(self) -> None:
        self._timer = None
        self.flush()


def _overloaded(backlog: str) -> Overloaded:
    return Overloaded(f"{backlog} wait for main; await ipc.drain()")


def _refused(error: IpcError, sender: Invocation | None) -> None:
    """Tell whoever sent a message that it was refused after all."""
    if sender is None:
        logger.error("a message was not sent: %s", error)
    else:
        sender.refuse(error)


__all__ = ("AioOutlet",)
