"""The service: gRPC's calls on one side, sessions on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, NoReturn

import grpc
from grpc import aio

from mainproc.children.invitations import Invitation, Invitations
from mainproc.sessions import Sessions
from renderer.wire.errors import AccessDenied, ConnectionClosed, IpcError
from renderer.wire.limits import Limits

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
        invitations: who may come in; None: everybody.
    """

    def __init__(
        self, sessions: Sessions, invitations: Invitations | None = None
    ) -> None:
        self._sessions = sessions
        self._invitations = invitations

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
        try:
            invitation = self._invitation(context)
            link = ServerLink(context)
            await self._sessions.serve(link, context.peer(), invitation)
        except AccessDenied as error:
            await _abort(context, error)

    async def send_sync(self, data: bytes, context: _Context) -> bytes:
        """Dispatch a sync message that comes outside a stream."""
        try:
            invitation = self._invitation(context)
            timeout = _time_left(context)
            return await self._sessions.send_sync(data, timeout, invitation)
        except IpcError as error:
            await _abort(context, error)

    def _invitation(self, context: _Context) -> Invitation | None:
        if self._invitations is None:
            return None
        return self._invitations.find(_bearer_token(context))


async def _abort(context: _Context, error: IpcError) -> NoReturn:
    await context.abort(getattr(grpc.StatusCode, error.status), error.message)


def _bearer_token(context: _Context) -> str:
    metadata: Any = context.invocation_metadata() or ()
    for key, value in metadata:
        if key == "authorization":
            scheme, _, token = str(value).partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


def _time_left(context: _Context) -> float:
    remaining: Any = context.time_remaining()  # None without deadline
    return _SYNC_TIMEOUT if remaining is None else remaining


def server_options(limits: Limits) -> list[tuple[str, Any]]:
    """Return how gRPC's server is to carry the service."""
    return [
        # Otherwise a second main would silently share the port.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.max_frame_bytes),
        ("grpc.max_send_message_length", -1),
        # Renderers may ping every 10 s, also with no call open; we do it, too.
        ("grpc.http2.min_ping_interval_without_data_ms", 9_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]
