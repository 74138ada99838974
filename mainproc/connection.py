"""A renderer's session in main: its link, its frames, its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.application import app
from mainproc.asks import Asks
from mainproc.home import Home
from mainproc.incoming import Incoming
from mainproc.outlet import Outlet, is_mine
from mainproc.web_contents import WebContents
from mainproc.work import serving
from renderer.reply import Reply
from renderer.wire import events, reasons
from renderer.wire.errors import RemoteProtocolError, quote
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.session import Session
from renderer.wire.state import ACCEPTS_MESSAGES, State
from renderer.wire.writer import Role

if TYPE_CHECKING:
    from mainproc.ipc_main import IpcMain
    from renderer.wire.link import AsyncLink
    from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

_TOKEN_BYTES: Final = 32
_BROKEN: Final = "its connection ended without a goodbye"
_LONGEST_TITLE: Final = 8 * 1024
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
    ) -> None:
        hello = parse_hello(first)
        self.token = secrets.token_bytes(_TOKEN_BYTES)
        self.contents = WebContents(
            title=hello.title[:_LONGEST_TITLE],
            url=hello.url[:_LONGEST_TITLE],
            default=ipc.default,
            groups=ipc.groups,
        )
        self.session = Session(
            Role.MAIN, limits=ipc.limits, admission=self._admission()
        )
        self.session.accept(hello)
        self.contents.packed = self.session.peer.packed
        self._first = first
        self._ipc = ipc
        self._home = home
        self._on_end = on_end
        self._outlet = Outlet(
            home,
            self.session,
            may_overshoot=self._may_overshoot,
            on_taken=self._taken,
            on_broken=self._handle_events,
            on_written=self._written,
        )
        self.send: Final = self._outlet.send
        """Put a message on the session, from any thread; see `Outlet.send`."""
        self._incoming = Incoming(ipc, self.contents, self.session, self, home)
        self._turns, self._work = self._incoming.turns, self._incoming.work
        self._outlet.turns = self._turns
        self._asks = Asks(home, self.contents, self.send)
        self._serving: asyncio.Task[object] | None = None
        self._reading = False
        self._link_ended = False  # by us
        self._half_closed = False
        self._settling = False  # somebody waits until nothing more is to be done
        self._broken = False  # the contract, in a way that the session does not see
        self._why = _BROKEN  # it is gone, once it is
        self._gone = False
        self._timers: list[asyncio.TimerHandle] = []
        # Done when our Goodbye may be written, or nothing more can be.
        self._parted = home.loop.create_future()
        self._caught_up: asyncio.Future[None] | None = None
        self._quiet: asyncio.Future[None] | None = None
        self.contents.connect_line(self)
        ipc.renderers.add(self.contents)
        logger.info("%s connected", self.contents)
        app.web_contents_created(self.contents)

    def _admission(self) -> Admission:
        return Admission(
            token=self.token,
            session_id=secrets.token_hex(4),
            web_contents_id=self.contents.id,
            server_name="electron-ipc",
            server_version=_version(),
        )

    # ---- the link --------------------------------------------------------------------

    async def serve(self, link: AsyncLink) -> None:
        """Serve the session over its link until one of them has ended.

        Cancelling it is a cut.
        """
        self._serving = asyncio.current_task()
        self._outlet.attach(link)
        try:
            if await self._read(link):
                await self._parted
            await self._outlet.finish()
        except asyncio.CancelledError:
            if not self._link_ended or self._serving is None:
                raise
            self._serving.uncancel()
        finally:
            self._serving = None
            self._outlet.detach()
            with self._outlet.lock:
                self.session.cut(self.session.epoch, self._home.loop.time())
            self._handle_events()
            for timer in self._timers:
                timer.cancel()

    async def _read(self, link: AsyncLink) -> bool:
        """Read to the end; return whether something is to be finished before it."""
        session, lock, clock = self.session, self._outlet.lock, self._home.loop.time
        frame: bytes | None = self._first
        self._first = b""
        while frame is not None:
            with lock:
                now = clock()
                session.receive(session.epoch, frame, now)
                happened = session.take_events()
            self._handle(happened, now)
            if self._over:
                return False
            if session.inbox.overrun:
                await self._catch_up()
            self._reading = True
            frame = await link.read()
            self._reading = False
        # The renderer sends no more. One that has said Goodbye waits for ours; one that
        # has not, and cannot come back, waits for what it asked.
        if session.state is not State.DRAINING:
            if not self.open or session.peer.resume:
                return False
            self._half_closed = True
        self._settling = True
        self.after_turn()
        return True

    async def _catch_up(self) -> None:
        if self.open:
            self._caught_up = self._home.loop.create_future()
            try:
                await self._caught_up
            finally:
                self._caught_up = None  # also when the link is cut meanwhile

    def _handle_events(self) -> None:
        with self._outlet.lock:
            happened = self.session.take_events()
        self._handle(happened, self._home.loop.time())

    def _handle(self, happened: list[events.SessionEvent], now: float) -> None:
        turns = self._turns
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
        waiting = self._caught_up
        if waiting and not (self.session.inbox.overrun and self.open):
            self._caught_up = None
            if not waiting.done():
                waiting.set_result(None)
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
        return self.open and not self._link_ended

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
        logger.warning("%s broke the protocol: %s", self.contents, error)
        self._broken = True
        self.say_goodbye(reasons.PROTOCOL, str(error))

    def _answer_goodbye(self) -> None:
        with self._outlet.lock:
            if self.session.state is not State.DRAINING:
                return
            self.session.goodbye()
        self._part()

    def _part(self) -> None:
        self._turns.stop()
        self._after(_END_LINK_WITHIN, self._end_link)
        if not self._parted.done():
            self._parted.set_result(None)
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
        # The last frame is out. A renderer need not end its direction for us to end.
        if self._reading and self._over:
            self._end_link()

    @property
    def _over(self) -> bool:
        session = self.session
        return session.state is State.CLOSED or (self._broken and session.finished)

    def _end_link(self) -> None:
        if self._serving is not None:
            self._link_ended = True
            self._serving.cancel()

    def _ended(self, end: events.Ended) -> None:
        if end.error is not None:
            logger.warning("%s broke the protocol: %s", self.contents, end.error)
        if end.unconfirmed:
            logger.info(
                "%s is gone; %d messages to it are unconfirmed",
                self.contents,
                end.unconfirmed,
            )
        self._incoming.tell_losses()
        logger.info("%s disconnected %s", self.contents, end.message)
        if end.error is not None:
            self._why = f"it broke the protocol: {end.error}"
        self._note_gone()
        if end.reason in (reasons.PROTOCOL, reasons.OVERLOADED):
            # We broke off. After a cut, what has arrived is dispatched all the same.
            self._turns.stop()
        self._work.abandon()
        self._on_end(self)
        self._outlet.make_room()
        if not self._parted.done():
            self._parted.set_result(None)

    def _note_gone(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._fail_asks()
        self._ipc.renderers.discard(self.contents)
        self._ipc.groups.leave_all(self.contents)
        # Soon, and not inside of what the application is doing right now.
        self._home.later(self._tell_gone)

    def _fail_asks(self) -> None:
        why = f"{self.contents} is gone: {self._why}"
        self._asks.fail(why, self.session.outbox.was_written)

    def _tell_gone(self) -> None:
        self.contents.destroyed(self._why)
        app.web_contents_destroyed(self.contents)


@functools.cache
def _version() -> str:
    from importlib.metadata import version  # it takes its time to import

    return version("electron-ipc")
