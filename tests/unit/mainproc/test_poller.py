"""What of a program's threads is gRPC's, and what is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mainproc import poller


class Poller:
    """Waits on a thread, and holds both ends of a socket, as gRPC's does."""

    __slots__ = ("done", "reads", "writes")

    def __init__(self) -> None:
        self.reads, self.writes = socket.socketpair()
        self.done = threading.Event()

    def wait(self) -> None:
        self.done.wait()


class PollerCompletionQueue(Poller):
    """Bears the name of gRPC's."""

    __slots__ = ()


@contextmanager
def running(waits: Poller) -> Iterator[None]:
    thread = threading.Thread(target=waits.wait)
    thread.start()
    with waits.reads, waits.writes:
        try:
            yield
        finally:
            waits.done.set()
            thread.join()


def test_only_grpcs_own_sockets_are_touched() -> None:
    own, other = PollerCompletionQueue(), Poller()
    with running(own), running(other):
        found = list(poller.sockets())
        assert own.writes in found
        assert other.writes not in found
        poller.set_nonblocking()
        assert not own.writes.getblocking()
        assert other.writes.getblocking()


def test_a_socket_that_is_closed_just_then_is_passed_over() -> None:
    """Another loop's: its last server or channel goes as the first of ours comes."""
    closed, own = PollerCompletionQueue(), PollerCompletionQueue()
    with running(closed), running(own):
        closed.writes.close()
        poller.set_nonblocking()
        assert not closed.reads.getblocking()
        assert not own.writes.getblocking()
