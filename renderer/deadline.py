"""A caller's timeout, from the moment it was given."""

from __future__ import annotations

from time import monotonic
from typing import final

from renderer.wire.errors import IpcTimeout, quote
from renderer.wire.seconds import seconds


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


def no_reply(channel: str, deadline: Deadline) -> IpcTimeout:
    """Return the error for a call whose time is over."""
    return IpcTimeout(f"no reply to {quote(channel)}{deadline.within()}")


__all__ = ("Deadline", "no_reply")
