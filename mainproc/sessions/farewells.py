"""The last word to renderers that come back to a session that main has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mainproc.home import Home

if TYPE_CHECKING:
    from mainproc.sessions.connection import Connection

_MOST: Final = 10_000


@final
class Farewells:
    """Remembers Goodbyes that may not have arrived, for as long as somebody may ask.

    A renderer whose link is cut while main says Goodbye comes back with its token. A
    new session in place of that Goodbye would bring back whom main has sent away.

    Args:
        home: main's loop.
        seconds: for how long.
    """

    def __init__(self, home: Home, seconds: float) -> None:
        self._clock = home.loop.time
        self._seconds = seconds
        # By token, the oldest first: (until when, identity, the frame).
        self._said: dict[bytes, tuple[float, object, bytes]] = {}

    def note(self, connection: Connection, frame: bytes) -> None:
        """Remember the Goodbye of a session that its renderer could resume."""
        now = self._clock()
        self._forget_before(now)
        until = now + self._seconds
        self._said[connection.token] = until, connection.contents.identity, frame

    def get(self, token: bytes, identity: object) -> bytes | None:
        """Return the Goodbye that ended the session with this token, if main said it.

        Args:
            token: what a Hello brings.
            identity: who says it.
        """
        said = self._said.get(token)
        if said is None or said[0] < self._clock() or said[1] != identity:
            return None
        return said[2]

    def _forget_before(self, now: float) -> None:
        while self._said:
            oldest = next(iter(self._said))
            if self._said[oldest][0] >= now and len(self._said) < _MOST:
                return
            del self._said[oldest]


__all__ = ("Farewells",)
