"""A caller's timeout, from the moment it was given."""

from __future__ import annotations

import queue
from time import monotonic
from typing import Final, TypeVar, final

from renderer.wire.errors import IpcTimeout, quote
from renderer.wire.seconds import seconds

T = TypeVar("T")

SLICE_S: Final = 1.0
"""So long at most a thread sleeps at a stretch that Ctrl-C is to reach."""


@final
class Deadline:
    """When somebody stops waiting.

    Args:
        timeout: in so many seconds; None: never.

    Raises:
        ValueError: it is NaN.
    """

    __slots__ = ("at", "timeout")

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout = seconds(timeout)
        """The seconds; None: never."""
        self.at = None if timeout is None else monotonic() + timeout
        """The time of the monotonic clock."""

    @property
    def left(self) -> float | None:
        """The seconds that are left, 0 if it is over; None for ever."""
        return None if self.at is None else max(0.0, self.at - monotonic())

    def within(self) -> str:
        """Return the timeout as the end of a sentence: " within 30 s"."""
        return "" if self.timeout is None else f" within {self.timeout:g} s"


def next_item(items: queue.SimpleQueue[T], deadline: Deadline) -> T:
    """Wait for the next item of a queue, in slices.

    A signal that comes while a thread is about to sleep does not wake it, and Python
    would tell of Ctrl-C only afterwards.

    Raises:
        queue.Empty: there was none until the deadline.
    """
    while True:
        left = deadline.left
        if left is not None and left <= SLICE_S:
            return items.get(timeout=left)
        try:
            return items.get(timeout=SLICE_S)
        except queue.Empty:
            pass


def no_reply(channel: str, deadline: Deadline) -> IpcTimeout:
    """Return the error for a call whose time is over."""
    return IpcTimeout(f"no reply to {quote(channel)}{deadline.within()}")


__all__ = ("SLICE_S", "Deadline", "next_item", "no_reply")
