"""Bare gRPC: a client on asyncio."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter
from typing import Any

import uvloop
from google.protobuf.wrappers_pb2 import BytesValue
from grpc import aio

from tests.bench.descriptors import allow_many
from tests.bench.measuring import at_most, one_by_one
from tests.bench.obeying import obey
from tests.bench.payloads import TEXT_FRAME, megabytes
from tests.bench.peers.raw_grpc.names import (
    ANY_SIZE,
    MESSAGE,
    OWN_CONNECTION,
    SETTLE,
    STREAM,
)
from tests.bench.results import Samples, Span


async def main(address: str) -> None:
    async with (
        AsyncExitStack() as others,
        aio.insecure_channel(address, options=ANY_SIZE) as channel,
    ):
        stream: Any = channel.stream_stream(STREAM)()  # bytes pass through
        await obey(
            {
                "ping": partial(one_by_one, partial(ping, stream)),
                "echo": partial(echo, stream),
                "mib": partial(messages, channel, megabytes(1)),
                "mib_10": partial(messages, channel, megabytes(10)),
                "mib_64": partial(messages, channel, megabytes(64)),
                "crowd": partial(crowd, address, others),
                "settle": partial(settle, channel),
            }
        )


async def ping(stream: Any) -> None:
    await stream.write(TEXT_FRAME)
    await stream.read()


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


async def messages(channel: aio.Channel, value: bytes, count: int) -> Samples:
    """A protobuf message with one field of bytes, there and back."""
    method: Any = channel.unary_unary(
        MESSAGE,
        request_serializer=BytesValue.SerializeToString,
        response_deserializer=BytesValue.FromString,
    )

    async def call() -> bytes:
        answer: bytes = (await method(BytesValue(value=value))).value
        return answer

    return await one_by_one(call, count)


async def crowd(address: str, others: AsyncExitStack, count: int) -> None:
    """Open so many streams, each on a connection of its own."""

    async def one() -> None:
        channel = aio.insecure_channel(address, options=OWN_CONNECTION)
        await others.enter_async_context(channel)
        stream: Any = channel.stream_stream(STREAM)()
        await ping(stream)
        others.callback(stream.cancel)

    await at_most(20, one, count)


async def settle(channel: aio.Channel, _: int) -> None:
    method: Any = channel.unary_unary(SETTLE)
    await method(b"")


if __name__ == "__main__":
    allow_many()
    uvloop.run(main(*sys.argv[1:]))
