"""What bounds the containers of a message: how deep they are, and how many."""

from __future__ import annotations

from renderer.wire.limits import MAX_CONTAINERS, MAX_DEPTH
from renderer.wire.paths import Refusal


class Bounds:
    """Counts the containers of one message as they are read or written."""

    left = MAX_CONTAINERS
    """So many more there may be."""

    def enter(self, level: int) -> None:
        """Note that there is one more, at this level.

        Raises:
            Refusal: it is too deep, or one too many.
        """
        if level > MAX_DEPTH:
            raise too_deep()
        self.left -= 1
        if self.left < 0:
            raise too_many()


def too_deep() -> Refusal:
    """Return the refusal of a container below too many others."""
    return Refusal(f"deeper than {MAX_DEPTH} levels")


def too_many() -> Refusal:
    """Return the refusal of a container behind too many others."""
    return Refusal(f"more than {MAX_CONTAINERS:,} containers in one message")


__all__ = ("Bounds", "too_deep", "too_many")
