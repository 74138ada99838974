"""The way to main: looked for until there is one, and again after every cut."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final, Protocol, final

from renderer import texts
from renderer.aio.outlet import AioOutlet
from renderer.aio.tasks import Bell
from renderer.carrier import AioCarrier, AioLink, LinkBroken
from renderer.patience import Patience, closed_early
from renderer.retry import Backoff, may_help, session_moves
from renderer.settings import Settings
from renderer.wire.errors import ConnectionClosed, IpcError
from renderer.wire.events import GoodbyeHeard, SessionEvent
from renderer.wire.link import Fate
from renderer.wire.session import Session
from renderer.wire.state import State

logger = logging.getLogger("ipc.renderer")

_LONGEST_ATTEMPT_S: Final = 10.0
_SHORTEST_ATTEMPT_S: Final = 1.0
_END_LINK_S: Final = 1.0
"""How long main may take to end a link that it has asked us to leave."""


class Shell(Protocol):
    """Whose session it is."""

    def deliver(self, frame: bytes) -> None:
        """Take a frame."""
        ...

    def link_ended(self, happened: list[SessionEvent], broken: IpcError | None) -> None:
        """Take note of what the end of a link has led to, and why it came."""
        ...

    def give_up(self, error: ConnectionClosed, cause: IpcError | None) -> None:
        """End the session: nothing leads back to it."""
        ...


@final
class AioConnector:
    """Carries one session over links, one after the other. All on one loop.

    Args:
        shell: whose session it is.
        outlet: writes its frames.
        bell: rung when there is nothing to look for any more.
        settings: of the renderer.
        carrier: opens the way to the main that settings name, once for each attempt.
    """

    def __init__(
        self,
        shell: Shell,
        outlet: AioOutlet,
        bell: Bell,
        settings: Settings,
        carrier: Callable[[Settings], AioCarrier],
    ) -> None:
        self._refused: IpcError | None = None  # why main did not say welcome
        self._shell = shell
        self._outlet = outlet
        self._bell = bell
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        # A child's main: nobody else will ever come to that address.
        self._mortal = settings.spawned
        self._carrier = carrier
        self._leaving = False  # nobody wants the connection any more
        self._link: AioLink | None = None
        self._welcomed = False  # on the present link
        self._timers: list[asyncio.TimerHandle] = []  # of the search
        self._limit: asyncio.TimerHandle | None = None  # of the present link
        self._retry_after = 0.0  # main has asked to wait so long
        self._backoff = Backoff(random.random)
        self._welcomed_at = 0.0
        self._moves = 0, 0  # by then

    @property
    def address(self) -> str:
        """Where main is, or is looked for."""
        return self._settings.target

    async def run(self) -> None:
        """Look for main, and carry the session until it is over.

        Raises:
            IpcError: there is no main, or it does not want us.
        """
        try:
            broken = await self._find()
            while not self._is_over:
                broken = await self._find_again(broken)
            if self._outlet.state is State.DETACHED:  # and we leave
                self._shell.give_up(texts.left(self.address), None)
        finally:
            self._forget_timers()

    def leave(self) -> None:
        """Cut the link, or end the search for one."""
        self._leaving = True
        self._cut()
        self._bell.ring()

    # ---- what main says --------------------------------------------------------------

    def welcomed(self) -> None:
        """Take note that the link is good: it may last."""
        self._welcomed = True
        session = self._outlet.session
        if session is not None:
            self._welcomed_at = self._loop.time()
            self._moves = session_moves(session)
        self._forget_timers()
        self._set_limit(None)

    def turned_away(self, event: GoodbyeHeard) -> None:
        """Answer a Goodbye that came instead of a Welcome."""
        spawned = self._settings.spawned
        self._outlet.say_goodbye(at_once=False)
        self.leave_link(texts.turned_away(event, spawned=spawned))

    def leave_link(self, why: IpcError) -> None:
        """End a link that will bring no Welcome.

        Args:
            why: what main said instead.
        """
        self._refused = why
        self._end_link()

    def sent_away(self, retry_after: float, address: str) -> None:
        """Leave the link as main has asked, to come back.

        Args:
            retry_after: after so many seconds.
            address: to this address; empty for the same.
        """
        self._retry_after = retry_after
        if address and address != self.address:
            self._move(address)
        self._end_link()

    def _end_link(self) -> None:
        self._outlet.finish()
        self._set_limit(_END_LINK_S)

    def _move(self, address: str) -> None:
        # The token of whoever has spawned this program is not shown at an address that
        # was not given with it: see `Settings.bearer`.
        moved = self._settings.changed(address, {})
        try:
            moved.grpc_target()
        except ConnectionClosed as error:
            logger.warning("main names another address, but %s", error)
        else:
            self._settings = moved

    # ---- the first link --------------------------------------------------------------

    async def _find(self) -> IpcError | None:
        """Look for main until a link has brought its Welcome; return how that ended."""
        if self._leaving:  # before it has begun
            raise closed_early()
        # The first may have to load grpc, which is not main's fault.
        carrier = self._carrier(self._settings)
        patience = Patience(self.address, self._settings.connect_timeout)
        self._later(patience.first_doubt.left or 0.0, patience.doubt)
        while True:
            self._refused = None
            self._set_limit(patience.deadline.left)
            broken = await self._carry(carrier, self._settings.session())
            if self._welcomed:
                return broken
            in_time = bool(patience.deadline.left)
            pause = patience.next_pause(self._why_not(broken, in_time=in_time))
            if await self._bell.wait_until(lambda: self._leaving, pause):
                raise closed_early()
            carrier = self._carrier(self._settings)

    def _why_not(self, broken: IpcError | None, *, in_time: bool) -> IpcError | None:
        # A link that we have cut ourselves, because time is over, tells nothing.
        if self._refused is None and (broken is not None or in_time):
            text = "the link ended before main said welcome"
            self._refused = broken or LinkBroken(text, "not-sent", Fate.RESUME)
        return self._refused

    # ---- those after it --------------------------------------------------------------

    async def _find_again(self, broken: IpcError | None) -> IpcError | None:
        """Look for main until a link has brought its Welcome; return how that ended.

        Args:
            broken: how the link before ended.
        """
        session, lost = self._outlet.session, self._loop.time()
        assert session is not None
        until = session.deadline or lost
        moved = session_moves(session) != self._moves
        self._backoff.link_ended(lost - self._welcomed_at, moved=moved)
        cause, anew = broken, False
        while True:
            if not may_help(broken, mortal=self._mortal):
                self._shell.give_up(texts.broke(self.address, broken), broken)
                return broken
            anew |= isinstance(broken, LinkBroken) and broken.fate is Fate.NEW_SESSION
            cause = broken or cause
            await self._pause(until)
            now = self._loop.time()
            if now >= until:
                self._shell.give_up(texts.gave_up(self.address, now - lost), cause)
            if self._is_over:
                return broken
            self._set_limit(min(self._longest_attempt, until - now))
            carrier = self._carrier(self._settings)
            broken = await self._carry(carrier, session, anew=anew)
            if self._welcomed or self._is_over:
                return broken

    @property
    def _is_over(self) -> bool:
        return self._leaving or self._outlet.state is not State.DETACHED

    @property
    def _longest_attempt(self) -> float:
        limit = max(self._settings.connect_timeout, _SHORTEST_ATTEMPT_S)
        return min(limit, _LONGEST_ATTEMPT_S)

    async def _pause(self, until: float) -> None:
        pause, self._retry_after = self._retry_after, 0.0
        pause = pause or self._backoff.next_pause()
        left = max(0.0, until - self._loop.time())
        await self._bell.wait_until(lambda: self._is_over, min(pause, left))

    # ---- one link --------------------------------------------------------------------

    async def _carry(
        self, carrier: AioCarrier, session: Session, *, anew: bool = False
    ) -> IpcError | None:
        """Carry a session over a link, to the end of that; return why it came."""
        broken: IpcError | None = None
        happened: list[SessionEvent] = []
        self._welcomed = False
        try:
            self._link = link = carrier.open()
            self._outlet.attach(session, link, anew=anew)
            try:
                broken = await self._read(link)
            finally:
                self._link = None
                self._set_limit(None)
                happened = await self._outlet.detach()
        finally:
            await carrier.close()
        self._shell.link_ended(happened, broken)
        return broken

    async def _read(self, link: AioLink) -> IpcError | None:
        """Take frames to the end of the link; return why that came."""
        deliver = self._shell.deliver
        try:
            while (frame := await link.read()) is not None:
                deliver(frame)
        except IpcError as error:
            return error.with_traceback(None)  # or who keeps it keeps all of this
        return None

    def _cut(self) -> None:
        if self._link is not None:
            self._link.cut()

    def _set_limit(self, seconds: float | None) -> None:
        """Cut the present link, or the one to come, after a while."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if seconds is not None:
            self._limit = self._loop.call_later(seconds, self._cut)

    def _later(self, seconds: float, job: Callable[[], object]) -> None:
        self._timers.append(self._loop.call_later(seconds, job))

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


__all__ = ("AioConnector",)
