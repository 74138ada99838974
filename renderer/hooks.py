"""What a program wants to be told of its connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from renderer import texts

logger = logging.getLogger("ipc.renderer")

Hook = Callable[[], object]
GapHook = Callable[[int, int | None], object]
DroppedHook = Callable[[str, int], object]


@dataclass(slots=True)
class Hooks:
    """The functions to call, each list in the order of registration."""

    disconnect: list[Hook] = field(default_factory=list[Hook])
    """A connection that was open has ended for good."""
    reconnecting: list[Hook] = field(default_factory=list[Hook])
    """Its link is gone, and the way to main is being looked for."""
    reconnected: list[Hook] = field(default_factory=list[Hook])
    """There is a link again."""
    gap: list[GapHook] = field(default_factory=list[GapHook])
    """Messages may be lost: (sent and unconfirmed, missing or None)."""
    dropped: list[DroppedHook] = field(default_factory=list[DroppedHook])
    """Main gave up events for this renderer: (channel, how many)."""

    def of_gap(self, sent: int, missing: int | None) -> list[Hook]:
        """Return what to call for a gap; if nobody wants to be told, log it."""
        if not self.gap:
            logger.warning("%s", texts.gap(sent, missing))
        return [partial(fn, sent, missing) for fn in self.gap]

    def of_end(self, address: str, sent: int, missing: int | None) -> list[Hook]:
        """Return what to call, before `disconnect`, for a session that has ended.

        What never came is logged here; what is unconfirmed, with the end itself.
        """
        if missing:
            logger.warning("%s", texts.missing(address, missing))
        may_be_lost = sent or missing is None or missing
        return [partial(fn, sent, missing) for fn in self.gap] if may_be_lost else []

    def of_dropped(self, channel: str, count: int) -> list[Hook]:
        """Return what to call for events given up; if nobody wants that, log it."""
        if not self.dropped:
            logger.warning("%s", texts.given_up(channel, count))
        return [partial(fn, channel, count) for fn in self.dropped]


def call(hook: Hook) -> None:
    """Call a hook; what it returns is nothing to anybody."""
    hook()


__all__ = ("DroppedHook", "GapHook", "Hook", "Hooks", "call")
