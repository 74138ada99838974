"""A renderer on threads whose main, in memory, is away for a while."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from renderer.carrier import LinkBroken
from renderer.settings import ThreadSettings
from renderer.wire.link import Fate
from tests.support.memory import Heard, MemoryMain, MemoryRenderer
from tests.support.memory_aio import KeepingMain

GONE = "UNAVAILABLE: gone"


def gone(fate: Fate = Fate.RESUME) -> LinkBroken:
    return LinkBroken(GONE, "unknown", fate)


class WatchedRenderer(MemoryRenderer):
    """A renderer that says where it looks for main, and what becomes of its link."""

    def __init__(self, main: MemoryMain, **options: Any) -> None:
        super().__init__(main, **options)
        self.opened: list[ThreadSettings] = []
        """The settings of every way to main."""
        self.ways = Heard()
        """The same, for who waits for them."""
        self.news = Heard()
        """What the hooks were told."""
        self.on_reconnecting(lambda: self.news.put("reconnecting"))
        self.on_reconnected(lambda: self.news.put("reconnected"))
        self.on_disconnect(lambda: self.news.put("disconnected"))

    def _carrier(self, settings: ThreadSettings) -> MemoryMain:
        self.opened.append(settings)
        self.ways.put(settings)
        return super()._carrier(settings)


@contextmanager
def away(main: KeepingMain, ipc: WatchedRenderer) -> Generator[None]:
    """Cut the link; main is not to be found while the block runs."""
    main.absent = gone()
    main.drop(gone())
    assert ipc.news.next() == "reconnecting"
    yield
    main.absent = None
    main.deaf = False
