"""The beginning and the end of a renderer, told to all who want to know."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import final

from mainproc.application import app
from mainproc.home import Home
from mainproc.web_contents import WebContents
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.events import Ended
from renderer.wire.reasons import NO_PROGRESS, OVERLOADED

logger = logging.getLogger("ipc.main")


@final
class Lifecycle:
    """Tells the log, observers, the application, and the renderer's own listeners.

    All on main's loop.

    Args:
        contents: the renderer.
        home: main's loop.
    """

    def __init__(self, contents: WebContents, home: Home) -> None:
        self._contents = contents
        self._observers = contents.observers
        self._home = home

    def connected(self) -> None:
        """Tell that it is there."""
        self._observers.log(logging.INFO, "%s connected", self._contents)
        self._observers.tell(lambda o: o.connected(self._contents))
        app.web_contents_created(self._contents)

    def broke(self, error: Exception) -> None:
        """Tell that it has broken the contract."""
        text = "%s broke the protocol: %s"
        if isinstance(error, RemoteProtocolError):
            self._observers.log(logging.WARNING, text, self._contents, error)
            self._observers.refused(self._contents, error)
        else:
            logger.warning(text, self._contents, error)

    def ended(self, end: Ended) -> None:
        """Tell how its session has ended."""
        contents, missing = self._contents, end.missing
        if end.error is not None:
            self.broke(end.error)
        if end.unconfirmed:
            text = "%s is gone; %d messages to it are unconfirmed"
            self._observers.log(logging.INFO, text, contents, end.unconfirmed)
        if end.reason in (NO_PROGRESS, OVERLOADED):
            logger.warning("gave %s up: %s", contents, end.message)
        why = f": {end.message}" if end.message else ""
        self._observers.log(logging.INFO, "%s disconnected%s", contents, why)
        if end.unconfirmed or missing is None or missing:
            self._observers.tell(lambda o: o.gap(contents, end.unconfirmed, missing))

    def destroyed(self, reason: Callable[[], str]) -> None:
        """Tell that it is gone for good, and why that is then.

        Soon, and not inside of what the application is doing right now.
        """
        self._home.later(self._tell_destroyed, reason)

    def _tell_destroyed(self, reason: Callable[[], str]) -> None:
        why = reason()
        self._observers.tell(lambda o: o.destroyed(self._contents, why))
        self._contents.destroyed(why)
        app.web_contents_destroyed(self._contents)


__all__ = ("Lifecycle",)
