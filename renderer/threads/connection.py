"""One connection to main: a session, the link that carries it, the calls on it.

The *reader* is a thread of ours, or the transport's own, that takes frames from the
link and never waits for anything else: it completes calls, opens the window, and queues
events for the *dispatcher*, on whose thread listeners run. The *writer* is the
transport's.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, Protocol, final

from renderer import texts
from renderer.carrier import Carrier, LinkBroken
from renderer.deadline import Deadline, next_item, no_reply
from renderer.reply import Caller, Reply, SyncAnswer
from renderer.threads.clock import Alarm, Clock
from renderer.threads.exchange import Exchange
from renderer.wire import events, messages
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    IpcTimeout,
    Outcome,
    quote,
)
from renderer.wire.link import Fate
from renderer.wire.parcel import Parcel
from renderer.wire.session import Session
from renderer.wire.state import State
from renderer.wire.terms import read_sync_response, turned_away
from renderer.wire.values import Default

logger = logging.getLogger("ipc.renderer")

DRAIN_S: Final = 5.0
"""How long what arrived before main's Goodbye may take to be dispatched."""
_TIMEOUT: Final = IpcTimeout.reason

PART_S: Final = 10.0
"""How long main may take to end the link when the session is over."""


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
        self._carrier = carrier
        self.opened = False
        """Welcome was heard."""
        self.parted = False
        """Main said Goodbye."""
        self.over = False
        """The link has ended, and nothing but the dispatcher is left."""
        self.unconfirmed = 0
        """Events and calls that main is not known to have consumed, at the end."""
        self.exchange = Exchange(session)
        self._session = session
        self._dispatcher = dispatcher
        self._calls: dict[int, Caller] = {}
        self._ids = itertools.count(1)
        self._clock = Clock()
        self._alarms: dict[int, Alarm] = {}  # of calls that have a timeout
        self._closing = False  # it was us who ended it
        self._link = carrier.open(self.exchange)
        self.exchange.begin(self._link)
        name = "electron-ipc reader"
        threading.Thread(target=self._read, name=name, daemon=True).start()

    @property
    def error(self) -> IpcError | None:
        """Why nothing can be sent any more; None while it can."""
        return self.exchange.error

    @property
    def packed(self) -> bool:
        """Main reads packed values; not before it has said welcome."""
        return self._session.peer.packed

    @property
    def id(self) -> int:
        """The number of this renderer's WebContents in main."""
        return self._session.welcome.web_contents_id

    # ---- calls -----------------------------------------------------------------------

    def invoke(
        self,
        channel: str,
        args: Sequence[object],
        deadline: Deadline,
        default: Default | None,
        lane: int,
    ) -> Reply[Any]:
        """Put a call on the session; wait while main's window is full.

        Raises:
            DataCloneError: an argument cannot be carried.
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: main does not take as much.
            IpcTimeout: the window was full for the whole time.
        """
        id = next(self._ids)
        parcel = messages.call(
            id,
            channel,
            args,
            timeout=deadline.left,
            default=default,
            packed=self.packed,
            lane=lane,
        )
        reply = Reply[Any](channel, id, self)
        self.exchange.put(parcel, partial(self._sent, id, reply), deadline)
        if deadline.at is not None:
            expire = partial(self._expire, id, channel, deadline)
            self._alarms[id] = self._clock.call_at(deadline.at, expire)
            if id not in self._calls:
                self._settle(id)  # it was answered meanwhile
        return reply

    def send_sync(
        self,
        channel: str,
        args: Sequence[object],
        deadline: Deadline,
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
        id = next(self._ids)
        parcel = messages.call(
            id,
            channel,
            args,
            sync=True,
            timeout=deadline.left,
            default=default,
            packed=self.packed,
        )
        answer = SyncAnswer()
        try:
            self.exchange.put(parcel, partial(self._sent, id, answer), deadline)
            got = next_item(answer.queue, deadline)
        except queue.Empty:
            self.give_up(id)
            raise no_reply(channel, deadline) from None
        except BaseException:  # Ctrl-C, mostly
            self.give_up(id)
            raise
        if isinstance(got, IpcError):
            raise got
        try:
            return messages.read_result(got.reply, channel)
        except IpcTimeout:  # main's timer for this very deadline was quicker
            raise no_reply(channel, deadline) from None

    def send_sync_unary(
        self,
        channel: str,
        args: Sequence[object],
        deadline: Deadline,
        default: Default | None,
    ) -> Any:
        """Like `send_sync`, beside the stream, behind what was put on it so far."""
        self.exchange.check()
        request = messages.sync_request(
            channel, args, default, packed=self._session.peer.packed
        )
        after = self.exchange.number_of_last(deadline)
        if after is None:
            raise no_reply(channel, deadline)
        request.token = self._session.welcome.token
        request.after, request.id = after, next(self._ids)
        try:
            response = self._carrier.send_sync(
                request.SerializeToString(), deadline.left
            )
        except IpcTimeout:
            raise no_reply(channel, deadline) from None
        return read_sync_response(response, channel)

    def _sent(self, id: int, caller: Caller, receipt: int) -> None:
        caller.receipt = receipt
        self._calls[id] = caller

    def _expire(self, id: int, channel: str, deadline: Deadline) -> None:
        caller = self._calls.get(id)
        if caller is not None and self.give_up(id):
            caller.failed(no_reply(channel, deadline))

    def _settle(self, id: int) -> Caller | None:
        """Forget a call; return who made it, unless that was done before."""
        if self._alarms and (alarm := self._alarms.pop(id, None)) is not None:
            self._clock.cancel(alarm)
        return self._calls.pop(id, None)

    def give_up(self, id: int) -> bool:
        """Forget a call, and tell main; False if there was a reply already."""
        if self._settle(id) is None:
            return False
        try:
            self.exchange.send(messages.cancel(id))
        except ConnectionClosed:
            self._look()
        return True

    def answer(self, parcel: Parcel) -> None:
        """Put a reply on the session. It is lost if the session is over.

        Raises:
            PayloadTooLarge: main does not take as much.
        """
        try:
            self.exchange.put(parcel)
        except ConnectionClosed:
            self._look()

    def consume(self) -> None:
        """Note that the dispatcher is through with the oldest that it was given."""
        self.exchange.consume()

    def post(self, job: Callable[[], None]) -> None:
        """Run a job on the thread of listeners and callbacks."""
        self._dispatcher.post(job)

    def check_wait(self) -> None:
        """Any thread of the user's may wait for a reply: the reader completes it."""

    # ---- the reader ------------------------------------------------------------------

    def _read(self) -> None:
        broken: IpcError | None = None
        try:
            self._link.carry(self._receive)
        except IpcError as error:
            broken = error
        finally:
            self._link_over(broken)

    def _receive(self, frame: bytes) -> None:
        for event in self.exchange.receive(frame):
            if type(event) is events.Replied:
                if event.id in self._alarms and event.reply.failure.reason == _TIMEOUT:
                    continue  # main's timer was quicker; ours decides what is said
                caller = self._settle(event.id)
                if caller is not None:
                    caller.replied(event)
            elif type(event) is events.Arrived:
                self._dispatcher.arrived(event)
            else:
                self._note(event, heard=True)

    def _note(self, event: events.SessionEvent, *, heard: bool = False) -> None:
        match event:
            case events.Acked():
                self.exchange.acked()
            case events.Opened():
                self.opened = True
                self.exchange.turned()
            case events.Cancelled():
                self._dispatcher.cancelled(event.id)
            case events.GivenUp():
                text = "main gave up %d messages on %s for this renderer"
                logger.warning(text, event.count, quote(event.channel))
            case events.GoodbyeHeard():
                self._goodbye_heard(event)
            case events.Ended():
                # Heard, it is main's answer to our own Goodbye.
                self.parted |= heard and event.error is None
                self._ended(event)
            case _:
                pass  # replies and arrivals are the reader's; the rest needs `resume`

    def _goodbye_heard(self, event: events.GoodbyeHeard) -> None:
        if not self.opened:
            self._stop(turned_away(event.reason, event.message))
            self.say_goodbye()
            return
        self.parted = True
        self._stop(texts.parted(self.address, event.message))
        self._later(DRAIN_S, self.say_goodbye)
        self._dispatcher.post(self.say_goodbye)

    def _ended(self, event: events.Ended) -> None:
        self.unconfirmed = event.unconfirmed
        self._stop(texts.ended(self.address, event), event.error)
        self._link.finish()
        self._later(PART_S, self._link.cut)

    def _link_over(self, broken: IpcError | None) -> None:
        happened = self.exchange.cut()
        if not self.opened:
            text = "the link ended before main said welcome"
            self._stop(broken or LinkBroken(text, "not-sent", Fate.RESUME))
        elif broken is not None:
            self._stop(texts.broke(self.address, broken), broken)
        for event in happened:
            self._note(event)
        if self.opened and not self._closing:
            self._tell()
        self._clock.stop()
        self._carrier.close()
        self._dispatcher.end()
        self.over = True
        self.exchange.turned()

    def _tell(self) -> None:
        if self.unconfirmed:
            text = "%s; it has not confirmed %s sent to it"
            logger.warning(text, self.error, texts.how_many(self.unconfirmed))
        else:
            logger.info("%s", self.error)

    # ---- the end ---------------------------------------------------------------------

    def say_goodbye(self) -> None:
        """Say Goodbye, or answer main's. No dispatch begins from here on."""
        self._dispatcher.stop()
        begins = False

        def say(session: Session) -> None:
            nonlocal begins
            begins = session.state in (State.OPENING, State.OPEN)
            if begins or session.state is State.DRAINING:
                session.goodbye()

        happened = self.exchange.change(say)
        if begins:
            self._closing = True
            self._stop(texts.left(self.address))
        for event in happened:
            self._note(event)

    def cut(self) -> None:
        """End the link now."""
        self._link.cut()

    def wait_opened(self, deadline: Deadline) -> bool:
        """Wait until Welcome is in or will not come; False if the time is over."""
        return self.exchange.wait_until(
            lambda: self.opened or self.error is not None, deadline
        )

    def wait_over(self, deadline: Deadline) -> bool:
        """Wait until the link is over; False if the time is."""
        return self.exchange.wait_until(lambda: self.over, deadline)

    def _stop(self, error: IpcError, cause: BaseException | None = None) -> None:
        """Take nothing any more, and fail what is under way."""
        error.__cause__ = cause
        self.exchange.stop(error)
        while self._calls:
            try:
                caller = self._calls.popitem()[1]
            except KeyError:
                break  # somebody gave the last one up
            written = self._session.outbox.was_written(caller.receipt)
            outcome: Outcome = "unknown" if written else "not-sent"
            failure = ConnectionClosed(str(self.error), outcome)
            failure.__cause__ = cause
            caller.failed(failure)
            if self._closing and isinstance(caller, Reply):
                caller.forgive()  # who closes gives up what is under way

    def _look(self) -> None:
        """Take note of what a failed `put` may have led to."""
        for event in self.exchange.change():
            self._note(event)

    def _later(self, seconds: float, job: Callable[[], object]) -> None:
        try:
            self._clock.call_at(monotonic() + seconds, job)
        except RuntimeError:
            pass  # the interpreter is ending; whoever ends it keeps the time


__all__ = ("DRAIN_S", "PART_S", "Connection", "Dispatcher")
