"""One session with main, driven by threads.

Three threads meet here. The *reader* takes frames from the link and never waits for
anything else: it completes calls, opens the window, and queues events for the
dispatcher. The *dispatcher* runs listeners. The *writer* is gRPC's: it asks for a
frame whenever the transport has taken the one before, and rests while there is none.
Callers come on threads of their own.

One lock guards the session. Nothing is encoded, decoded or called back under it.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident
from time import monotonic
from typing import Any, Protocol, final

from renderer.carrier import Carrier, LinkBroken
from renderer.clock import Clock
from renderer.one_shot import no_reply
from renderer.reply import Caller, Reply, SyncAnswer
from renderer.wire import events, messages
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    Outcome,
    quote,
)
from renderer.wire.link import BlockingLink, Fate
from renderer.wire.parcel import Parcel
from renderer.wire.session import Session
from renderer.wire.state import State
from renderer.wire.terms import turned_away
from renderer.wire.values import Default

DRAIN_S = 5.0
"""How long what arrived before main's Goodbye may take to be dispatched."""
PART_S = 5.0
"""How long to wait for main's Goodbye."""

logger = logging.getLogger("ipc.renderer")

Bells = list[queue.SimpleQueue[None]]
_PROBE = Parcel(b"", counted=True, reply=False)


class Dispatcher(Protocol):
    """Where a connection hands events and calls to, in order. Nothing here waits."""

    def arrived(self, event: events.Arrived) -> None:
        """Take an event or a call; `Connection.consume` follows for each."""
        ...

    def cancelled(self, id: int) -> None:
        """Main no longer waits for its call."""
        ...

    def post(self, job: Callable[[], None]) -> None:
        """Run a job after what was handed over before."""
        ...

    def stop(self) -> None:
        """Begin no listener and no handler any more."""
        ...

    def end(self) -> None:
        """Run what was handed over before, then no more."""
        ...


