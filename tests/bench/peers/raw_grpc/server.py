"""Bare gRPC: a server on asyncio that sends back what it gets.

On uvloop, and with `read` and `write` rather than with generators: both are quicker.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import uvloop
from google.protobuf.wrappers_pb2 import BytesValue
from grpc import aio

from tests.bench.descriptors import allow_many
from tests.bench.obeying import say
from tests.bench.peers.raw_grpc.names import ANY_SIZE, SERVICE

_aio: Any = aio  # its stubs leave `EOF` out
_EOF: Final = _aio.EOF

Context = aio.ServicerContext[bytes, bytes]


async def stream(_: AsyncIterator[bytes], context: Context) -> None:
    frame: Any
    while (frame := await context.read()) is not _EOF:
        await context.write(frame)


async def unary(frame: bytes, _: Context) -> bytes:
    return frame


async def message(request: BytesValue, _: Context) -> BytesValue:
    return BytesValue(value=request.value)


async def settle(frame: bytes, _: Context) -> bytes:
    gc.collect()
    return frame


async def main() -> None:
    server = aio.server(options=ANY_SIZE)
    methods: dict[str, Any] = {
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Message": grpc.unary_unary_rpc_method_handler(
            message,
            request_deserializer=BytesValue.FromString,
            response_serializer=BytesValue.SerializeToString,
        ),
        "Settle": grpc.unary_unary_rpc_method_handler(settle),
    }
    handler = grpc.method_handlers_generic_handler(SERVICE, methods)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    say({"address": f"127.0.0.1:{port}", "pid": os.getpid()})
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    allow_many()
    uvloop.run(main())
