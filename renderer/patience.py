"""Waiting for a main process to appear."""

from __future__ import annotations

import logging
import threading
from typing import Final, final

from renderer.carrier import HungUp, LinkBroken
from renderer.deadline import Deadline
from renderer.texts import hung_up, no_main
from renderer.wire.errors import ConnectionClosed, IpcError
from renderer.wire.link import Fate

logger = logging.getLogger("ipc.renderer")

_WARN_AFTER_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5


class Patience:
    """Counts one caller's attempts to reach main.

    Args:
        address: where main should be.
        seconds: how long to try.
    """

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self.deadline = Deadline(seconds)
        """When it ends."""
        self.first_doubt = Deadline(min(_WARN_AFTER_S, seconds))
        """When to call `doubt`."""
        self._pause = _FIRST_PAUSE_S
        self._warned = False
        self._last: IpcError | None = None

    def doubt(self) -> None:
        """Warn, once, that somebody is waiting, if it may take longer."""
        if not self._warned and self._seconds > _WARN_AFTER_S:
            self._warned = True
            logger.warning(
                "no answer from a main process at %s yet; waiting", self._address
            )

    def next_pause(self, error: IpcError | None) -> float:
        """Return for how many seconds to wait before the next attempt.

        Args:
            error: how the last one failed.

        Raises:
            ConnectionClosed: there is no time left.
            IpcError: the last attempt failed in a way that time does not mend.
        """
        self._raise_if_final(error)
        self._last = error or self._last
        left = self.deadline.left or 0.0
        if not left:
            if isinstance(self._last, HungUp):
                raise hung_up(self._address)
            gone = no_main(self._address, self._seconds)
            if self._last is not None:
                gone.add_note(f"the last attempt: {self._last}")
            raise gone
        if not self.first_doubt.left:
            self.doubt()
        pause = min(self._pause, left)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        return pause

    def _raise_if_final(self, error: IpcError | None) -> None:
        if isinstance(error, LinkBroken):
            if error.fate is Fate.GIVE_UP:
                text = f"cannot connect to {self._address}: {error}"
                raise ConnectionClosed(text, "not-sent")
        elif error is not None:
            raise error


@final
class ThreadPatience(Patience):
    """The same for a thread, which waits in `pause`.

    Args:
        address: where main should be.
        seconds: how long to try.
        closed: set when nobody wants the connection any more.
    """

    def __init__(self, address: str, seconds: float, closed: threading.Event) -> None:
        super().__init__(address, seconds)
        self._closed = closed

    def pause(self, error: IpcError | None) -> None:
        """Wait before the next attempt.

        Args:
            error: how the last one failed.

        Raises:
            ConnectionClosed: there is no time left, or `closed` is set.
            IpcError: the last attempt failed in a way that time does not mend.
        """
        if self._closed.wait(self.next_pause(error)):
            raise closed_early()


def closed_early() -> ConnectionClosed:
    """Return the error for a connection that nobody wants any more."""
    return ConnectionClosed("closed before there was a connection", "not-sent")


__all__ = ("Patience", "ThreadPatience", "closed_early")
