"""A renderer's session in main: its link, its frames, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.asks import Asks
from mainproc.home import Home
from mainproc.sessions.absence import Absence
from mainproc.sessions.admission import admit
from mainproc.sessions.epoch import Epoch
from mainproc.sessions.incoming import Incoming
from mainproc.sessions.lifecycle import Lifecycle
from mainproc.sessions.outlet import Outlet, is_mine
from mainproc.work import serving
from renderer.reply import Reply
from renderer.wire import events, reasons
from renderer.wire.errors import RemoteProtocolError, quote
from renderer.wire.frames import parse_hello, refusal
from renderer.wire.messages import SyncRequest
from renderer.wire.state import ACCEPTS_MESSAGES, State

if TYPE_CHECKING:
    from mainproc.ipc_main import IpcMain
    from mainproc.security.identity import Identity
    from renderer.wire.link import AsyncLink
    from renderer.wire.parcel import Parcel

_BROKEN: Final = "its connection ended without a goodbye"
_BROKEN_OFF: Final = (reasons.PROTOCOL, reasons.OVERLOADED, reasons.NO_PROGRESS)
_ANSWER_GOODBYE_WITHIN: Final = 5.0
_END_LINK_WITHIN: Final = 10.0


@final
class Connection:
    """Drives one session, on main's loop; `send` and `close` work from any thread.

    Args:
        ipc: whose listeners serve the renderer.
        first: the first frame of its link, with the Hello.
        home: main's loop.
        on_end: called once, when the session is over.
        on_goodbye: called with the Goodbye that main ends a session with that could be
            resumed.
        identity: who the renderer is.

    Raises:
        RemoteProtocolError: the Hello cannot be; there is no session.
    """

    def __init__(
        self,
        ipc: IpcMain,
        first: bytes,
        *,
        home: Home,
        on_end: Callable[[Connection], object],
        on_goodbye: Callable[[Connection, bytes], object] | None = None,
        identity: Identity | None = None,
    ) -> None:
        self._ipc = ipc
        self.token, self.contents, self.session = admit(ipc, first, identity)
        self._first = first
        self._home = home
        self._on_end = on_end
        self._on_goodbye = on_goodbye
        self._outlet = Outlet(
            home,
            self.session,
            self.contents,
            may_overshoot=self._may_overshoot,
            on_taken=self._taken,
            on_broken=self._handle_events,
            on_written=self._written,
        )
        self.send: Final = self._outlet.send
        """Put a message on the session, from any thread; see `Outlet.send`."""
        self.send_droppable: Final = self._outlet.send_droppable
        """The same with what may be given up for newer ones."""
        self.dropped: Final = self._outlet.dropped
        """What gave way to newer events."""
        self.give_up: Final = self._outlet.give_up
        """End the session because the renderer does not keep up, from any thread."""
        self._incoming = Incoming(ipc, self.contents, self.session, self, home)
        self._turns, self._work = self._incoming.turns, self._incoming.work
        self._outlet.turns = self._turns
        self._asks = Asks(home, self.contents, self.send)
        self._epoch: Epoch | None = None  # the present link, if there is one
        self._absence = Absence(home, self.contents, self.expire)
        self._half_closed = False
        self._settling = False  # somebody waits until nothing more is to be done
        self._broken = False  # the contract, in a way that the session does not see
        self._why = _BROKEN  # it is gone, once it is
        self._gone = False
        self._timers: list[asyncio.TimerHandle] = []
        self.parted: Final[asyncio.Future[None]] = home.loop.create_future()
        """Done when our Goodbye may be written, or nothing more can be."""
        self._quiet: asyncio.Future[None] | None = None
        self.contents.connect_line(self)
        ipc.renderers.add(self.contents)
        self._life = Lifecycle(self.contents, home)
        self._life.connected()

    # ---- the link --------------------------------------------------------------------

    async def serve(self, link: AsyncLink) -> None:
        """Serve the session over its first link until one of them has ended.

        Cancelling it is a cut.
        """
        first, self._first = self._first, b""
        await self._carry(link, first)

    async def resume(self, link: AsyncLink, first: bytes) -> None:
        """Serve the session over another link; one that it still has is ended.

        Cancelling it is a cut.

        Args:
            link: the link.
            first: its first frame.

        Raises:
            RemoteProtocolError: its Hello cannot be; the session is not touched.
        """
        hello = parse_hello(first)
        with self._outlet.lock:
            epoch = self.session.accept(hello)
        if epoch is None:
            text = "a later attempt has the session"
            await link.write(refusal(reasons.REPLACED, text))
            return
        previous = self._epoch
        if previous is not None:
            self._outlet.detach()
            previous.replace()
            self._absence.begin()
        self._absence.end()
        await self._carry(link, first)

    async def _carry(self, link: AsyncLink, first: bytes) -> None:
        epoch = Epoch(self, self.session, self._outlet, self._home, link, first)
        self._epoch = epoch
        try:
            await epoch.serve()
        finally:
            self._link_over(epoch)

    def _link_over(self, epoch: Epoch) -> None:
        if self._epoch is not epoch:
            return  # another one has taken over
        self._epoch = None
        self._outlet.detach()
        with self._outlet.lock:
            self.session.cut(epoch.number, self._home.loop.time())
        self._handle_events()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._absence.limit(self.session.deadline)

    def heard_all(self) -> bool:
        """Note that the renderer sends no more; tell if something is to be finished."""
        # One that has said Goodbye waits for ours; one that has not, and cannot come
        # back, waits for what it asked.
        session = self.session
        if session.state is not State.DRAINING:
            if not self.open or session.peer.resume:
                return False
            self._half_closed = True
        self._settling = True
        self.after_turn()
        return True

    def merge(self, request: SyncRequest) -> None:
        """Take in the messages that a sync message outside the link has brought.

        Raises:
            RemoteProtocolError: they cannot be. If it is not for their numbers, the
                session ends, as it does where they come on the link.
            Overloaded: they exceed the window; none was taken.
        """
        session = self.session
        with self._outlet.lock:
            size, before = request.ByteSize(), session.inbox.received
            try:
                session.merge(request.first, request.messages, size)
            except RemoteProtocolError as error:
                if session.inbox.received > before:  # up to the bad one they are taken
                    self.break_off(error)
                raise
        self._handle_events()

    # ---- between two links -----------------------------------------------------------

    @property
    def resumable(self) -> bool:
        """Another link may take the session over."""
        return self.session.resumable

    def expire(self) -> None:
        """Keep the session no longer, if no link carries it."""
        with self._outlet.lock:
            self.session.tick(inf)
        self._handle_events()

    def _handle_events(self) -> None:
        with self._outlet.lock:
            happened = self.session.take_events()
        self.handle(happened, self._home.loop.time())

    def handle(self, happened: list[events.SessionEvent], now: float) -> None:
        """Act on what has happened to the session."""
        turns = self._turns
        if self._ipc.observers.each:
            self._ipc.observers.arrived(self.contents, happened)
        for event in happened:
            if type(event) is events.Arrived:
                turns.put(event, now)
            elif type(event) is events.Acked:
                self._acked()
            else:
                self._note(event)
        turns.advance()

    def _note(self, event: events.SessionEvent) -> None:
        match event:
            case events.Replied():
                self._asks.replied(event)
            case events.Cancelled():
                self._incoming.cancel(event.id)
            case events.GoodbyeHeard():
                self._drain(event.message)
            case events.GivenUp():
                why = f"{quote(event.channel)} was given up by its sender"
                self._incoming.lost(event.count, why)
            case events.Detached():
                self._absence.begin()
            case events.Ended():
                self._ended(event)
            case _:
                pass  # those of a renderer's end

    # ---- dispatch --------------------------------------------------------------------

    @property
    def incoming(self) -> Incoming:
        """What the renderer sends."""
        return self._incoming

    def after_turn(self) -> None:
        """Take note that nothing more is dispatched for now."""
        if self._epoch is not None:
            self._epoch.after_turn()
        if self._settling and not self._turns.waiting:
            self._settle_down()
        self._outlet.flush()

    def _settle_down(self) -> None:
        idle = self._work.idle and not self._work.calls
        if self._quiet is not None and idle and not self._quiet.done():
            self._quiet.set_result(None)
        if self.session.state is State.DRAINING:
            self._answer_goodbye()
        elif self._half_closed and idle:
            self.say_goodbye(reasons.CLOSED, "")

    # ---- sending ---------------------------------------------------------------------

    @property
    def backlog(self) -> str:
        """What waits for the renderer's ack, for people."""
        return self._outlet.backlog

    @property
    def open(self) -> bool:
        """Messages may be put on the session."""
        return self.session.state in ACCEPTS_MESSAGES

    @property
    def connected(self) -> bool:
        """A link carries the session, or is about to."""
        epoch = self._epoch
        return self.open and (bool(self._first) if epoch is None else not epoch.ended)

    def _may_overshoot(self) -> bool:
        # What is sent on behalf of one of its own messages: its next ones wait instead.
        in_turn = self._turns.dispatching and self._home.is_here()
        return in_turn or serving.get() is self.contents

    def ask(
        self, id: int, channel: str, parcel: Parcel, timeout: float | None
    ) -> Reply[Any]:
        """Send a call to the renderer; see `Asks.ask`."""
        return self._asks.ask(id, channel, parcel, timeout)

    def room(self) -> asyncio.Future[None]:
        """Return a future that is done when the window has room, or nobody is there."""
        return self._outlet.room()

    def _acked(self) -> None:
        self._outlet.make_room()
        self._turns.acked()

    def _taken(self) -> None:
        # Of a renderer that does not ack, written counts as acked.
        self._acked()
        self._turns.advance()

    # ---- the end ---------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Say Goodbye because the application wants it, from any thread."""
        in_finalizer = is_mine(self._outlet.lock)
        do = self._home.later if in_finalizer else self._home.call
        do(self.say_goodbye, reasons.CLOSED, reason)

    def say_goodbye(self, reason: reasons.Reason, message: str) -> None:
        """Say Goodbye and dispatch nothing more."""
        with self._outlet.lock:
            if not self.open:
                return
            self.session.goodbye(reason, message)
        self._note_farewell(reason, message)
        self._why = message or self._why_closed()
        self._part()
        self._work.abandon()

    def _why_closed(self) -> str:
        # gRPC cannot tell one that sends no more from one that was killed.
        return _BROKEN if self._half_closed else "main closed it"

    def foresee(self, why: str) -> None:
        """Say why the renderer will be gone when its link ends without a word."""
        self._why = why

    def destroy(self, why: str) -> None:
        """End the session and its link, now: the renderer is known to be gone.

        Args:
            why: for those who listen for it.
        """
        self.say_goodbye(reasons.CLOSED, why)
        self._end_link()

    def break_off(self, error: RemoteProtocolError) -> None:
        """End the session: the renderer broke the contract."""
        self._life.broke(error)
        self._broken = True
        self.say_goodbye(reasons.PROTOCOL, str(error))

    def _answer_goodbye(self) -> None:
        with self._outlet.lock:
            if self.session.state is not State.DRAINING:
                return
            self.session.goodbye()
        self._note_farewell(reasons.CLOSED, "")
        self._part()

    def _note_farewell(self, reason: reasons.Reason, message: str) -> None:
        if self._on_goodbye is not None and self.session.peer.resume:
            last = self.session.outbox.total
            self._on_goodbye(self, refusal(reason, message, last_sent=last))

    def _part(self) -> None:
        self._turns.stop()
        self._after(_END_LINK_WITHIN, self._end_link)
        if not self.parted.done():
            self.parted.set_result(None)
        self._note_gone()
        self._handle_events()

    def stop_dispatch(self) -> None:
        """Dispatch nothing more; what runs goes on."""
        self._turns.stop()

    def quiet(self) -> asyncio.Future[None]:
        """Return a future that is done when nothing runs for the renderer."""
        if self._quiet is None or self._quiet.done():
            self._quiet = self._home.loop.create_future()
            self._settling = True
            self._turns.advance()
        return self._quiet

    def cancel_work(self) -> None:
        """Cancel all that still runs for the renderer, and its link."""
        self._work.cancel()
        self._end_link()

    def _drain(self, message: str) -> None:
        self._why = f"it said goodbye: {message}" if message else "it said goodbye"
        self._settling = True
        self._fail_asks()
        self._work.abandon()
        self._after(_ANSWER_GOODBYE_WITHIN, self._answer_goodbye)

    def _after(self, seconds: float, do: Callable[[], object]) -> None:
        self._timers.append(self._home.loop.call_later(seconds, do))

    def _written(self) -> None:
        if self._epoch is not None:
            self._epoch.written()

    @property
    def over(self) -> bool:
        """Nothing that the renderer sends means anything any more."""
        session = self.session
        return session.state is State.CLOSED or (self._broken and session.finished)

    def _end_link(self) -> None:
        if self._epoch is not None:
            self._epoch.end()

    def _ended(self, end: events.Ended) -> None:
        self._incoming.tell_losses()
        self._life.ended(end)
        if end.error is not None:
            self._why = f"it broke the protocol: {end.error}"
        if end.reason in (reasons.NO_PROGRESS, reasons.OVERLOADED):
            self._why = end.message
        self._note_gone()
        if end.reason in _BROKEN_OFF:
            # We did. After a cut, what has arrived is dispatched all the same.
            self._turns.stop()
            self._note_farewell(_reason_of(end), end.message)
            self._after(_END_LINK_WITHIN, self._end_link)  # it may never read that
        self._absence.forget()
        self._work.abandon()
        self._on_end(self)
        self._outlet.make_room()
        if not self.parted.done():
            self.parted.set_result(None)

    def _note_gone(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._fail_asks()
        self._ipc.renderers.discard(self.contents)
        self._ipc.groups.leave_all(self.contents)
        self._life.destroyed(lambda: self._why)

    def _fail_asks(self) -> None:
        why = f"{self.contents} is gone: {self._why}"
        self._asks.fail(why, self.session.outbox.was_written)


def _reason_of(end: events.Ended) -> reasons.Reason:
    return next(reason for reason in _BROKEN_OFF if reason == end.reason)
