"""Waiting for a peer that is behind with what it is sent, while it catches up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, final

LONGEST: Final = 0.1
"""Seconds without an ack after which dispatch goes on although the peer is behind."""


class Timer(Protocol):
    """What a loop's `call_later` returns."""

    def cancel(self) -> None:
        """Never call it."""
        ...


@final
class Brake:
    """Keeps a dispatcher waiting whose listeners may answer more than the peer takes.

    An ordinary listener that answers each message is so braked instead of failing. A
    peer that does not ack must not stop it for good: it may wait for an answer itself.

    Args:
        call_later: the loop's.
        on_end: called when waiting was in vain; dispatch goes on.
    """

    __slots__ = ("_call_later", "_enough", "_on_end", "_timer")

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Timer],
        on_end: Callable[[], object],
    ) -> None:
        self._call_later = call_later
        self._on_end = on_end
        self._timer: Timer | None = None
        self._enough = False

    def holds(self) -> bool:
        """Tell whether to wait, now that the peer is behind."""
        if self._enough:
            return False
        if self._timer is None:
            self._timer = self._call_later(LONGEST, self._end)
        return True

    def acked(self) -> None:
        """Note that the peer catches up: if it is still behind, wait anew."""
        self._enough = False
        self.release()

    def release(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        self._enough = True
        self._on_end()


__all__ = ("LONGEST", "Brake", "Timer")
