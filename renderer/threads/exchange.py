"""A session that threads share: its lock, its writer, and those who wait for it.

One lock guards the session. Nothing is encoded, decoded or called back under it, so
it is never held for long.

The writer is a thread of the transport's. It asks for a frame whenever the one before
was taken, and rests when there is none. The thread that then has something to say makes
the next frame itself and wakes it; while it is busy, what is said queues up in the
session and goes out together.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, final

from renderer import texts
from renderer.deadline import Deadline, next_item
from renderer.threads.feed import Feed
from renderer.wire import events
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
)
from renderer.wire.lanes import Mark
from renderer.wire.link import BlockingLink
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from renderer.wire.session import Session
from renderer.wire.state import ACCEPTS_MESSAGES, State

logger = logging.getLogger("ipc.renderer")

Bells = list[queue.SimpleQueue[None]]
"""Those who wait for the same kind of thing; each is woken by its own queue."""

_FOR_EVER: Final = Deadline(None)
_PROBE: Final = Parcel(b"", counted=True, reply=False)


@final
class Exchange:
    """One session, on one link after another, for all threads.

    Args:
        session: a new session.
        left_behind: called under the lock when the session could not be resumed, and
            a new one has begun in its place, with what was put on the old one.
        why_over: returns what to tell those who send after an event; None: it is not
            the end.
    """

    def __init__(
        self,
        session: Session,
        left_behind: Callable[[Outbox], object] = lambda _: None,
        why_over: Callable[[events.SessionEvent], IpcError | None] = lambda _: None,
    ) -> None:
        self.error: IpcError | None = None
        """Why nothing can be sent any more; None while it can."""
        self.session = session
        """Touch it in `change` only; reading a plain attribute is all right."""
        self.era = 0
        """Counts the sessions that were begun here, one in place of the other."""
        self._left_behind = left_behind
        self._why_over = why_over
        self._reason: IpcError | None = None  # known before anybody has called `stop`
        self._epoch = 0
        self._link: BlockingLink | None = None
        # One that knows its holder, at any moment: a finalizer or a signal handler may
        # run wherever it is held. Nobody takes it twice.
        self._lock: Any = threading.RLock()
        self._turns: deque[object] = deque()  # senders that wait, first come first
        self._late: deque[Parcel] = deque()  # from who interrupted the lock's holder
        self._refused: deque[IpcError] = deque()  # why some of these were not put
        self._acks: Bells = []
        self._writes: Bells = []
        self._turning_points: Bells = []
        self._ready: bytes | None = None  # the next frame, made for a resting writer
        self._resting = False  # the writer has nothing and waits to be woken
        self._stirred = False  # it has written since it last rested
        self._alarm: float | None = None  # when it will look again unasked
        self._nap: float | None = None  # the same from when it began to rest

    def attach(self, *, anew: bool = False) -> Feed:
        """Give the session to a new link; return what that writes.

        Args:
            anew: main has not got the session any more.

        Raises:
            LocalProtocolError: the session is over.
        """
        with self._lock:
            self._epoch = epoch = self.session.attach(anew=anew)
            self._forget_writer()
        return Feed(self, epoch)

    def begin(self, link: BlockingLink) -> None:
        """Take the link that was opened to write what `attach` returned."""
        self._link = link

    def _forget_writer(self) -> None:
        self._link = self._ready = self._alarm = self._nap = None
        self._resting = self._stirred = False

    def _wake(self) -> None:
        if self._link is not None:
            self._link.wake()

    # ---- sending ---------------------------------------------------------------------

    def send(self, parcel: Parcel) -> None:
        """Put a message on the session, also from a signal handler or a finalizer.

        Those may run while their own thread holds the lock. They cannot wait for it:
        what they send is put by the holder, afterwards.

        Raises:
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: the peer does not take as much.
        """
        if self.is_interrupted():
            self._late.append(parcel)
        else:
            self.put(parcel)

    def put(
        self,
        parcel: Parcel,
        noted: Callable[[int], None] | None = None,
        deadline: Deadline = _FOR_EVER,
    ) -> None:
        """Put a message on the session; wait while the peer's window is full.

        Args:
            parcel: the message.
            noted: called under the lock with its receipt, before it can be answered.
            deadline: how long to wait.

        Raises:
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: the peer does not take as much.
            IpcTimeout: the window was full until the deadline.
        """
        self._refuse_interrupting()
        with self._lock:
            waits = parcel.counted and self._is_crowded(parcel)
            wake = False if waits else self._accept(parcel, noted)
        if waits:
            self._put_in_turn(parcel, noted, deadline)
        elif wake:
            self._wake()

    def answer(self, parcel: Parcel, era: int) -> None:
        """Put a reply on the session of its call; drop it if that was lost.

        Raises:
            ConnectionClosed: the session is over.
            PayloadTooLarge: the peer does not take as much.
        """
        self._refuse_interrupting()
        with self._lock:
            wake = era == self.era and self._accept(parcel, None)
        if wake:
            self._wake()

    def _put_in_turn(
        self,
        parcel: Parcel,
        noted: Callable[[int], None] | None,
        deadline: Deadline,
    ) -> None:
        turn, turns, wake = object(), self._turns, False

        def accepted() -> bool:
            nonlocal wake
            first = turns[0] is turn and self.session.admits(parcel)
            if not first and self.error is None:
                return False
            wake = self._accept(parcel, noted)
            return True

        turns.append(turn)
        try:
            if not self._wait_for(accepted, deadline, self._acks):
                text = "main's window had no room"
                raise IpcTimeout(f"{text}{deadline.within()}; it was not sent")
        finally:
            with self._lock:
                turns.remove(turn)
                _ring(self._acks)
        if wake:
            self._wake()

    def _is_crowded(self, parcel: Parcel) -> bool:
        full = bool(self._turns) or not self.session.admits(parcel)
        return full and self.error is None

    def _accept(self, parcel: Parcel, noted: Callable[[int], None] | None) -> bool:
        self.check()
        try:
            receipt = self.session.put(parcel)
        except LocalProtocolError as error:  # it has just ended
            why = self._reason or error
            raise ConnectionClosed(str(why), "not-sent") from why
        if noted is not None:
            noted(receipt)
        return self._pump(monotonic())

    def check(self) -> None:
        """Raise ConnectionClosed if nothing can be sent any more."""
        if self.error is not None:
            raise ConnectionClosed(str(self.error), "not-sent") from self.error

    def is_interrupted(self) -> bool:
        """Tell whether the caller has interrupted its own thread in here."""
        mine: bool = self._lock._is_owned()  # noqa: SLF001 - as threading.Condition
        return mine

    def _refuse_interrupting(self) -> None:
        if self.is_interrupted():
            raise IpcError("not possible here: it interrupted ipc in the same thread")

    # ---- changing it -----------------------------------------------------------------

    def receive(self, epoch: int, frame: bytes) -> list[events.SessionEvent]:
        """Take a frame of a link; return what it says."""
        now = monotonic()
        session = self.session
        with self._lock:
            outbox = session.outbox
            session.receive(epoch, frame, now)
            if session.outbox is not outbox:
                self.era += 1
                self._left_behind(outbox)
            happened = session.take_events()
            if session.state not in ACCEPTS_MESSAGES and self._reason is None:
                reasons = map(self._why_over, happened)
                self._reason = next(filter(None, reasons), None)
            wake = self._pump(now)
        if wake:
            self._wake()
        while self._refused:
            logger.error("a message was not sent: %s", self._refused.popleft())
        return happened

    def consume(self) -> None:
        """Count the oldest message that was handed out as consumed."""
        with self._lock:
            self.session.consume()
            wake = self._pump(monotonic())
        if wake:
            self._wake()

    def change(
        self, how: Callable[[Session], object] | None = None
    ) -> list[events.SessionEvent]:
        """Do something to the session; return what it led to.

        Raises:
            IpcError: the caller has interrupted its own thread in here.
        """
        self._refuse_interrupting()
        with self._lock:
            if how is not None:
                how(self.session)
            happened = self.session.take_events()
            wake = self._pump(monotonic())
        if wake:
            self._wake()
        return happened

    def cut(self) -> list[events.SessionEvent]:
        """Note that the link has ended; return what that led to."""

        def cut(session: Session) -> None:
            session.cut(self._epoch, monotonic())
            self._forget_writer()

        return self.change(cut)

    def stop(self, error: IpcError) -> None:
        """Take nothing any more, and wake all who wait. The first reason counts."""
        with self._lock:
            if self.error is None:
                self.error = error
            self._ring_all()

    # ---- waiting ---------------------------------------------------------------------

    def _wait_for(
        self, ready: Callable[[], bool], deadline: Deadline, bells: Bells
    ) -> bool:
        """Wait until `ready`, called under the lock, is true; return whether it is."""
        self._refuse_interrupting()
        bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        in_time = True
        try:
            while True:
                with self._lock:
                    done = ready()
                    if not done and bell not in bells:
                        bells.append(bell)
                if done or not in_time:
                    return done
                try:
                    next_item(bell, deadline)
                except queue.Empty:
                    in_time = False
        finally:
            with self._lock:
                if bell in bells:
                    bells.remove(bell)

    def flush(self, deadline: Deadline) -> bool:
        """Wait until the peer has consumed what was sent; False if time is over.

        Raises:
            ConnectionClosed: the session ended before, or was lost.
        """
        outbox, mark = self._mark()

        def settled() -> bool:
            over = self.error is not None or self.session.outbox is not outbox
            return over or outbox.settled(mark)

        if not settled():
            self.change(Session.request_ack)
        if not self._wait_for(settled, deadline, self._acks):
            return False
        if not outbox.settled(mark):
            why = self.error or texts.started_over()
            raise ConnectionClosed(str(why), "unknown") from self.error
        return True

    def _mark(self) -> tuple[Outbox, Mark]:
        self._refuse_interrupting()
        with self._lock:
            outbox = self.session.outbox
            mark = outbox.mark()
        return outbox, mark

    def number_of_last(self, deadline: Deadline) -> int | None:
        """Return the number of the last message that was put; None if time is over.

        One that is held up by a large message has none before that is written.

        Raises:
            ConnectionClosed: the session is over, or was lost.
        """
        outbox, mark = self._mark()

        def numbered() -> bool:
            self.check()
            if self.session.outbox is not outbox:
                raise texts.started_over()
            return not mark.waits

        numbers = self._wait_for(numbered, deadline, self._writes)
        return mark.number if numbers else None

    def unacked(self, up_to: int, room: int) -> tuple[int, list[bytes]] | None:
        """Return what is unacked up to a number, for another way than a link.

        Returns:
            The number of the first, and the messages, which count as written; None if
            there is a link that they will go on, or it is too much.
        """
        with self._lock:
            session = self.session
            if session.state is State.OPEN:
                return None
            messages = session.outbox.unacked(up_to, room)
            return None if messages is None else (session.outbox.acked + 1, messages)

    def drain(self, deadline: Deadline) -> bool:
        """Wait until all is written and the window has room; False if time is over.

        Raises:
            ConnectionClosed: the session is over.
        """

        def drained() -> bool:
            self.check()
            session = self.session
            unwritten = self._ready is not None or session.outbox.has_unwritten()
            # Without a link what was written may have to be written again.
            linked = session.state is State.OPEN
            return linked and not unwritten and session.admits(_PROBE)

        return self._wait_for(drained, deadline, self._writes)

    def wait_until(self, ready: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until something holds that is followed by `turned`, or by `stop`."""
        return self._wait_for(ready, deadline, self._turning_points)

    def turned(self) -> None:
        """Wake those in `wait_until`."""
        with self._lock:
            _ring(self._turning_points)

    def acked(self) -> None:
        """Wake those who wait for acks."""
        with self._lock:
            _ring(self._acks)
            _ring(self._writes)

    def _ring_all(self) -> None:
        _ring(self._acks)
        _ring(self._writes)
        _ring(self._turning_points)

    # ---- the writer ------------------------------------------------------------------

    def next_frame(self, epoch: int) -> bytes | None:
        """Return the next frame for a link; see `Source`."""
        with self._lock:
            if epoch != self._epoch:
                return None
            frame, self._ready = self._ready, None
            now = monotonic()
            if frame is None:
                frame = self.session.next_frame(now)
            if frame is None:
                self._rest(now)
            else:
                self._resting = False
                self._stirred = True
            if self._writes:
                _ring(self._writes)
        return frame

    def patience(self) -> float | None:
        """Return for how long the writer may rest; see `Source`."""
        return self._nap

    def _rest(self, now: float) -> None:
        # An ack may become due while the writer rests. While there is traffic it looks
        # again after a while by itself, so that no message has to wake it for that.
        alarm = self.session.deadline
        if alarm is None and self._stirred:
            alarm = now + self.session.limits.ack_delay
        self._stirred = False
        self._resting = True
        self._alarm = alarm
        self._nap = None if alarm is None else max(0.0, alarm - now)

    def _pump(self, now: float) -> bool:
        """Make a frame for a resting writer, if there is one; tell whether to wake it.

        Under the lock, after everything that may have changed the session.
        """
        while self._late:
            try:
                self.session.put(self._late.popleft(), overshoot=True)
            except IpcError as error:
                self._refused.append(error)  # logging here could wait for this lock
        if not self._resting:
            return False
        frame = self.session.next_frame(now)
        if frame is not None:
            self._ready = frame
            self._resting = False
            return True
        due = self.session.deadline
        if due is None or (self._alarm is not None and self._alarm <= due):
            return False
        self._alarm = due
        return True


def _ring(bells: Bells) -> None:
    for bell in bells:
        bell.put(None)
    bells.clear()


__all__ = ("Exchange",)
