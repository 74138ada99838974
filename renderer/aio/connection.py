"""A connection to main on an event loop, from the wish for one to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, final

from renderer import texts
from renderer.aio.calls import AioCalls
from renderer.aio.dispatcher import AioDispatcher
from renderer.aio.outlet import AioOutlet
from renderer.aio.tasks import Bell, hide, start_soon
from renderer.carrier import AioCarrier, AioLink, LinkBroken
from renderer.patience import Patience, closed_early
from renderer.reports import Reports
from renderer.settings import Settings
from renderer.wire import events
from renderer.wire.errors import ConnectionClosed, IpcError, quote
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.link import Fate
from renderer.wire.listeners import ListenerTable
from renderer.wire.parcel import Parcel
from renderer.wire.session import Session
from renderer.wire.state import State
from renderer.wire.terms import turned_away

logger = logging.getLogger("ipc.renderer")

FLUSH_S: Final = 5.0
"""How long what was sent may take to be consumed when the program leaves."""
DRAIN_S: Final = 5.0
"""How long what arrived may take to be dispatched at the end."""
PART_S: Final = 10.0
"""How long main may take to end the link when the session is over."""
_PART_AT_END_S: Final = 1.0


@final
class AioConnection:
    """Looks for main, then carries one session over one link. All on one loop.

    Messages may be sent at once: they wait until main has said welcome.

    Args:
        table: the listeners and handlers.
        reports: told of what they raise.
        settings: of the renderer.
        carrier: opens the way to main, once for each attempt.
        hooks: called when a connection that was open is over, and all else is done.
        before: that of the connection before this one, on the same loop.
    """

    def __init__(
        self,
        table: ListenerTable,
        reports: Reports,
        settings: Settings,
        carrier: Callable[[], AioCarrier],
        hooks: Sequence[Callable[[], object]],
        before: AioDispatcher | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.address = settings.target
        self.id = 0
        """The number of this renderer's WebContents in main."""
        self.opened = False
        """Welcome was heard."""
        self.parted = False
        """Main said Goodbye."""
        self.over = False
        """The link has ended, or will never be."""
        self.ended = False
        """Besides, all that arrived was dispatched, and the hooks were called."""
        self.unconfirmed = 0
        """Events and calls that main is not known to have consumed, at the end."""
        self._settings = settings
        self._carrier = carrier
        self._hooks = hooks
        self._bell = Bell(self.loop)
        self._outlet = AioOutlet(self.loop, self._bell, self._look, DEFAULT_LIMITS)
        self.put: Final = self._outlet.put
        """Send a message; see `AioOutlet.put`."""
        self.consume: Final = self._outlet.consume
        """Note that the dispatcher is through with the oldest that it was given."""
        self.calls = AioCalls(self._outlet, self.loop)
        self.dispatcher: Final = AioDispatcher(
            table,
            reports,
            self,
            self.loop,
            default=settings.default,
            before=before,
        )
        self._link: AioLink | None = None
        self._lost = 0  # events that were accepted, and there was no main
        self._unsent = 0  # events and calls that main's window had no room for
        self._refused: IpcError | None = None  # why main did not say welcome
        self._leaving = False  # nobody wants the connection any more
        self._closing = False  # it was us who ended the session
        self._timers: list[asyncio.TimerHandle] = []
        self._life: asyncio.Task[None] | None = None
        self._guard: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look for main, in the background."""
        self._life = hide(start_soon(self._live(), self.loop))
        self._guard = start_soon(self._watch(), self.loop)

    @property
    def error(self) -> IpcError | None:
        """Why nothing can be sent any more; None while it can."""
        return self._outlet.error

    @property
    def packed(self) -> bool:
        """Main reads packed values."""
        return self._outlet.packed

    @property
    def is_crowded(self) -> bool:
        """Main is behind with what it is sent."""
        session = self._outlet.session
        return session is not None and session.outbox.runs_short(session.peer)

    # ---- sending ---------------------------------------------------------------------

    def answer(self, parcel: Parcel) -> None:
        """Send a reply. It is lost if the session is over.

        Raises:
            PayloadTooLarge: main does not take as much.
        """
        try:
            self._outlet.put(parcel)
        except ConnectionClosed:
            pass  # main's caller is told by its own end

    # ---- from the wish to the end ----------------------------------------------------

    async def _watch(self) -> None:
        """Leave in order when the program ends: asyncio.run cancels what it finds."""
        assert self._life is not None
        try:
            await asyncio.wait([self._life])
        except asyncio.CancelledError:
            try:
                await self.leave(FLUSH_S, _PART_AT_END_S, at_end=True)
            finally:
                self.cut()
                await asyncio.wait([self._life])
            self.tell_unconfirmed()
            raise

    async def _live(self) -> None:
        try:
            await self._reach_main()
        except IpcError as error:
            self._fail(error)
        except Exception as error:  # a carrier's, or a mistake of ours
            logger.exception("the connection to main at %s failed", self.address)
            self._fail(ConnectionClosed(f"{type(error).__name__}: {error}"))
        self._forget_timers()
        self.over = True
        self._bell.ring()
        self.dispatcher.abandon()
        await self._bell.wait_until(lambda: self.dispatcher.is_idle, DRAIN_S)
        if self.opened:
            await self._call_hooks()
        self.dispatcher.end()
        self.ended = True
        self._bell.ring()

    async def _reach_main(self) -> None:
        # The first may have to load grpc, which is not main's fault.
        carrier = self._carrier()
        patience = Patience(self.address, self._settings.connect_timeout)
        self._later(patience.first_doubt.left or 0.0, patience.doubt)
        self._later(patience.deadline.left or 0.0, self._cut_attempt)
        while True:
            self._refused = None
            await self._carry(carrier)
            if self.opened:
                return
            pause = patience.next_pause(self._refused)
            if await self._bell.wait_until(lambda: self._leaving, pause):
                raise closed_early()
            carrier = self._carrier()

    def _cut_attempt(self) -> None:
        if self._link is not None:
            self._link.cut()

    async def _carry(self, carrier: AioCarrier) -> None:
        """Carry a session over a link, from Hello to the end of both."""
        try:
            self._link = link = carrier.open()
            self._outlet.attach(self._settings.session(), link)
            broken = await self._read(link)
            self._link = None
            happened = await self._outlet.detach()
        finally:
            await carrier.close()
        if not self.opened:
            text = "the link ended before main said welcome"
            early = LinkBroken(text, "not-sent", Fate.RESUME)
            self._refused = self._refused or broken or early
            return
        if broken is not None:
            self._stop(texts.broke(self.address, broken), broken)
        for event in happened:
            self._note(event, heard=False)
        if not self._closing:
            self._tell()

    async def _read(self, link: AioLink) -> IpcError | None:
        """Take frames to the end of the link; return why that came."""
        arrived = self.dispatcher.arrived
        try:
            while (frame := await link.read()) is not None:
                for event in self._outlet.receive(frame):
                    if type(event) is events.Arrived:
                        arrived(event)
                    else:
                        self._note(event)
                if self.dispatcher.is_through:
                    self.paused()
                else:
                    self.dispatcher.advance()
        except IpcError as error:
            return error.with_traceback(None)  # or who keeps it keeps all of this
        return None

    def _fail(self, error: IpcError) -> None:
        """Give up: there is no main, or it does not want us."""
        self._lost = self._outlet.waiting_events
        if self._lost:
            logger.error("%s; not sent: %s", error, texts.how_many(self._lost))
        self._stop(error)

    def take_loss(self) -> ConnectionClosed | None:
        """Return, once, the error for events that were accepted and never sent."""
        count, self._lost = self._lost, 0
        if not count:
            return None
        text = f"{self.error}; not sent: {texts.how_many(count)}"
        return ConnectionClosed(text, "not-sent")

    def _tell(self) -> None:
        if not self.tell_unconfirmed():
            logger.info("%s", self.error)

    def tell_unconfirmed(self) -> bool:
        """Log, once, what main has not confirmed; return whether there was any."""
        count, self.unconfirmed = self.unconfirmed, 0
        if count:
            text = "%s; it has not confirmed %s sent to it"
            logger.warning(text, self.error, texts.how_many(count))
        return bool(count)

    async def _call_hooks(self) -> None:
        for hook in tuple(self._hooks):
            self.dispatcher.run_hook(hook)
        # An async hook may be one that waits for what comes next.
        await self._bell.wait_until(lambda: self.dispatcher.is_idle, DRAIN_S)

    # ---- what main says --------------------------------------------------------------

    def _note(self, event: events.SessionEvent, *, heard: bool = True) -> None:
        if type(event) is events.Replied:
            self.calls.replied(event)
            return
        if type(event) is events.Arrived:
            self.dispatcher.arrived(event)
            return
        match event:
            case events.Acked():
                self.dispatcher.acked()
                self._outlet.advance()
            case events.Opened():
                self._welcomed(event)
            case events.Cancelled():
                self.dispatcher.cancelled(event.id)
            case events.GivenUp():
                text = "main gave up %d messages on %s for this renderer"
                logger.warning(text, event.count, quote(event.channel))
            case events.GoodbyeHeard():
                self._goodbye_heard(event)
            case events.Ended():
                # Heard, it is main's answer to our own Goodbye.
                self.parted |= heard and event.error is None and self.opened
                self._session_ended(event)
            case _:
                pass  # the rest needs `resume`

    def _welcomed(self, event: events.Opened) -> None:
        self.opened = True
        self.id = event.welcome.web_contents_id
        self._forget_timers()
        logger.info("connected to main at %s as %d", self.address, self.id)
        self._outlet.opened()

    def _goodbye_heard(self, event: events.GoodbyeHeard) -> None:
        if not self.opened:
            self._refused = turned_away(event.reason, event.message)
            self.say_goodbye()
            return
        self.parted = True
        self._stop(texts.parted(self.address, event.message))
        self._later(DRAIN_S, self.say_goodbye)

    def _session_ended(self, event: events.Ended) -> None:
        if self.opened:
            self.unconfirmed = event.unconfirmed + self._unsent
            self._stop(texts.ended(self.address, event), event.error)
        elif event.error is not None:
            self._refused = texts.ended(self.address, event)
        self._outlet.finish()
        self._later(PART_S, self.cut)

    def paused(self) -> None:
        """Write what dispatching has led to; see `Line`."""
        self._outlet.flush()
        through = self.dispatcher.is_through
        if through and self.parted and self._outlet.state is State.DRAINING:
            self.say_goodbye()
        self._bell.ring()

    def _look(self) -> None:
        """Take note of what a failed `put` has led to."""
        for event in self._outlet.change(lambda _: None):
            self._note(event, heard=False)

    # ---- the end ---------------------------------------------------------------------

    def say_goodbye(self) -> None:
        """Say Goodbye, or answer main's. No dispatch begins from here on."""
        state = self._outlet.state
        begins = state in (State.OPENING, State.OPEN)
        if not begins and state is not State.DRAINING:
            return
        self.dispatcher.stop()
        happened = self._outlet.change(Session.goodbye)
        if begins:
            self._closing = True
            self._stop(texts.left(self.address))
        for event in happened:
            self._note(event, heard=False)
        self._outlet.flush()

    def cut(self) -> None:
        """End the link now, or the search for main."""
        self._leaving = True
        if self._link is not None:
            self._link.cut()
        self._bell.ring()

    async def leave(self, flush_s: float, part_s: float, *, at_end: bool) -> None:
        """Wait until main has consumed what was sent, say Goodbye, disconnect.

        Args:
            flush_s: seconds for the first, and for dispatching what main has sent.
            part_s: seconds for the rest; then the link is cut.
            at_end: the loop is about to end: do not wait for the link's end.
        """
        if self.opened or self._outlet.has_waiting:
            try:
                async with asyncio.timeout(flush_s):
                    await self._flush_both_ways()
            except TimeoutError:
                pass  # what that means is counted below
        if self.opened:
            self.say_goodbye()
        else:
            self.cut()
        # asyncio.run has cancelled what grpc needs to learn of the link's end.
        await self._bell.wait_until(
            lambda: self.over or (at_end and self._outlet.state is State.CLOSED),
            part_s,
        )
        self.cut()
        await self._bell.wait_until(lambda: self.over, part_s)

    async def _flush_both_ways(self) -> None:
        try:
            await self._outlet.flush_through()
        except ConnectionClosed:
            pass  # it is counted
        # What main sent in answer is here by now, and is for the listeners.
        await self._bell.wait_until(lambda: self.dispatcher.is_through)

    async def wait_opened(self) -> None:
        """Wait until main has said welcome.

        Raises:
            IpcError: it has not; this says why.
        """
        await self._bell.wait_until(lambda: self.opened or self.error is not None)
        if not self.opened and self.error is not None:
            raise self.error

    async def wait_over(self) -> None:
        """Wait until the link is over."""
        await self._bell.wait_until(lambda: self.over)

    async def wait_ended(self) -> None:
        """Wait until besides the listeners are through, unless one of them asks."""
        if self.dispatcher.is_current():
            await self._bell.wait_until(lambda: self.over)
            return
        await self._bell.wait_until(lambda: self.ended)
        if self._guard is not None:
            await asyncio.wait([self._guard])

    async def settle(self) -> None:
        """Wait until what has arrived is dispatched, and nothing of it runs any more.

        Not in a listener or handler, which would wait for itself.
        """
        if not self.dispatcher.is_current():
            await self._bell.wait_until(lambda: self.dispatcher.is_idle)

    async def flush(self) -> None:
        """Wait until main has consumed what was sent; see `AioOutlet`."""
        await self._outlet.flush_through()

    async def drain(self) -> None:
        """Wait until main's window has room; see `AioOutlet`."""
        await self._outlet.drain()

    def _stop(self, error: IpcError, cause: BaseException | None = None) -> None:
        """Take nothing any more, and fail what is under way."""
        if cause is not None:
            error.__cause__ = cause
        self._outlet.stop(error)
        # Who closes gives up what is under way.
        self.calls.fail(self._outlet.error or error, forgive=self._closing)
        self._unsent += self._outlet.clear()

    def _later(self, seconds: float, job: Callable[[], object]) -> None:
        self._timers.append(self.loop.call_later(seconds, job))

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


__all__ = ("FLUSH_S", "PART_S", "AioConnection")
