"""Main's event loop, as seen from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, final


@final
class Home:
    """The loop on which everything of main happens, and the thread that runs it.

    Made on that thread, while the loop runs.
    """

    __slots__ = ("_thread", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def is_here(self) -> bool:
        """Tell whether this is the loop's thread."""
        return threading.get_ident() == self._thread

    def call(self, fn: Callable[..., object], *args: Any) -> None:
        """Call a function on the loop: now if this is its thread, soon otherwise."""
        if self.is_here():
            fn(*args)
        else:
            self.later(fn, *args)

    def later(self, fn: Callable[..., object], *args: Any) -> None:
        """Call a function on the loop soon, from wherever this is called.

        That may be a finalizer: the garbage collector runs them at any point, also
        where this thread holds a lock, so they may do nothing but this. Nothing happens
        when the loop is closed: whatever it was for is over, too.
        """
        try:
            self.loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
