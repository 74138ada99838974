"""What carries frames: a gRPC stream, a WebSocket, a pair of queues in memory.

A link knows nothing of channels and sessions. It moves frames in order, tells when
it ended, and how: ending quietly and raising are both a cut, unless the session
heard a Goodbye before. The two protocols below say the same for the two ways of
waiting.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol


class Fate(enum.Enum):
    """What may follow the end of a link (PROTOCOL.md, "How a link ended")."""

    RESUME = "resume"
    """A cut: come back with the token, or begin anew without one."""
    NEW_SESSION = "new session"
    """Main does not have the session any more."""
    GIVE_UP = "give up"
    """Coming back would end the same way."""


class BlockingLink(Protocol):
    """A link for threads. One thread carries; any thread may wake, finish or cut."""

    def carry(self, deliver: Callable[[bytes], object]) -> None:
        """Give each frame to `deliver` until the link ends.

        Args:
            deliver: takes a frame. Called on this thread or, where that is one switch
                of threads less, on one of the transport's; but in order, one call at a
                time, and not after this has returned. It does not wait.

        Raises:
            IpcError: the link ended for a reason that is worth telling.
        """
        ...

    def wake(self) -> None:
        """Ask the source of frames again: it may have something to write."""
        ...

    def finish(self) -> None:
        """Write what the source still has, then end this direction."""
        ...

    def cut(self) -> None:
        """End both directions now; the reading thread comes to its end."""
        ...


class AsyncLink(Protocol):
    """A link for an event loop. One task reads, one at a time writes."""

    async def read(self) -> bytes | None:
        """Return the next frame, or None when no more will come.

        Others on the loop have a turn before it returns, also if a frame is at hand:
        who floods main with frames would keep the loop otherwise. Cancelling it may
        lose a frame or break the link: do not.
        """
        ...

    async def write(self, frame: bytes) -> None:
        """Write a frame; return when the transport has taken it.

        Raises:
            ConnectionClosed: the link is gone.
        """
        ...
