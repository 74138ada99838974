"""A renderer's session in main: its link, its frames, its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.calls import Call, SyncCall
from mainproc.home import Home
from mainproc.outlet import Outlet
from mainproc.turns import Turns
from mainproc.unary import Answers, UnaryCall
from mainproc.web_contents import WebContents
from mainproc.work import serving
from renderer.wire import events, messages, reasons
from renderer.wire.errors import (
    DataCloneError,
    IpcError,
    Overloaded,
    RemoteProtocolError,
    quote,
)
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.session import Session
from renderer.wire.state import State
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
_WAIT_FOR_AFTER: Final = 30.0


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
        )
        self.session = Session(
            Role.MAIN, limits=ipc.limits, admission=self._admission()
        )
        self.session.accept(hello)
        self._first = first
        self._ipc = ipc
        self._home = home
        self._on_end = on_end
        self._dispatcher = ipc.dispatcher
        self._outlet = Outlet(
            home,
            self.session,
            on_taken=self._taken,
            on_broken=self._handle_events,
            on_written=self._written,
        )
        self._work = self._dispatcher.work(
            self.contents, home, ipc.limits.max_running, self._wake
        )
        self._turns = Turns(
            home,
            self.session,
            self._work,
            begin=self._begin,
            on_pause=self._after_turn,
            on_held=self._held_back,
        )
        self._answers = Answers()
        self._serving: asyncio.Task[object] | None = None
        self._reading = False
        self._link_ended = False  # by us
        self._half_closed = False
        self._lost_count = 0
        self._broken = False  # the contract, in a way that the session does not see
        self._timers: list[asyncio.TimerHandle] = []
        # Done when our Goodbye may be written, or nothing more can be.
        self._parted = home.loop.create_future()
        self._caught_up: asyncio.Future[None] | None = None
        self._quiet: asyncio.Future[None] | None = None
        self.contents.connect_line(self)
        ipc.renderers.add(self.contents)
        logger.info("%s connected", self.contents)

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
        session = self.session
        frame: bytes | None = self._first
        self._first = b""
        while frame is not None:
            with self._outlet.lock:
                session.receive(session.epoch, frame, self._home.loop.time())
            self._handle_events()
            if self._over:
                return False
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
        self._after_turn()
        return True

    async def _catch_up(self) -> None:
        if self.session.inbox.overrun and self.open:
            self._caught_up = self._home.loop.create_future()
            try:
                await self._caught_up
            finally:
                self._caught_up = None  # also when the link is cut meanwhile

    def _handle_events(self) -> None:
        with self._outlet.lock:
            happened = self.session.take_events()
        for event in happened:
            match event:
                case events.Arrived():
                    self._turns.put(event)
                case events.Acked():
                    self._acked()
                case events.Cancelled():
                    self._cancel(event.id)
                case events.GoodbyeHeard():
                    self._drain()
                case events.GivenUp():
                    channel = quote(event.channel)
                    self._lost(event.count, f"{channel} was given up by its sender")
                case events.Ended():
                    self._ended(event)
                case _:
                    pass  # replies (main asks nothing yet), and a renderer's events
        self._turns.advance()

    # ---- dispatch --------------------------------------------------------------------

    def _begin(self, arrived: events.Arrived) -> bool:
        try:
            if arrived.kind == "call":
                return self._begin_call(arrived)
            body = arrived.body
            args = messages.read_args(body)
        except DataCloneError as error:
            self._lost(1, f"an event could not be read: {error}")
            return False
        except RemoteProtocolError as error:
            self._break_off(error)
            return False
        return self._dispatcher.event(self.contents, body.channel, args)

    def _lost(self, count: int, why: str) -> None:
        # Told once and counted from there on: a peer must not write our log.
        if not self._lost_count:
            logger.warning("lost from %s: %s", self.contents, why)
        self._lost_count += count

    def _begin_call(self, arrived: events.Arrived) -> bool:
        id, body = arrived.message.id, arrived.body
        arrived_at, cancelled = self._turns.take_call(id)
        if not self.open:
            return False  # nobody is left to reply to
        if id in self._work.calls:
            raise RemoteProtocolError(f"the call {id} is running already")
        timeout = arrived.timeout
        make = SyncCall if arrived.is_sync else Call
        call = make(
            id,
            body.channel,
            home=self._home,
            deadline=None if timeout is None else arrived_at + timeout,
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

    def serve_sync(
        self,
        channel: str,
        args: Sequence[Any],
        *,
        size: int,
        id: int,
        after: int,
        timeout: float,
    ) -> UnaryCall:
        """Dispatch a sync message that came outside the stream.

        Args:
            channel: its channel.
            args: its arguments.
            size: its bytes.
            id: what a retry of it has in common with it; 0: it is not retried.
            after: dispatch it when everything up to this number is consumed.
            timeout: seconds its caller waits.

        Raises:
            Forgotten: it may have been run before.
            Overloaded: too many wait.
        """

        def begin() -> UnaryCall:
            if not self._turns.admits_unary(size, self._ipc.limits):
                raise Overloaded("too many sync messages wait outside the stream")
            call = UnaryCall(
                channel, home=self._home, timeout=timeout, default=self._ipc.default
            )
            self._work.watch(call)
            run = functools.partial(self._run_unary, call, args)
            self._turns.put_unary(after, call, size, run)
            if not call.begun:
                loop = self._home.loop
                timer = loop.call_later(_WAIT_FOR_AFTER, call.give_up_waiting)

                def over(_: object) -> None:
                    timer.cancel()
                    self._turns.forget_unary(call)

                call.reply.add_done_callback(over)
            return call

        return self._answers.get(id, begin) if id else begin()

    def _run_unary(self, call: UnaryCall, args: Sequence[Any]) -> bool:
        if call.settled:
            return False
        call.begun = True
        return self._dispatcher.sync(self.contents, call, args)

    def _cancel(self, id: int) -> None:
        call = self._work.calls.get(id)
        if call is not None:
            call.cancel()
        else:
            self._turns.cancel(id)

    def _held_back(self) -> None:
        logger.warning(
            "%s has %d handlers and listeners running; what else it sends waits",
            self.contents,
            self._work.running,
        )

    def _wake(self) -> None:
        self._turns.advance()

    def _after_turn(self) -> None:
        waiting = self._caught_up
        if waiting and not (self.session.inbox.overrun and self.open):
            self._caught_up = None
            if not waiting.done():
                waiting.set_result(None)
        if not self._turns.waiting:
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
        return self._outlet.open

    def send(self, parcel: Parcel) -> bool:
        """Put a message on the session, from any thread; False if that is over.

        Raises:
            Overloaded: the renderer's window is full.
            PayloadTooLarge: the renderer does not take messages of this size.
        """
        # What is sent on behalf of one of its own messages may overshoot: its next
        # messages wait instead.
        in_turn = self._turns.dispatching and self._home.is_here()
        own = in_turn or serving.get() is self.contents
        accepted = self._outlet.send(parcel, overshoot=own)
        if accepted and not in_turn:  # a turn ends with a flush
            self._outlet.schedule_flush()
        return accepted

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
        in_finalizer = self._outlet.lock.is_mine()
        do = self._home.later if in_finalizer else self._home.call
        do(self.say_goodbye, reasons.CLOSED, reason)

    def say_goodbye(self, reason: reasons.Reason, message: str) -> None:
        """Say Goodbye and dispatch nothing more."""
        with self._outlet.lock:
            if not self.open:
                return
            self.session.goodbye(reason, message)
        self._part()
        self._work.abandon()

    def _break_off(self, error: RemoteProtocolError) -> None:
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

    def cancel_work(self) -> None:
        """Cancel all that still runs for the renderer, and its link."""
        self._work.cancel()
        self._end_link()

    def _drain(self) -> None:
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
        if self._lost_count > 1:
            text = "%d messages of %s were lost in all"
            logger.warning(text, self._lost_count, self.contents)
        logger.info("%s disconnected %s", self.contents, end.message)
        self._ipc.renderers.discard(self.contents)
        if end.reason in (reasons.PROTOCOL, reasons.OVERLOADED):
            # We broke off. After a cut, what has arrived is dispatched all the same.
            self._turns.stop()
        self._work.abandon()
        self._on_end(self)
        self._outlet.make_room()
        if not self._parted.done():
            self._parted.set_result(None)


@functools.cache
def _version() -> str:
    return version("electron-ipc")
