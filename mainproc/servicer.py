"""The service: gRPC's calls on one side, sessions on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
from grpc import aio

from mainproc.sessions import Sessions
from renderer.wire.errors import ConnectionClosed, IpcError

SERVICE: Final = "electron_ipc.v1.IpcService"
_SYNC_TIMEOUT: Final = 30.0

_Context = aio.ServicerContext[bytes, bytes]

_aio: Any = aio  # its stubs leave `EOF` out
_EOF: Final = _aio.EOF

# What grpc.aio raises from reading and writing when a call is over.
_OVER: Final = (
    grpc.RpcError,
    aio.UsageError,
    aio.InternalError,
    asyncio.InvalidStateError,
)


class ServerLink:
    """A `Stream` call as a link."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        """Return the next frame, or None when the renderer sends no more."""
        try:
            frame: Any = await self._context.read()
        except _OVER:
            return None
        return None if frame is _EOF else frame

    async def write(self, frame: bytes) -> None:
        """Write a frame.

        Raises:
            ConnectionClosed: the call is over.
        """
        try:
            await self._context.write(frame)
        except _OVER as error:
            raise ConnectionClosed(str(error), "unknown") from None


class Servicer:
    """Serves both methods of `IpcService`.

    Args:
        sessions: the renderers.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server needs to serve this. Frames stay bytes."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Stream": grpc.stream_stream_rpc_method_handler(self.stream),
                "SendSync": grpc.unary_unary_rpc_method_handler(self.send_sync),
            },
        )

    async def stream(self, _: AsyncIterator[bytes], context: _Context) -> None:
        """Serve a renderer until it leaves."""
        await self._sessions.serve(ServerLink(context), context.peer())

    async def send_sync(self, data: bytes, context: _Context) -> bytes:
        """Dispatch a sync message that comes outside a stream."""
        try:
            return await self._sessions.send_sync(data, _time_left(context))
        except IpcError as error:
            status = getattr(grpc.StatusCode, error.status)
            return await context.abort(status, error.message)


def _time_left(context: _Context) -> float:
    remaining: Any = context.time_remaining()  # None without deadline
    return _SYNC_TIMEOUT if remaining is None else remaining
