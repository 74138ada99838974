"""How many messages a second a renderer may have dispatched: a token bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, final

from mainproc.home import Home


@final
class Rate:
    """Allows so many a second, and as many at once after a second of rest.

    It has no clock: `now` is in seconds on any that never goes back.

    Args:
        per_second: how many.
        now: when it begins, with a second's worth.
    """

    __slots__ = ("_at", "_most", "_per_second", "_tokens")

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second: Final = per_second
        self._most: Final = max(1.0, per_second)
        self._tokens = self._most
        self._at = now

    def take(self, now: float) -> float:
        """Take one if there is one.

        Returns:
            0 if there was; otherwise the seconds after which there is.
        """
        since, self._at = now - self._at, now
        tokens = min(self._most, self._tokens + since * self._per_second)
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0.0
        self._tokens = tokens
        return (1.0 - tokens) / self._per_second


@final
class Pace:
    """Holds one renderer's messages up while they come too quickly. On main's loop.

    Args:
        home: main's loop.
        rate: how many may go.
        on_due: called when the next one may go.
        on_hasty: called once, when one is held up for the first time.
    """

    def __init__(
        self,
        home: Home,
        rate: Rate,
        *,
        on_due: Callable[[], object],
        on_hasty: Callable[[], object],
    ) -> None:
        self._loop = home.loop
        self._rate = rate
        self._on_due = on_due
        self._on_hasty: Callable[[], object] | None = on_hasty
        self._timer: asyncio.TimerHandle | None = None

    def holds(self) -> bool:
        """Tell whether the next message must wait; otherwise it counts as gone."""
        if self._timer is not None:
            return True
        left = self._rate.take(self._loop.time())
        if not left:
            return False
        self._timer = self._loop.call_later(left, self._is_due)
        tell, self._on_hasty = self._on_hasty, None
        if tell is not None:
            tell()
        return True

    def stop(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _is_due(self) -> None:
        self._timer = None
        self._on_due()


__all__ = ("Pace", "Rate")
