"""Whether a session gets on from one link to the next."""

from __future__ import annotations

from typing import final

from renderer.wire.limits import RESUMES_WITHOUT_PROGRESS


@final
class Progress:
    """Notices a message that kills every link that carries it.

    A link may also be too short-lived for a whole batch. So, when one got nowhere, the
    next begins with a frame of one message, then two, four and so on: the least that it
    can carry is progress, and the message that kills is soon in a frame of its own.
    """

    __slots__ = ("_at", "_batch", "_stuck")

    def __init__(self) -> None:
        self._at = 0  # where the peer's `received` stood at the last resumes …
        self._stuck = 0  # … so many of them in a row, although more was written
        self._batch = 0  # messages in the next frame; 0: as many as there are

    def resumed(self, received: int, *, undelivered: bool) -> bool:
        """Take note of a resume; return False if it is one too many.

        Args:
            received: the number of the last message that the peer has.
            undelivered: more than that was written on a link that was confirmed.
        """
        if received != self._at:
            self._at, self._stuck = received, 0
        elif undelivered:
            self._stuck += 1
        self._batch = 1 if self._stuck else 0
        return self._stuck < RESUMES_WITHOUT_PROGRESS

    def batch(self, max_messages: int) -> int:
        """Return how many messages the next frame may have, of those it could have."""
        allowed = self._batch
        if not allowed:
            return max_messages
        self._batch = 2 * allowed if allowed < max_messages else 0
        return min(allowed, max_messages)


__all__ = ("Progress",)
