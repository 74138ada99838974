"""A connection to main on an event loop, from the wish for one to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, final

from renderer import texts
from renderer.aio.calls import AioCalls
from renderer.aio.connector import AioConnector
from renderer.aio.dispatcher import AioDispatcher
from renderer.aio.outlet import AioOutlet
from renderer.aio.tasks import Bell, hide, start_soon
from renderer.carrier import AioCarrier
from renderer.hooks import Hook, Hooks
from renderer.reports import Reports
from renderer.settings import Settings
from renderer.wire import events, reasons
from renderer.wire.errors import ConnectionClosed, IpcError
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.listeners import ListenerTable
from renderer.wire.parcel import Parcel
from renderer.wire.state import State

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
    """A session with main, and all that waits for it. All on one loop.

    Messages may be sent at once: they wait until main has said welcome. A link that
    breaks is replaced, if main keeps the session, and nothing is lost by that; if main
    turns out not to have kept it, a new session takes its place.

    Args:
        table: the listeners and handlers.
        reports: told of what they raise.
        settings: of the renderer.
        carrier: opens the way to the main that settings name, once for each attempt.
        hooks: what the program wants to be told.
        before: that of the connection before this one, on the same loop.
    """

    def __init__(
        self,
        table: ListenerTable,
        reports: Reports,
        settings: Settings,
        carrier: Callable[[Settings], AioCarrier],
        hooks: Hooks,
        before: AioDispatcher | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.target = settings.target
        """Where main was looked for at first."""
        self.id = 0
        """The number of this renderer's WebContents in main."""
        self.opened = False
        """Welcome was heard, once."""
        self.connected = False
        """There is a link, on which it was heard."""
        self.parted = False
        """Main said Goodbye."""
        self.over = False
        """There is no link, and there will be none."""
        self.ended = False
        """Besides, all that arrived was dispatched, and the hooks were called."""
        self.unconfirmed = 0
        """Events and calls that main is not known to have consumed, at the end."""
        self._hooks = hooks
        self._of_end: list[Hook] = []  # to be called before those of `disconnect`
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
        self._connector = AioConnector(
            self, self._outlet, self._bell, settings, carrier
        )
        self._lost = 0  # events that were accepted, and there was no main
        self._unsent = 0  # events and calls that main's window had no room for
        self._lost_at = 0.0  # when the link was
        self._closing = False  # it was us who ended the session
        self._timers: list[asyncio.TimerHandle] = []
        self._life: asyncio.Task[None] | None = None
        self._guard: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look for main, in the background."""
        self._life = hide(start_soon(self._live(), self.loop))
        self._guard = start_soon(self._watch(), self.loop)

    @property
    def address(self) -> str:
        """Where main is, or is looked for."""
        return self._connector.address

    @property
    def is_reconnecting(self) -> bool:
        """The link is lost, and looked for again."""
        return self._is_away and self.error is None and not self.loop.is_closed()

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
            await self._connector.run()
        except IpcError as error:
            self._fail(error)
        except Exception as error:  # a carrier's, or a mistake of ours
            logger.exception("the connection to main at %s failed", self.address)
            self._fail(ConnectionClosed(f"{type(error).__name__}: {error}"))
        self._forget_timers()
        self.over = True
        self.connected = False
        if self.opened and not self._closing:
            self._tell()
        self._bell.ring()
        self.dispatcher.abandon()
        await self._bell.wait_until(lambda: self.dispatcher.is_idle, DRAIN_S)
        if self.opened:
            await self._call_hooks()
        self.dispatcher.end()
        self.ended = True
        self._bell.ring()

    def _fail(self, error: IpcError) -> None:
        """Give up: there is no main, or it does not want us."""
        self._lost = self._outlet.waiting_events
        if self._lost:
            logger.error("%s; not sent: %s", error, texts.how_many(self._lost))
        self.give_up(error, None)

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
        for hook in (*self._of_end, *self._hooks.disconnect):
            self.dispatcher.run_hook(hook)
        # An async hook may be one that waits for what comes next.
        await self._bell.wait_until(lambda: self.dispatcher.is_idle, DRAIN_S)

    # ---- the link --------------------------------------------------------------------

    def deliver(self, frame: bytes) -> None:
        """Take a frame; see `connector.Shell`."""
        arrived = self.dispatcher.arrived
        for event in self._outlet.receive(frame):
            if type(event) is events.Arrived:
                arrived(event)
            else:
                self._note(event)
        if self.dispatcher.is_through:
            self.paused()
        else:
            self.dispatcher.advance()

    def link_ended(
        self, happened: list[events.SessionEvent], broken: IpcError | None
    ) -> None:
        """Take note of what the end of a link has led to; see `connector.Shell`."""
        if not self.opened:
            return  # the search goes on, with a new session
        if self._outlet.state is State.DETACHED:
            self._link_lost(broken)
        elif broken is not None:
            self._stop(texts.broke(self.address, broken), broken)
        for event in happened:
            self._note(event, heard=False)
        self.dispatcher.advance()

    def give_up(self, error: IpcError, cause: IpcError | None) -> None:
        """End the session here: nothing leads back to it; see `connector.Shell`."""
        self._stop(error, cause)
        for event in self._outlet.say_goodbye(at_once=True):
            self._note(event, heard=False)

    def _link_lost(self, why: object) -> None:
        """Take note, once, that main is out of reach for now."""
        if not self.connected:
            return
        self.connected = False
        self._lost_at = self.loop.time()
        text = texts.lost(self.address, why, self._outlet.patience)
        logger.warning("%s", text)
        self.dispatcher.told(self._hooks.reconnecting)
        self._bell.ring()

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
            case events.Gap():
                self._start_over(event)
            case events.Detached():
                if heard:
                    self._link_lost("it asks to come back")
                    self._connector.sent_away(event.retry_after, event.address)
            case events.Cancelled():
                self.dispatcher.cancelled(event.id)
            case events.GivenUp():
                self._given_up(event)
            case events.GoodbyeHeard():
                self._goodbye_heard(event)
            case events.Ended():
                # Heard, it is main's answer to our own Goodbye; or we broke it off.
                broken_off = event.error or event.reason == reasons.NO_PROGRESS
                self.parted |= heard and not broken_off and self.opened
                self._session_ended(event)
            case _:
                pass  # replies and arrivals: see above

    def _welcomed(self, event: events.Opened) -> None:
        again, self.opened = self.opened, True
        self.connected = True
        self.id = event.welcome.web_contents_id
        self._connector.welcomed()
        self._outlet.opened()
        if again:
            took = self.loop.time() - self._lost_at
            logger.info("%s", texts.found(self.address, self.id, took))
            self.dispatcher.told(self._hooks.reconnected)
        else:
            logger.info("connected to main at %s as %d", self.address, self.id)

    def _start_over(self, gap: events.Gap) -> None:
        """Take note that main has lost the session, and a new one takes its place."""
        self.calls.fail(texts.started_over(), forgive=False)
        sent = gap.sent_unconfirmed + self._outlet.start_over()
        self.dispatcher.start_over()
        self.dispatcher.told(self._hooks.of_gap(sent, gap.received_missing))

    def _given_up(self, event: events.GivenUp) -> None:
        self.dispatcher.told(self._hooks.of_dropped(event.channel, event.count))

    def _goodbye_heard(self, event: events.GoodbyeHeard) -> None:
        if not self.opened:
            self._connector.turned_away(event)
            return
        self.parted = True
        self._stop(texts.parted(self.address, event.message))
        self._later(DRAIN_S, self.say_goodbye)

    def _session_ended(self, event: events.Ended) -> None:
        if not self.opened:
            if self.error is None:  # main's doing: there is no Welcome to come
                self._connector.leave_link(texts.ended(self.address, event))
            return
        self.unconfirmed = event.unconfirmed + self._unsent
        if not self._closing:
            sent, missing = self.unconfirmed, event.missing
            self._of_end = self._hooks.of_end(self.address, sent, missing)
        self._stop(texts.ended(self.address, event), event.error)
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
        state, away = self._outlet.state, self._is_away
        begins = state in (State.OPENING, State.OPEN, State.DETACHED)
        if not begins and state is not State.DRAINING:
            return
        self.dispatcher.stop()
        happened = self._outlet.say_goodbye(at_once=away)
        if begins:
            self._closing = True
            self._stop(texts.left(self.address))
        for event in happened:
            self._note(event, heard=False)
        self._outlet.flush()
        if away:
            self.cut()

    @property
    def _is_away(self) -> bool:
        """Main is out of reach for now."""
        return self.opened and not self.connected

    def cut(self) -> None:
        """End the link now, or the search for one."""
        self._connector.leave()

    async def leave(self, flush_s: float, part_s: float, *, at_end: bool) -> None:
        """Wait until main has consumed what was sent, say Goodbye, disconnect.

        Args:
            flush_s: seconds for the first, and for dispatching what main has sent.
            part_s: seconds for the rest; then the link is cut.
            at_end: the loop is about to end: do not wait for the link's end.
        """
        # Who closes does not wait for a main that may not come back. The end of a
        # program is no such wish: what was sent is meant to arrive.
        if (self.opened or self._outlet.has_waiting) and (at_end or not self._is_away):
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

    async def wait_connected(self) -> None:
        """Wait until there is a link, or there will be none."""
        await self._bell.wait_until(lambda: self.connected or self.error is not None)

    async def wait_cut(self) -> None:
        """Wait until the present link is lost."""
        await self._bell.wait_until(lambda: not self.connected)

    async def wait_over(self) -> None:
        """Wait until there is no link, and there will be none."""
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
