"""gRPC servers on threads: a foreign one, or one whose `Stream` is a test's own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from tests.support.processes import PATIENCE

Stream = Callable[[Iterator[bytes], object], Iterator[bytes]]


@contextmanager
def serving(stream: Stream | None = None) -> Generator[str]:
    """Serve at the yielded address while the block runs.

    Args:
        stream: serves the contract's `Stream`; None: the contract is not known there.
    """
    workers = ThreadPoolExecutor(4)
    # Else it ends a connection that is long without data.
    server = grpc.server(workers, options=[("grpc.http2.max_ping_strikes", 0)])
    if stream is not None:
        handler: Any = grpc.stream_stream_rpc_method_handler(stream)
        service = grpc.method_handlers_generic_handler(
            "electron_ipc.v1.IpcService", {"Stream": handler}
        )
        server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(PATIENCE)
        # gRPC leaves the threads to the garbage collector, whenever that comes.
        workers.shutdown(wait=False)
