"""Bare gRPC: a client on asyncio."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from time import perf_counter
from typing import Any

import uvloop
from grpc import aio

from tests.bench.measuring import one_by_one
from tests.bench.obeying import obey
from tests.bench.payloads import TEXT_FRAME
from tests.bench.peers.raw_grpc.names import STREAM
from tests.bench.results import Span


async def main(address: str) -> None:
    async with aio.insecure_channel(address) as channel:
        stream: Any = channel.stream_stream(STREAM)()  # bytes pass through

        async def ping() -> None:
            await stream.write(TEXT_FRAME)
            await stream.read()

        await obey(
            {
                "ping": partial(one_by_one, ping),
                "echo": partial(echo, stream),
            }
        )


async def echo(stream: Any, count: int) -> Span:
    """One message a write, written as fast as gRPC takes them."""

    async def write() -> None:
        for _ in range(count):
            await stream.write(TEXT_FRAME)

    start = perf_counter()
    writing = asyncio.create_task(write())
    for _ in range(count):
        await stream.read()
    end = perf_counter()
    await writing
    return Span(count, start, end)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
