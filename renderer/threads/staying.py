"""The renderers of a program, and whether they keep `python -m renderer` alive."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

from renderer.wire.errors import ConnectionClosed

if TYPE_CHECKING:
    from renderer.threads.renderer import IpcRenderer

_renderers: Final[weakref.WeakSet[IpcRenderer]] = weakref.WeakSet()
"""Those of this program, connected or not."""


def note(renderer: IpcRenderer) -> None:
    """Note that there is one."""
    _renderers.add(renderer)


def wait_for_all() -> None:
    """Wait for every renderer of this program that listens to something.

    Raises:
        ConnectionClosed: there is no main process for one of them, or the connection
            of one of them broke.
    """
    # Private: of no use to programs, which know what they made.
    ends = [r._stay() for r in tuple(_renderers)]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    for error in ends:
        if error is not None:
            raise ConnectionClosed(str(error))


__all__ = ("note", "wait_for_all")
