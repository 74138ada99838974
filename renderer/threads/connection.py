"""One connection to main: a session, the links that carry it, the calls on it.

The *reader* is a thread of ours, or the transport's own, that takes frames from the
link and never waits for anything else: it completes calls, opens the window, and queues
events for the *dispatcher*, on whose thread listeners run. The *writer* is the
transport's. When a link ends that the session outlives, the reader looks for the next.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol, final

from renderer import texts
from renderer.carrier import Carrier, LinkBroken
from renderer.deadline import Deadline, next_item, no_reply
from renderer.hooks import Hooks, call
from renderer.reply import Reply, SyncAnswer
from renderer.settings import ThreadSettings
from renderer.threads.beside import Beside
from renderer.threads.calls import Calls
from renderer.threads.clock import Clock
from renderer.threads.exchange import Exchange
from renderer.threads.links import Links
from renderer.threads.reconnecting import Reconnecting
from renderer.wire import events, messages
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    IpcTimeout,
)
from renderer.wire.link import Fate
from renderer.wire.parcel import Parcel
from renderer.wire.session import Session
from renderer.wire.state import KEPT, State
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

    def start_over(self, era: int) -> None:
        """Abandon main's calls: what arrives from now on is of another session."""
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
    """A session and its links, from the first Hello to the end of all.

    Args:
        carrier: opens the way to the main that settings name, once for each link.
        settings: where main is at first.
        session: a new session.
        dispatcher: who runs listeners and callbacks.
        hooks: whom to tell of links that are lost and found.
    """

    def __init__(
        self,
        carrier: Callable[[ThreadSettings], Carrier],
        settings: ThreadSettings,
        session: Session,
        dispatcher: Dispatcher,
        hooks: Hooks,
    ) -> None:
        self.address = settings.target
        """Where it was to go."""
        self.opened = False
        """Welcome was heard."""
        self.parted = False
        """Main said Goodbye."""
        self.over = False
        """It has ended, and nothing but the dispatcher is left."""
        self.unconfirmed = 0
        """Events and calls that main is not known to have consumed, at the end."""
        self._clock = Clock()
        self._calls = Calls(self._clock)
        self.exchange = Exchange(
            session, self._calls.leave_behind, partial(texts.over, self.address)
        )
        self._session = session
        self._dispatcher = dispatcher
        self._hooks = hooks
        self._closing = False  # it was us who ended it
        self._verdict = threading.Lock()  # is it open, or was it given up?
        self._broken: IpcError | None = None  # how the last link has ended
        self._links = Links(carrier, settings, self.exchange)
        self._reconnecting = Reconnecting(
            self._links, session, self._clock, hooks, dispatcher.post
        )
        name = "electron-ipc reader"
        threading.Thread(target=self._read, name=name, daemon=True).start()

    @property
    def error(self) -> IpcError | None:
        """Why nothing can be sent any more; None while it can."""
        return self.exchange.error

    @property
    def linked(self) -> bool:
        """A link that was welcomed carries the session."""
        return self._links.linked

    @property
    def where(self) -> str:
        """The address where main is, or is looked for."""
        return self._links.settings.target

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
        id = self._calls.next_id()
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
        self.exchange.put(parcel, partial(self._calls.add, id, reply), deadline)
        self._calls.limit(id, deadline, partial(self._expire, id, channel, deadline))
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
        id = self._calls.next_id()
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
            self.exchange.put(parcel, partial(self._calls.add, id, answer), deadline)
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
        request = messages.sync_request(channel, args, default, packed=self.packed)
        request.id = self._calls.next_id()
        call = Beside(self.exchange, self._links, request, channel)
        return call.send(deadline)

    def _expire(self, id: int, channel: str, deadline: Deadline) -> None:
        caller = self._calls.get(id)
        if caller is not None and self.give_up(id):
            caller.failed(no_reply(channel, deadline))

    def give_up(self, id: int) -> bool:
        """Forget a call, and tell main; False if there was a reply already."""
        if self._calls.settle(id) is None:
            return False
        try:
            self.exchange.send(messages.cancel(id))
        except ConnectionClosed:
            self._look()
        return True

    def answer(self, parcel: Parcel, era: int) -> None:
        """Put a reply on the session of its call. It is lost if that is over.

        Raises:
            PayloadTooLarge: main does not take as much.
        """
        try:
            self.exchange.answer(parcel, era)
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
            broken = self._carry()
            while self._reach(broken):
                broken = self._carry()
        except ConnectionClosed as error:
            self._stop(error, error.__cause__)
        finally:
            self._links_over(broken)

    def _carry(self) -> IpcError | None:
        """Serve the present link to its end; return why it ended."""
        try:
            self._links.link.carry(partial(self._receive, self._links.epoch))
        except IpcError as error:
            return error
        return None

    def _reach(self, broken: IpcError | None) -> bool:
        """Let another link carry the session on; False if none can."""
        if not (self._session.resumable and self._reconnecting.may_help(broken)):
            return False
        self._broken = broken
        for event in self.exchange.cut():
            self._note(event)
        return self._reconnecting.reach(broken)

    def _receive(self, epoch: int, frame: bytes) -> None:
        for event in self.exchange.receive(epoch, frame):
            if type(event) is events.Replied:
                if (
                    event.id in self._calls.timed
                    and event.reply.failure.reason == _TIMEOUT
                ):
                    continue  # main's timer was quicker; ours decides what is said
                caller = self._calls.settle(event.id)
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
            case events.Opened() if self._is_wanted():
                self._reconnecting.welcomed()
                self.exchange.acked()
                self.exchange.turned()
            case events.Detached() if self.opened:
                self._reconnecting.lost(event, self._broken, heard=heard)
                self.exchange.turned()
            case events.Gap():
                self._gap(event)
            case events.Cancelled():
                self._dispatcher.cancelled(event.id)
            case events.GivenUp():
                self._given_up(event)
            case events.GoodbyeHeard():
                self._goodbye_heard(event)
            case events.Ended():
                # Heard, it is main's answer to our own Goodbye.
                self.parted |= heard and event.error is None
                self._ended(event)
            case _:
                pass  # replies and arrivals are the reader's

    def _is_wanted(self) -> bool:
        """Take note of a Welcome, unless nobody waits for it any more."""
        with self._verdict:
            if not (self.opened or self._closing):
                # In this order: who sees that it is open finds it linked, too.
                self._links.linked = True
                self.opened = True
        return self.opened

    def _goodbye_heard(self, event: events.GoodbyeHeard) -> None:
        if not self.opened:
            spawned = self._links.settings.spawned
            self._stop(texts.turned_away(event, spawned=spawned))
            self.say_goodbye()
            return
        self.parted = True
        self._stop(texts.parted(self.address, event.message))
        self._clock.call_later(DRAIN_S, self.say_goodbye)
        self._dispatcher.post(self.say_goodbye)

    def _gap(self, event: events.Gap) -> None:
        self._dispatcher.start_over(self.exchange.era)
        sent, missing = event.sent_unconfirmed, event.received_missing
        for hook in self._hooks.of_gap(sent, missing):
            self._dispatcher.post(partial(call, hook))
        self._calls.fail_left_behind(str(texts.started_over()))

    def _given_up(self, event: events.GivenUp) -> None:
        for hook in self._hooks.of_dropped(event.channel, event.count):
            self._dispatcher.post(partial(call, hook))

    def _ended(self, event: events.Ended) -> None:
        self.unconfirmed = event.unconfirmed
        self._links.linked = False  # before a hook can look
        if not self._closing:
            sent, missing = event.unconfirmed, event.missing
            for hook in self._hooks.of_end(self.address, sent, missing):
                self._dispatcher.post(partial(call, hook))
        self._stop(texts.ended(self.address, event), event.error)
        self._links.stop()
        self._links.link.finish()
        self._clock.call_later(PART_S, self.cut)

    def _links_over(self, broken: IpcError | None) -> None:
        self._links.linked = False
        happened = self.exchange.cut()
        happened += self.exchange.change(_end)
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
        self._links.carrier.close()
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
            begins = self.opened and session.state in KEPT
            if begins:
                # Before the reader can see that it is over, and make its own of it.
                self._closing = True
                self.exchange.error = self.exchange.error or texts.left(self.address)
            if begins or session.state is State.DRAINING:
                session.goodbye()

        happened = self.exchange.change(say)
        if begins:
            self._stop(texts.left(self.address))
        for event in happened:
            self._note(event)

    def cut(self) -> None:
        """End the link now, and begin none any more."""
        self._links.cut()

    def give_up_opening(self) -> bool:
        """Cut it, and hear no Welcome any more; return False if it was heard."""
        with self._verdict:
            if self.opened:
                return False
            self._closing = True
        self.cut()
        return True

    def wait_opened(self, deadline: Deadline) -> bool:
        """Wait until Welcome is in or will not come; False if the time is over."""
        return self.exchange.wait_until(
            lambda: self.opened or self.error is not None, deadline
        )

    def wait_linked(self, deadline: Deadline) -> bool:
        """Wait until a link carries the session, or it is over; False if time is."""
        return self.exchange.wait_until(
            lambda: self.linked or self.error is not None, deadline
        )

    def wait_over(self, deadline: Deadline) -> bool:
        """Wait until the last link is over; False if the time is."""
        return self.exchange.wait_until(lambda: self.over, deadline)

    def _stop(self, error: IpcError, cause: BaseException | None = None) -> None:
        """Take nothing any more, and fail what is under way."""
        error.__cause__ = cause
        self.exchange.stop(error)
        # Who closes gives up what is under way.
        why = self.exchange.error or error
        self._calls.fail(why, cause, self._session.outbox, quiet=self._closing)

    def _look(self) -> None:
        """Take note of what a failed `put` may have led to."""
        for event in self.exchange.change():
            self._note(event)


def _end(session: Session) -> None:
    """End a session that no link carries any more."""
    if session.state in (State.NEW, State.DETACHED):
        session.goodbye()


__all__ = ("DRAIN_S", "PART_S", "Connection", "Dispatcher")
