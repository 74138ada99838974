"""Whether a session gets on from one link to the next."""

from __future__ import annotations

from typing import final

from renderer.wire.limits import RESUMES_WITHOUT_PROGRESS


@final
class Progress:
    """Notices a message that kills every link that carries it."""

    __slots__ = ("_at", "_stuck")

    def __init__(self) -> None:
        self._at = 0  # where the peer's `received` stood at the last resumes …
        self._stuck = 0  # … so many of them in a row, although more was written

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
        return self._stuck < RESUMES_WITHOUT_PROGRESS


__all__ = ("Progress",)
