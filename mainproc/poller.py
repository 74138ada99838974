"""The thread by which gRPC wakes the loop, kept from waiting for it."""

from __future__ import annotations

import contextlib
import gc
import inspect
import socket
import threading
from collections.abc import Iterator
from typing import Final

_POLLER: Final = "PollerCompletionQueue"


def set_nonblocking() -> None:
    """Never let gRPC's poller wait for a loop that is busy.

    grpc.aio polls on a thread of its own. For each event that thread puts a byte into a
    socket. The loop takes one byte a turn, but all the events that are there: so one
    that never rests falls behind with the bytes. On Linux the socket is full after some
    hundred, and then the thread waits until most of them are gone: as many turns of the
    loop in which nothing arrives, for nobody.

    A byte that does not fit is not missed. Others are there, and the loop looks for
    events at each of them. So the thread is told to go on without it.

    gRPC has no word for this. Where its poller looks different, it is left alone. There
    is none before the first server or channel of `grpc.aio`, and a new one after the
    last of them is gone.
    """
    for end in sockets():
        with contextlib.suppress(OSError):  # another loop's, which is closed just then
            end.setblocking(False)


def sockets() -> Iterator[socket.socket]:
    """Find both ends of the socket by which a poller wakes its loops."""
    for thread in threading.enumerate():
        runs = vars(thread).get("_target")
        if inspect.ismethod(runs) and type(runs.__self__).__name__ == _POLLER:
            for held in gc.get_referents(runs.__self__):
                if isinstance(held, socket.socket):
                    yield held


__all__ = ("set_nonblocking", "sockets")
