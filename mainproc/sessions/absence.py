"""The time for which main keeps a renderer that has no link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import final

from mainproc.home import Home
from mainproc.web_contents import WebContents


@final
class Absence:
    """Waits for a renderer to come back, and tells when it goes and when it comes.

    Args:
        home: main's loop.
        contents: the renderer.
        on_over: called when it has not come back in time.
    """

    def __init__(
        self, home: Home, contents: WebContents, on_over: Callable[[], object]
    ) -> None:
        self._home = home
        self._contents = contents
        self._on_over = on_over
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    def begin(self) -> None:
        """Tell that its link is gone."""
        observers = self._contents.observers
        text = "%s lost its connection; it is kept for a while"
        observers.log(logging.INFO, text, self._contents)
        self._since = self._home.loop.time()
        observers.tell(lambda o: o.disconnected(self._contents))
        # Soon, and not inside of what the application is doing right now.
        self._home.later(self._contents.happened, "disconnected")

    def limit(self, until: float | None) -> None:
        """Wait for it until then, by the loop's time; None: it cannot come back."""
        self.forget()
        if until is not None:
            self._timer = self._home.loop.call_at(until, self._on_over)

    def end(self) -> None:
        """Tell that it is back."""
        self.forget()
        observers = self._contents.observers
        observers.log(logging.INFO, "%s is back", self._contents)
        away = self._home.loop.time() - self._since
        observers.tell(lambda o: o.resumed(self._contents, away))
        self._home.later(self._contents.happened, "resumed")

    def forget(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


__all__ = ("Absence",)
