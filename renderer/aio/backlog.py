"""What was accepted and is not on the session yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, final

from renderer.aio.calls import Invocation
from renderer.wire.limits import MIB, Limits
from renderer.wire.parcel import Parcel


class Waiting(NamedTuple):
    """A message, and the call that it is."""

    parcel: Parcel
    sender: Invocation | None


@final
class Backlog:
    """Messages that wait for main's first Welcome, or for room in its window.

    Args:
        limits: how much may wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._counted = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting)

    def __str__(self) -> str:
        return f"{self._counted:,} messages ({self._bytes / MIB:.1f} MiB)"

    @property
    def first(self) -> Waiting:
        """The one whose turn it is."""
        return self._waiting[0]

    @property
    def events(self) -> int:
        """How many are events: nobody else learns of their loss."""
        return sum(w.parcel.counted and w.sender is None for w in self._waiting)

    def admits(self, parcel: Parcel) -> bool:
        """Tell whether another message may wait; one may, however large."""
        if not parcel.counted or not self._waiting:
            return True
        return (
            self._counted < self._limits.window_messages
            and self._bytes + len(parcel.data) <= self._limits.window_bytes
        )

    def add(self, parcel: Parcel, sender: Invocation | None) -> None:
        """Let a message wait behind the others."""
        self._waiting.append(Waiting(parcel, sender))
        self._weigh(parcel, 1)

    def remove(self, waiting: Waiting) -> None:
        """Forget one that waits here."""
        self._waiting.remove(waiting)
        self._weigh(waiting.parcel, -1)

    def clear(self) -> int:
        """Forget all; return how many events and calls that was."""
        count = self._counted
        self._waiting.clear()
        self._counted = self._bytes = 0
        return count

    def _weigh(self, parcel: Parcel, sign: int) -> None:
        if parcel.counted:
            self._counted += sign
            self._bytes += sign * len(parcel.data)


__all__ = ("Backlog", "Waiting")
