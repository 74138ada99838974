"""What a program wants to be told of its connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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
    """A session could not be resumed: (sent and unconfirmed, missing or None)."""
    dropped: list[DroppedHook] = field(default_factory=list[DroppedHook])
    """Main gave up events for this renderer: (channel, how many)."""


def call(hook: Hook) -> None:
    """Call a hook; what it returns is nothing to anybody."""
    hook()


__all__ = ("DroppedHook", "GapHook", "Hook", "Hooks", "call")
