"""Waiting for a main process to appear."""

from __future__ import annotations

import logging
import threading
from typing import Final, final

from renderer.carrier import LinkBroken
from renderer.deadline import Deadline
from renderer.ipc_renderer import no_main
from renderer.wire.errors import ConnectionClosed, IpcError
from renderer.wire.link import Fate

logger = logging.getLogger("ipc.renderer")

_WARN_AFTER_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5


@final
class Patience:
    """Counts one caller's attempts to reach main.

    Args:
        address: where main should be.
        seconds: how long to try.
        closed: set when nobody wants the connection any more.
    """

    def __init__(self, address: str, seconds: float, closed: threading.Event) -> None:
        self._address = address
        self._seconds = seconds
        self._closed = closed
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

    def pause(self, error: IpcError | None) -> None:
        """Wait before the next attempt.

        Args:
            error: how the last one failed.

        Raises:
            ConnectionClosed: there is no time left, or `closed` is set.
            IpcError: the last attempt failed in a way that time does not mend.
        """
        self._raise_if_final(error)
        self._last = error or self._last
        left = self.deadline.left or 0.0
        if not left:
            gone = no_main(self._address, self._seconds)
            if self._last is not None:
                gone.add_note(f"the last attempt: {self._last}")
            raise gone
        if not self.first_doubt.left:
            self.doubt()
        if self._closed.wait(min(self._pause, left)):
            raise ConnectionClosed("closed before there was a connection", "not-sent")
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)

    def _raise_if_final(self, error: IpcError | None) -> None:
        if isinstance(error, LinkBroken):
            if error.fate is Fate.GIVE_UP:
                text = f"cannot connect to {self._address}: {error}"
                raise ConnectionClosed(text, "not-sent")
        elif error is not None:
            raise error


__all__ = ("Patience",)