@final
class Connection:
    """A session over one link, from Hello to the end of both.

    Args:
        carrier: the way to main. It is closed with the connection.
        session: a new session.
        dispatcher: who runs listeners and callbacks.
        address: for texts.
    """

    def __init__(
        self, carrier: Carrier, session: Session, dispatcher: Dispatcher, address: str
    ) -> None:
        self.address = address
        self.carrier = carrier
        self.error: IpcError | None = None
        """Why nothing can be sent any more; None while it can."""
        self.opened = False
        """Welcome was heard."""
        self.parted = False
        """Main said Goodbye."""
        self.over = False
        """The link has ended and all threads but the dispatcher are through."""
        self.unconfirmed = 0
        """Events and calls that main is not known to have consumed, at the end."""
        self._session = session
        self._dispatcher = dispatcher
        self._lock = threading.Lock()
        self._owner = 0  # the thread that holds the lock
        self._closing = False  # we said Goodbye first
        # Whoever waits has a bell, which is rung when something of the kind happens.
        self._acks: Bells = []
        self._writes: Bells = []
        self._turning_points: Bells = []
        self._turns: deque[object] = deque()  # senders that wait, first come first
        self._late: list[Parcel] = []  # sent by who interrupted the lock's holder
        self._calls: dict[int, Caller] = {}
        self._ids = itertools.count(1)
        self._clock = Clock()
        self._ready: bytes | None = None  # the next frame, made for a resting writer
        self._resting = False  # the writer has nothing and waits to be woken
        self._stirred = False  # it has written since it last rested
        self._alarm: float | None = None  # when it will look again unasked
        self._nap: float | None = None  # the same from when it began to rest
        self._epoch = session.attach()
        self._link: BlockingLink = carrier.open(self)
        self._reader = threading.Thread(
            target=self._read, name="electron-ipc reader", daemon=True
        )
        self._reader.start()

    @property
    def id(self) -> int:
        """The number of this renderer's WebContents in main."""
        return self._session.welcome.web_contents_id

    @property
    def token(self) -> bytes:
        """The session's secret."""
        return self._session.welcome.token

    # ---- sending ---------------------------------------------------------------------

    def send(self, parcel: Parcel) -> None:
        """Put an event on the session; wait while main's window is full.

        Raises:
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: main does not take as much.
        """
        if self._interrupted():
            self._late.append(parcel)
        else:
            self._put(parcel)

    def invoke(
        self,
        channel: str,
        args: Sequence[object],
        timeout: float | None,
        default: Default | None,
    ) -> Reply[Any]:
        """Put a call on the session; wait while main's window is full.

        Raises:
            DataCloneError: an argument cannot be carried.
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: main does not take as much.
            IpcTimeout: the window was full for the whole time.
        """
        self._refuse_interrupting()
        id = next(self._ids)
        deadline = None if timeout is None else monotonic() + timeout
        parcel = messages.call(id, channel, args, timeout=timeout, default=default)
        reply = Reply[Any](channel, id, self)
        self._put(parcel, (id, reply), deadline)
        if timeout is not None and deadline is not None:
            error = no_reply(channel, timeout)
            self._clock.call_at(deadline, partial(self._expire, id, error))
        return reply

    def send_sync(
        self,
        channel: str,
        args: Sequence[object],
        timeout: float | None,
        default: Default | None,
    ) -> Any:
        """Put a sync message on the session and wait for its reply.

        Raises:
            IpcError: what main answered instead of a result.
            DataCloneError: an argument cannot be carried, or the result be read.
            ConnectionClosed: the session is over, before or after it was sent.
            PayloadTooLarge: main does not take as much.
            IpcTimeout: there was no reply in time. Main is told.
        """
        self._refuse_interrupting()
        id = next(self._ids)
        deadline = None if timeout is None else monotonic() + timeout
        parcel = messages.call(
            id, channel, args, sync=True, timeout=timeout, default=default
        )
        answer = SyncAnswer()
        try:
            self._put(parcel, (id, answer), deadline)
            got = answer.queue.get(timeout=_left(deadline))
        except queue.Empty:
            self.give_up(id)
            raise no_reply(channel, timeout) from None
        except BaseException:  # Ctrl-C, mostly
            self.give_up(id)
            raise
        if isinstance(got, IpcError):
            raise got
        return messages.read_result(got.reply, channel)

    def unary(self) -> tuple[int, int]:
        """Return the number after which a unary sync message comes, and its id."""
        with self._lock:
            self._owner = get_ident()
            self._check()
            last = self._session.outbox.last
            self._owner = 0
        return last, next(self._ids)

    def answer(self, parcel: Parcel) -> None:
        """Put a reply on the session. It is lost if the session is over.

        Raises:
            PayloadTooLarge: main does not take as much.
        """
        try:
            self._put(parcel)
        except ConnectionClosed:
            self._look()

    def give_up(self, id: int) -> None:
        """Forget a call, and tell main, if there was no reply yet."""
        if self._calls.pop(id, None) is None:
            return
        if self._interrupted():
            self._late.append(messages.cancel(id))
        else:
            self.answer(messages.cancel(id))

    def post(self, job: Callable[[], None]) -> None:
        """Run a job on the thread of listeners and callbacks."""
        self._dispatcher.post(job)

    def _expire(self, id: int, error: IpcTimeout) -> None:
        caller = self._calls.get(id)
        if caller is not None:
            self.give_up(id)
            caller.failed(error)

    def _put(
        self,
        parcel: Parcel,
        call: tuple[int, Caller] | None = None,
        deadline: float | None = None,
    ) -> None:
        with self._lock:
            self._owner = get_ident()
            waits = parcel.counted and self._crowded(parcel)
            wake = False if waits else self._accept(parcel, call)
            self._owner = 0
        if waits:
            self._put_in_turn(parcel, call, deadline)
        elif wake:
            self._link.wake()

    def _put_in_turn(
        self,
        parcel: Parcel,
        call: tuple[int, Caller] | None,
        deadline: float | None,
    ) -> None:
        turn, turns, wake = object(), self._turns, False

        def accepted() -> bool:
            nonlocal wake
            if self.error is None and (
                turns[0] is not turn or not self._session.admits(parcel)
            ):
                return False
            wake = self._accept(parcel, call)
            return True

        turns.append(turn)
        try:
            if not self._wait_for(accepted, deadline, self._acks):
                raise IpcTimeout(
                    "main's window was full all the time; nothing was sent"
                )
        finally:
            with self._lock:
                turns.remove(turn)
                _ring(self._acks)
        if wake:
            self._link.wake()

    def _crowded(self, parcel: Parcel) -> bool:
        full = bool(self._turns) or not self._session.admits(parcel)
        return full and self.error is None

    def _accept(self, parcel: Parcel, call: tuple[int, Caller] | None) -> bool:
        self._check()
        try:
            number = self._session.put(parcel)
        except LocalProtocolError as error:  # it has just ended
            raise ConnectionClosed(str(error), "not-sent") from error
        if call is not None:
            id, caller = call
            caller.number = number
            self._calls[id] = caller
        return self._pump(monotonic())

    def _check(self) -> None:
        if self.error is not None:
            raise ConnectionClosed(str(self.error), "not-sent") from self.error

    # A signal handler or a finalizer may run while its own thread holds the lock. It
    # cannot wait for it: what it sends is put by the holder, afterwards.

    def _interrupted(self) -> bool:
        return self._owner == get_ident() and self._lock.locked()

    def _refuse_interrupting(self) -> None:
        if self._interrupted():
            raise IpcError("not possible here: this interrupted a send; use a thread")

    # ---- waiting ---------------------------------------------------------------------

    def _wait_for(
        self, ready: Callable[[], bool], deadline: float | None, bells: Bells
    ) -> bool:
        """Wait until `ready`, called under the lock, is true; return whether it is."""
        bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        in_time = True
        try:
            while True:
                with self._lock:
                    self._owner = get_ident()
                    done = ready()
                    if not done and bell not in bells:
                        bells.append(bell)
                    self._owner = 0
                if done or not in_time:
                    return done
                try:
                    bell.get(timeout=_left(deadline))
                except queue.Empty:
                    in_time = False
        finally:
            with self._lock:
                if bell in bells:
                    bells.remove(bell)

    def wait_opened(self, deadline: float | None) -> bool:
        """Wait until Welcome is in or will not come; False if the time is over."""
        return self._wait_for(
            lambda: self.opened or self.error is not None,
            deadline,
            self._turning_points,
        )

    def wait_over(self, deadline: float | None) -> bool:
        """Wait until the link is over; return whether it is."""
        return self._wait_for(lambda: self.over, deadline, self._turning_points)

    def flush(self, deadline: float | None) -> bool:
        """Wait until main has consumed what was sent; False if the time is over.

        Raises:
            ConnectionClosed: the session ended before.
        """
        outbox = self._session.outbox
        with self._lock:
            self._owner = get_ident()
            number = outbox.last
            wake = False
            if self.error is None and outbox.acked < number:
                self._session.request_ack()
                wake = self._pump(monotonic())
            self._owner = 0
        if wake:
            self._link.wake()

        def settled() -> bool:
            return outbox.acked >= number or self.error is not None

        if not self._wait_for(settled, deadline, self._acks):
            return False
        if outbox.acked < number:
            raise ConnectionClosed(str(self.error), "unknown") from self.error
        return True

    def drain(self, deadline: float | None) -> bool:
        """Wait until nothing waits to be written and main's window has room.

        Raises:
            ConnectionClosed: the session is over.
        """

        def drained() -> bool:
            self._check()
            unwritten = self._ready is not None or self._session.outbox.has_unwritten()
            return not unwritten and self._session.admits(_PROBE)

        return self._wait_for(drained, deadline, self._writes)

    def _ring_all(self) -> None:
        _ring(self._acks)
        _ring(self._writes)
        _ring(self._turning_points)

    # ---- the writer's side (a Source) ------------------------------------------------

    def next_frame(self) -> bytes | None:
        """Return the next frame for the link."""
        with self._lock:
            self._owner = get_ident()
            frame, self._ready = self._ready, None
            now = monotonic()
            if frame is None:
                frame = self._session.next_frame(now)
            if frame is None:
                self._rest(now)
            else:
                self._resting = False
                self._stirred = True
            if self._writes:
                _ring(self._writes)
            self._owner = 0
        return frame

    def patience(self) -> float | None:
        """Return for how long the writer may rest."""
        return self._nap

    def _rest(self, now: float) -> None:
        # An ack may become due while the writer rests. While there is traffic it looks
        # again after a while by itself, so that no message has to wake it for that.
        alarm = self._session.deadline
        if alarm is None and self._stirred:
            alarm = now + self._session.limits.ack_delay
        self._stirred = False
        self._resting = True
        self._alarm = alarm
        self._nap = None if alarm is None else max(0.0, alarm - now)

    def _pump(self, now: float) -> bool:
        """Make a frame for a resting writer, if there is one; tell whether to wake it.

        Under the lock, after everything that may have changed the session.
        """
        while self._late:
            self._session.put(self._late.pop(0), overshoot=True)
        if not self._resting:
            return False
        frame = self._session.next_frame(now)
        if frame is not None:
            self._ready = frame
            self._resting = False
            return True
        due = self._session.deadline
        if due is None or (self._alarm is not None and self._alarm <= due):
            return False
        self._alarm = due
        return True

    # ---- the reader's side -----------------------------------------------------------

    def _read(self) -> None:
        broken: IpcError | None = None
        try:
            for frame in self._link:
                self._receive(frame)
        except IpcError as error:
            broken = error
        finally:
            self._link_over(broken)

    def _receive(self, frame: bytes) -> None:
        now = monotonic()
        with self._lock:
            self._owner = get_ident()
            self._session.receive(self._epoch, frame, now)
            happened = self._session.take_events()
            wake = self._pump(now)
            self._owner = 0
        if wake:
            self._link.wake()
        for event in happened:
            if type(event) is events.Replied:
                caller = self._calls.pop(event.id, None)
                if caller is not None:
                    caller.replied(event)
            elif type(event) is events.Arrived:
                self._dispatcher.arrived(event)
            else:
                self._note(event, heard=True)

    def consume(self) -> None:
        """Note that the dispatcher is through with the oldest that it was given."""
        with self._lock:
            self._owner = get_ident()
            self._session.consume()
            wake = self._pump(monotonic())
            self._owner = 0
        if wake:
            self._link.wake()

    def _note(self, event: events.SessionEvent, *, heard: bool = False) -> None:
        match event:
            case events.Acked():
                with self._lock:
                    _ring(self._acks)
                    _ring(self._writes)
            case events.Opened():
                with self._lock:
                    self.opened = True
                    _ring(self._turning_points)
            case events.Cancelled():
                self._dispatcher.cancelled(event.id)
            case events.GoodbyeHeard():
                self._goodbye_heard(event)
            case events.Ended():
                # After our own Goodbye main's ends the session.
                self.parted |= heard and event.error is None
                self._ended(event)
            case events.GivenUp():
                text = "main gave up %d messages on %s that it had for this renderer"
                logger.warning(text, event.count, quote(event.channel))
            case _:
                pass  # replies and arrivals are the reader's; the rest needs `resume`

    def _goodbye_heard(self, event: events.GoodbyeHeard) -> None:
        if not self.opened:
            self._stop(turned_away(event.reason, event.message))
            self._answer_goodbye()
            return
        self.parted = True
        why = f": {event.message}" if event.message else ""
        self._stop(ConnectionClosed(f"main at {self.address} said goodbye{why}"))
        self._later(DRAIN_S, self._answer_goodbye)
        self._dispatcher.post(self._answer_goodbye)

    def _answer_goodbye(self) -> None:
        with self._lock:
            draining = self._session.state is State.DRAINING
        if draining:
            self.say_goodbye()

    def _ended(self, event: events.Ended) -> None:
        self.unconfirmed = event.unconfirmed
        if event.error is not None:
            text = f"main at {self.address} broke the contract: {event.error}"
        elif event.message:
            text = f"the session with main at {self.address} ended: {event.message}"
        else:
            text = f"the connection to main at {self.address} broke"
        self._stop(ConnectionClosed(text), event.error)
        self._link.finish()
        self._later(PART_S, self._link.cut)

    def _stop(self, error: IpcError, cause: BaseException | None = None) -> None:
        """Take nothing any more, and fail all that waits. The first reason counts."""
        with self._lock:
            if self.error is None:
                error.__cause__ = cause
                self.error = error
            calls, self._calls = self._calls, {}
            written = self._session.outbox.written
            self._ring_all()
        for caller in calls.values():
            outcome: Outcome = "unknown" if caller.number <= written else "not-sent"
            failure = ConnectionClosed(str(self.error), outcome)
            failure.__cause__ = cause
            caller.failed(failure)
            if self._closing and isinstance(caller, Reply):
                caller.forgive()  # who closes gives up what is under way

    def _later(self, seconds: float, job: Callable[[], None]) -> None:
        try:
            self._clock.call_at(monotonic() + seconds, job)
        except RuntimeError:
            pass  # the interpreter is ending; whoever ends it keeps the time

    def _link_over(self, broken: IpcError | None) -> None:
        with self._lock:
            self._session.cut(self._epoch, monotonic())
            happened = self._session.take_events()
        if not self.opened:
            text = "the link ended before main said welcome"
            self._stop(broken or LinkBroken(text, "not-sent", Fate.RESUME))
        elif broken is not None:
            text = f"the connection to main at {self.address} broke: {broken}"
            self._stop(ConnectionClosed(text), broken)
        for event in happened:
            self._note(event)
        self._clock.stop()
        self.carrier.close()
        self._dispatcher.end()
        with self._lock:
            self.over = True
            self._ring_all()

    def _look(self) -> None:
        """Take note of what a call of the session's may have led to."""
        with self._lock:
            happened = self._session.take_events()
            wake = self._pump(monotonic())
        if wake:
            self._link.wake()
        for event in happened:
            self._note(event)

    # ---- the end ---------------------------------------------------------------------

    def say_goodbye(self) -> None:
        """Say Goodbye, or answer main's. No dispatch begins from here on."""
        self._dispatcher.stop()
        with self._lock:
            begins = self._session.state in (State.OPENING, State.OPEN)
            if begins or self._session.state is State.DRAINING:
                self._session.goodbye()
        if begins:
            self._closing = True
            self._stop(ConnectionClosed(f"the connection to {self.address} is closed"))
        self._look()

    def cut(self) -> None:
        """End the link now."""
        self._link.cut()


def _ring(bells: Bells) -> None:
    for bell in bells:
        bell.put(None)
    bells.clear()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - monotonic())


__all__ = ("Connection", "Dispatcher")
