"""The time between two links of a session: when to try again, and how."""

from __future__ import annotations

from typing import final

from renderer.carrier import LinkBroken
from renderer.retry import Backoff, attempts
from renderer.wire.errors import IpcError
from renderer.wire.link import Fate


@final
class Outage:
    """One of them, from the end of a link to the next Welcome.

    Args:
        since: when it began, on the monotonic clock.
        backoff: the session's.
    """

    def __init__(self, since: float, backoff: Backoff) -> None:
        self.since = since
        """When it began."""
        self.anew = False
        """Main has not got the session any more."""
        self.why: IpcError | None = None
        """How the last link ended; None: without a status."""
        self.wanted = 0.0
        """Seconds that main wants to be left alone before the next attempt."""
        self._backoff = backoff
        self._limits = attempts()

    def ended(self, why: IpcError | None) -> None:
        """Note how a link has ended."""
        self.why = why or self.why
        if isinstance(why, LinkBroken) and why.fate is Fate.NEW_SESSION:
            self.anew = True

    def next_pause(self) -> float:
        """Return the seconds to wait before the next attempt."""
        wanted, self.wanted = self.wanted, 0.0
        return wanted or self._backoff.next_pause()

    def next_limit(self) -> float:
        """Return the seconds that main has to welcome the next link."""
        return next(self._limits)


__all__ = ("Outage",)
