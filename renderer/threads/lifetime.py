"""What happens to open connections when the program ends.

`atexit` is the right moment: the program's other threads have ended by then, and our
daemon threads still run. (`threading`'s own hooks come before those threads are waited
for; anything later finds the daemon threads frozen.)
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Final

from renderer.texts import how_many

_FLUSH_S: Final = 5.0
_PART_S: Final = 1.0

Leave = Callable[[float, float], int]
"""Flushes, for so many seconds, and parts, for so many; returns what is unconfirmed."""

_lock = threading.RLock()
_leaves: dict[Leave, tuple[str, int]] = {}  # to the address, and whose process it is
_hooked = False


def connected(address: str, leave: Leave) -> None:
    """Note a connection, to be left in good order; it is kept alive until then.

    Args:
        address: where main is, for the message.
        leave: leaves it.
    """
    global _hooked
    with _lock:
        _leaves[leave] = (address, os.getpid())
        if not _hooked:
            # After grpc was imported, so that this runs before hooks of its own.
            atexit.register(leave_all)
            os.register_at_fork(after_in_child=_forget_parents_lock)
            _hooked = True


def _forget_parents_lock() -> None:
    global _lock
    _lock = threading.RLock()  # a thread that was not forked may have held it


def disconnected(leave: Leave) -> None:
    """Forget a connection that is over."""
    with _lock:
        _leaves.pop(leave, None)


def leave_all() -> None:
    """Leave all connections of this process; tell what may not have arrived."""
    with _lock:
        mine = {leave: at for leave, (at, pid) in _leaves.items() if pid == os.getpid()}
    deadline = monotonic() + _FLUSH_S
    for leave, address in mine.items():
        try:
            count = leave(max(0.0, deadline - monotonic()), _PART_S)
        except KeyboardInterrupt:
            return  # who is that impatient does not want to read anything either
        disconnected(leave)
        if count:
            text = f"renderer: main at {address} has not confirmed {how_many(count)}"
            print(text, file=sys.stderr)  # noqa: T201 - the program is at its end


_hushed: BaseException | None = None


@contextmanager
def quiet_interrupts() -> Generator[None]:
    """Let a KeyboardInterrupt out of this block end the program without traceback.

    It stays an ordinary one for whoever catches it.
    """
    global _hushed
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if _hushed is None:
            sys.excepthook = partial(_show_unless_hushed, sys.excepthook)
        _hushed = interrupt
        raise


def _show_unless_hushed(
    show: Callable[..., object],
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
) -> None:
    if error is not _hushed:
        show(kind, error, traceback)


__all__ = ("Leave", "connected", "disconnected", "leave_all", "quiet_interrupts")
