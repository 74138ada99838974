"""Bare gRPC: a client that blocks."""

from __future__ import annotations

import queue
import sys
from functools import partial
from typing import Any

import grpc

from tests.bench.measuring import one_by_one_blocking
from tests.bench.obeying import obey_blocking
from tests.bench.payloads import PING_FRAME
from tests.bench.peers.raw_grpc.names import STREAM, UNARY


def main(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        # Bytes pass through; gRPC's types do not know.
        unary: Any = channel.unary_unary(UNARY)
        stream: Any = channel.stream_stream(STREAM)
        frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        replies = stream(iter(frames.get, None))

        def ping() -> None:
            frames.put(PING_FRAME)
            next(replies)

        obey_blocking(
            {
                "stream_ping": partial(one_by_one_blocking, ping),
                "unary_ping": partial(one_by_one_blocking, partial(unary, PING_FRAME)),
            }
        )
        frames.put(None)  # else gRPC's thread waits for ever


if __name__ == "__main__":
    main(*sys.argv[1:])
