"""What main must not leave behind, also when it ends without stopping.

That is the case when the program ends while main serves, or when main is told twice.
Nothing helps a process that is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import Final

Removal = Callable[[], object]

_removals: Final[set[Removal]] = set()


def note(removal: Removal) -> None:
    """Note how to remove something; it is called at the end, from any thread."""
    _removals.add(removal)


def forget(removal: Removal) -> None:
    """Forget what is gone."""
    _removals.discard(removal)


def remove_all() -> None:
    """Remove what is left, from wherever this is called."""
    for removal in tuple(_removals):
        # One that may not be touched (a child with another user's rights) spares none.
        with contextlib.suppress(OSError):
            removal()


atexit.register(remove_all)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_removals.clear)  # it is the parent's


__all__ = ("forget", "note", "remove_all")
