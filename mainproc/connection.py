"""A renderer's session in main: its link, its frames, its end."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.calls import Call, SyncCall, unary_call
from mainproc.home import Home
from mainproc.turns import Turns
from mainproc.web_contents import WebContents
from mainproc.work import Work, serving
from renderer.wire import events, messages, reasons
from renderer.wire.errors import (
    ConnectionClosed,
    DataCloneError,
    IpcError,
    LocalProtocolError,
)
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
_LONGEST_TITLE: Final = 8 * 1024
_ANSWER_GOODBYE_WITHIN: Final = 5.0
_END_LINK_WITHIN: Final = 10.0
_ROOM: Final = 0.5
"""`drain` waits until this part of the window is free."""


@final
class Connection:
    """Drives one session, on main's loop; `send` and `close` work from any thread.

    Args:
        ipc: whose listeners serve the renderer.
        title: the renderer's.
        url: the renderer's.
        home: main's loop.
        on_end: called once, when the session is over.
    """

    def __init__(
        self,
        ipc: IpcMain,
        *,
        title: str,
        url: str,
        home: Home,
        on_end: Callable[[Connection], object],
    ) -> None:
        self.token = secrets.token_bytes(_TOKEN_BYTES)
        self.contents = WebContents(
            title=title[:_LONGEST_TITLE], url=url[:_LONGEST_TITLE], default=ipc.default
        )
        self.session = Session(
            Role.MAIN,
            limits=ipc.limits,
            admission=Admission(
                token=self.token,
                session_id=secrets.token_hex(4),
                web_contents_id=self.contents.id,
                server_name="electron-ipc",
                server_version=version("electron-ipc"),
            ),
        )
        self._ipc = ipc
        self._home = home
        self._on_end = on_end
        self._lock = threading.Lock()  # for the session; held briefly, never at a call
        self._dispatcher = ipc.dispatcher
        work = Work(
            home,
            self.contents,
            pool=self._dispatcher.threads,
            limit=ipc.limits.max_running,
            on_room=self._wake,
        )
        self._turns = Turns(
            home,
            self.session,
            work,
            begin=self._begin,
            on_pause=self._after_turn,
        )
        self.contents.home = home
        self.contents.work = self._work = work
        self.contents.connect_line(self)
        self._link: AsyncLink | None = None
        self._reader: asyncio.Task[object] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._flush_scheduled = False
        self._ack_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._half_closed = False
        self._draining = False
        self._over = home.loop.create_future()
        self._caught_up: asyncio.Future[None] | None = None
        self._quiet: asyncio.Future[None] | None = None
        self._room: list[asyncio.Future[None]] = []

    # ---- the link --------------------------------------------------------------------

    async def serve(self, link: AsyncLink, first: bytes) -> None:
        """Serve the session over a link until the link or the session has ended.

        Cancelling it is a cut.

        Args:
            link: the link.
            first: its first frame, with the Hello.

        Raises:
            RemoteProtocolError: the Hello cannot be; there is no session.
        """
        epoch = self.session.accept(parse_hello(first))
        assert epoch is not None  # of a new session the first link is welcome
        self._link = link
        self._reader = asyncio.current_task()
        self._ipc.renderers.add(self.contents)
        logger.info("%s connected", self.contents)
        try:
            await self._read(link, epoch, first)
            await asyncio.shield(self._over)
            if self._writer is not None:
                await self._writer
        finally:
            self._link = None
            with self._lock:
                self.session.cut(epoch, self._home.loop.time())
            self._handle_events()
            self._cancel_timers()

    async def _read(self, link: AsyncLink, epoch: int, first: bytes) -> None:
        frame: bytes | None = first
        while frame is not None:
            with self._lock:
                self.session.receive(epoch, frame, self._home.loop.time())
            self._handle_events()
            if self.session.state is State.CLOSED:
                return
            if self.session.inbox.overrun:
                self._caught_up = self._home.loop.create_future()
                await self._caught_up
            frame = await link.read()
        # The renderer sends no more. One that said Goodbye waits for ours; one that
        # did not, waits for what it asked: finish that, then say Goodbye.
        self._half_closed = True
        self._after_turn()

    def _handle_events(self) -> None:
        arrived: list[events.Arrived] = []
        with self._lock:
            happened = self.session.take_events()
        for event in happened:
            match event:
                case events.Arrived():
                    arrived.append(event)
                case events.Acked():
                    self._acked()
                case events.Cancelled():
                    self._cancel(event.id)
                case events.GoodbyeHeard():
                    self._begin_draining()
                case events.GivenUp():
                    logger.warning(
                        "%s gave up %d messages on %r",
                        self.contents,
                        event.count,
                        event.channel,
                    )
                case events.Ended():
                    self._ended(event)
                case _:
                    pass  # replies (main asks nothing yet), and a renderer's events
        self._turns.feed(arrived)

    # ---- dispatch --------------------------------------------------------------------

    def _begin(self, arrived: events.Arrived) -> bool:
        if arrived.kind == "call":
            return self._begin_call(arrived)
        body = arrived.body
        try:
            args = messages.read_args(body)
        except DataCloneError as error:
            logger.warning("an event from %s was dropped: %s", self.contents, error)
            return False
        return self._dispatcher.event(self.contents, body.channel, args)

    def _begin_call(self, arrived: events.Arrived) -> bool:
        id, body = arrived.message.id, arrived.body
        cancelled = self._turns.is_cancelled(id)
        if self._draining:
            return False  # nobody is left to reply to
        if id in self._work.calls:
            self.say_goodbye(reasons.PROTOCOL, f"the call {id} is running already")
            return False
        make = SyncCall if arrived.is_sync else Call
        call = make(
            id,
            body.channel,
            home=self._home,
            timeout=arrived.timeout,
            send=self.send,
            default=self._ipc.default,
        )
        if cancelled:
            call.cancel()
        elif isinstance(call, SyncCall) or arrived.is_invoke:
            return self._run_call(call, body)
        else:
            call.refuse(IpcError("a call of unknown kind", reason="UNIMPLEMENTED"))
        return False

    def serve_sync(
        self, channel: str, args: Sequence[Any], *, after: int, timeout: float
    ) -> asyncio.Future[Parcel]:
        """Dispatch a sync message that came outside the stream; return its reply.

        Cancelling the future abandons the call.

        Args:
            channel: its channel.
            args: its arguments.
            after: dispatch it when everything up to this number is consumed.
            timeout: seconds its caller waits.
        """
        call, reply = unary_call(
            channel, home=self._home, timeout=timeout, default=self._ipc.default
        )
        self._work.watch(call)
        self._turns.feed_unary(after, lambda: self._run_unary(call, args))
        return reply

    def _run_unary(self, call: SyncCall, args: Sequence[Any]) -> bool:
        return not call.settled and self._dispatcher.sync(self.contents, call, args)

    def _run_call(self, call: Call, body: Any) -> bool:
        try:
            args = messages.read_args(body)
        except DataCloneError as error:
            call.refuse(error)
            return False
        if isinstance(call, SyncCall):
            started = self._dispatcher.sync(self.contents, call, args)
        else:
            started = self._dispatcher.invoke(self.contents, call, args)
        if not call.settled:
            self._work.watch(call)
        return started

    def _cancel(self, id: int) -> None:
        call = self._work.calls.get(id)
        if call is not None:
            call.cancel()
        else:
            self._turns.cancel(id)

    def _wake(self) -> None:
        self._turns.advance()

    def _after_turn(self) -> None:
        if self._caught_up is not None and not self.session.inbox.overrun:
            self._caught_up.set_result(None)
            self._caught_up = None
        if not self._turns.waiting:
            self._settle_down()
        self._flush()

    def _settle_down(self) -> None:
        idle = self._work.idle and not self._work.calls
        if self._quiet is not None and idle and not self._quiet.done():
            self._quiet.set_result(None)
        if self._draining:
            self._answer_goodbye()
        elif self._half_closed and idle:
            self.say_goodbye(reasons.CLOSED, "")

    # ---- sending ---------------------------------------------------------------------

    @property
    def backlog(self) -> str:
        """What waits for the renderer's ack, for people."""
        return self.session.outbox.backlog

    @property
    def open(self) -> bool:
        """Messages may be put on the session."""
        return self.session.state in ACCEPTS_MESSAGES

    def send(self, parcel: Parcel) -> bool:
        """Put a message on the session, from any thread; False if that is over.

        Raises:
            Overloaded: the renderer's window is full.
            PayloadTooLarge: the renderer does not take messages of this size.
        """
        # What is sent on behalf of one of its own messages may overshoot: its next
        # messages wait instead.
        own = self._turns.dispatching and self._home.is_here()
        with self._lock:
            if not self.open:
                return False
            own = own or serving.get() is self.contents
            try:
                self.session.put(parcel, overshoot=own)
                accepted = True
            except LocalProtocolError:
                accepted = False  # that was a reply too many: it ended the session
        self._schedule_flush()
        return accepted

    def room(self) -> asyncio.Future[None]:
        """Return a future that is done when the window has room, or nobody is there."""
        future = self._home.loop.create_future()
        if self._has_room():
            future.set_result(None)
        else:
            self._room.append(future)
        return future

    def _has_room(self) -> bool:
        outbox, peer = self.session.outbox, self.session.peer
        return not self.open or (
            outbox.outstanding <= peer.window_messages * _ROOM
            and outbox.outstanding_bytes <= peer.window_bytes * _ROOM
        )

    def _acked(self) -> None:
        if self._room and self._has_room():
            for future in self._room:
                if not future.done():
                    future.set_result(None)
            self._room.clear()
        self._turns.acked()

    def _schedule_flush(self) -> None:
        if self._home.is_here() and self._turns.dispatching:
            return  # the turn ends with a flush
        with self._lock:
            if self._flush_scheduled:
                return
            self._flush_scheduled = True
        if self._home.is_here():
            self._home.loop.call_soon(self._flush)
        else:
            self._home.call(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self.session.state is State.CLOSED and not self._over.done():
            self._handle_events()
        if self._writer is None and self._link is not None:
            frame = self._next_frame()
            if frame is not None:
                writing = self._write(self._link, frame)
                self._writer = self._home.loop.create_task(writing)
        self._set_ack_timer()

    async def _write(self, link: AsyncLink, frame: bytes | None) -> None:
        try:
            while frame is not None:
                await link.write(frame)
                frame = self._next_frame()
        except ConnectionClosed:
            pass  # whoever reads this link is told, too
        finally:
            self._writer = None

    def _next_frame(self) -> bytes | None:
        with self._lock:
            return self.session.next_frame(self._home.loop.time())

    def _set_ack_timer(self) -> None:
        deadline = self.session.deadline
        if deadline is not None and self._ack_timer is None and self._link is not None:
            self._ack_timer = self._home.loop.call_at(deadline, self._ack_due)

    def _ack_due(self) -> None:
        self._ack_timer = None
        self._flush()

    # ---- the end ---------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Say Goodbye because the application wants it, from any thread."""
        self._home.call(self.say_goodbye, reasons.CLOSED, reason)

    def say_goodbye(self, reason: reasons.Reason, message: str) -> None:
        """Say Goodbye and dispatch nothing more."""
        with self._lock:
            if not self.open:
                return
            self.session.goodbye(reason, message)
        self._turns.stop()
        self._work.abandon()
        self._end_link_within(_END_LINK_WITHIN)
        self._handle_events()

    def stop_dispatch(self) -> None:
        """Dispatch nothing more; what runs goes on."""
        self._turns.stop()

    def quiet(self) -> asyncio.Future[None]:
        """Return a future that is done when nothing runs for the renderer."""
        if self._quiet is None:
            self._quiet = self._home.loop.create_future()
            self._wake()
        return self._quiet

    def gone(self) -> asyncio.Future[None]:
        """Return a future that is done when the session is over."""
        return self._over

    def cancel_work(self) -> None:
        """Cancel all that still runs for the renderer, and its link."""
        self._work.cancel()
        self._end_link()

    def _begin_draining(self) -> None:
        self._draining = True
        self._work.abandon()
        self._home.loop.call_later(_ANSWER_GOODBYE_WITHIN, self._answer_goodbye)

    def _answer_goodbye(self) -> None:
        with self._lock:
            if self.session.state is not State.DRAINING:
                return
            self.session.goodbye()
        self._turns.stop()
        self._end_link_within(_END_LINK_WITHIN)
        self._handle_events()

    def _end_link_within(self, seconds: float) -> None:
        if self._end_timer is None:
            self._end_timer = self._home.loop.call_later(seconds, self._end_link)

    def _end_link(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()

    def _ended(self, end: events.Ended) -> None:
        self._over.set_result(None)  # first: what follows looks at it
        if end.error is not None:
            logger.warning("%s broke the protocol: %s", self.contents, end.error)
        if end.unconfirmed:
            logger.info(
                "%s is gone; %d messages to it are unconfirmed",
                self.contents,
                end.unconfirmed,
            )
        logger.info("%s disconnected %s", self.contents, end.message)
        self._ipc.renderers.discard(self.contents)
        self._work.abandon()
        self._acked()
        self._on_end(self)

    def _cancel_timers(self) -> None:
        for timer in (self._ack_timer, self._end_timer):
            if timer is not None:
                timer.cancel()
