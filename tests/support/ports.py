"""A port for one who comes late."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def reserved() -> Generator[str]:
    """Keep an address that nobody listens on, for whoever is told of it.

    The system gives the port to nobody who asks for any, as it would if it were free.
    """
    with socket.socket() as taken:
        # Who sets the same, as gRPC does, may bind it too: here nobody listens.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        yield "127.0.0.1:{1}".format(*taken.getsockname())
