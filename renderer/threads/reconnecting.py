"""From the end of one link to the Welcome on the next, or to the end of patience."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from random import random
from time import monotonic
from typing import Final, final

from renderer import texts
from renderer.hooks import Hook, Hooks, call
from renderer.retry import Backoff, may_help, session_moves
from renderer.threads.clock import Alarm, Clock
from renderer.threads.links import Links
from renderer.threads.outage import Outage
from renderer.wire.errors import IpcError, LocalProtocolError
from renderer.wire.events import Detached
from renderer.wire.session import Session

logger = logging.getLogger("ipc.renderer")

_END_LINK_S: Final = 1.0
"""How long main may take to end a link that it has asked us to leave."""


@final
class Reconnecting:
    """Looks for main again, on the reader's thread, and tells of it.

    Args:
        links: the links.
        session: what they carry; only looked at.
        clock: for what may take too long.
        hooks: whom to tell.
        post: has something run where listeners run.
    """

    def __init__(
        self,
        links: Links,
        session: Session,
        clock: Clock,
        hooks: Hooks,
        post: Callable[[Callable[[], None]], object],
    ) -> None:
        self._links = links
        self._session = session
        self._clock = clock
        self._hooks = hooks
        self._post = post
        # A child's main: nobody else will ever come to that address.
        self._mortal = links.settings.spawned
        self._backoff = Backoff(random)
        self._outage: Outage | None = None
        self._welcomed_at = monotonic()
        self._moves = session_moves(session)  # … by then
        self._attempt: Alarm | None = None  # when the present one has taken too long

    def may_help(self, broken: IpcError | None) -> bool:
        """Tell whether another link may do better after one that ended like this."""
        return may_help(broken, mortal=self._mortal)

    def lost(self, event: Detached, why: IpcError | None, *, heard: bool) -> None:
        """Note that no link carries the session.

        Args:
            event: the session's.
            why: the status that the link ended with, if it had one.
            heard: main has asked for it, and the link need not have ended.
        """
        links = self._links
        if self._outage is None:
            now = monotonic()
            moved = session_moves(self._session) != self._moves
            self._backoff.link_ended(now - self._welcomed_at, moved=moved)
            self._outage = Outage(now, self._backoff)
            links.linked = False
            patience = (self._session.deadline or 0.0) - monotonic()
            logger.warning("%s", texts.lost(links.settings.target, why, patience))
            self._tell(self._hooks.reconnecting)
        self._outage.wanted = event.retry_after
        if event.address:
            links.move(event.address)
        if heard:
            links.link.finish()
            self._clock.call_later(_END_LINK_S, links.link.cut)

    def reach(self, broken: IpcError | None) -> bool:
        """Begin the next link when it is time; return False if there will be none.

        Args:
            broken: why the last one ended.

        Raises:
            ConnectionClosed: it is time to give up, or the program ends.
        """
        outage, until = self._outage, self._session.deadline
        if outage is None or until is None:
            return False  # it is over already
        outage.ended(broken)
        self._settle()
        pause, left = outage.next_pause(), until - monotonic()
        if not self._links.pause(min(pause, left)):
            return False
        if pause >= left:
            seconds = monotonic() - outage.since
            raise texts.gave_up(self._links.settings.target, seconds) from outage.why
        return self._begin(outage, min(outage.next_limit(), left - pause))

    def _begin(self, outage: Outage, seconds: float) -> bool:
        try:
            self._links.again(anew=outage.anew)
        except LocalProtocolError as error:  # it was closed just now
            logger.debug("no further link: %s", error)
            return False
        except RuntimeError as error:
            # The interpreter ends; CPython 3.12.0 to 3.12.2 start no thread any more
            # from when the main one has ended.
            raise texts.cannot_look(self._links.settings.target, error) from error
        self._attempt = self._clock.call_later(seconds, self._links.link.cut)
        return True

    def welcomed(self) -> None:
        """Note that a link carries the session."""
        self._settle()
        self._links.linked = True
        self._welcomed_at = monotonic()
        self._moves = session_moves(self._session)
        outage, self._outage = self._outage, None
        if outage is not None:
            seconds = monotonic() - outage.since
            id = self._session.welcome.web_contents_id
            logger.info("%s", texts.found(self._links.settings.target, id, seconds))
            self._tell(self._hooks.reconnected)

    def _settle(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._clock.cancel(attempt)

    def _tell(self, hooks: Sequence[Hook]) -> None:
        for hook in tuple(hooks):
            self._post(partial(call, hook))


__all__ = ("Reconnecting",)
