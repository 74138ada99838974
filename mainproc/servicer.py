"""The service: gRPC's calls on one side, sessions on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final, NoReturn
from urllib.parse import unquote

import grpc
from grpc import aio

from mainproc.security.authenticator import Authenticator, Unauthenticated
from mainproc.security.identity import Credentials, Identity
from mainproc.sessions import Sessions
from mainproc.sessions.invitations import Invitation, Invitations
from mainproc.sessions.unary import SessionGone
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    IpcError,
    IpcTimeout,
    RemoteProtocolError,
)
from renderer.wire.frames import parse_hello
from renderer.wire.limits import Limits
from renderer.wire.link import AsyncLink

SERVICE: Final = "electron_ipc.v1.IpcService"
_SYNC_TIMEOUT: Final = 30.0

_Context = aio.ServicerContext[bytes, bytes]

_aio: Any = aio  # its stubs leave `EOF` out
_EOF: Final = _aio.EOF

# What grpc.aio raises from reading and writing when a call is over.
_OVER: Final = (
    grpc.RpcError,
    aio.UsageError,
    aio.AbortError,  # by us, under a read
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


class _BegunLink:
    """A link whose first frame was read already."""

    def __init__(self, link: AsyncLink, first: bytes) -> None:
        self._link = link
        self._first: bytes | None = first
        self.write = link.write

    async def read(self) -> bytes | None:
        first, self._first = self._first, None
        return await self._link.read() if first is None else first


class Servicer:
    """Serves both methods of `IpcService`.

    Args:
        sessions: the renderers.
        authenticator: decides who may come in.
        invitations: in its place, for those whom main has spawned.
    """

    def __init__(
        self,
        sessions: Sessions,
        authenticator: Authenticator | None = None,
        *,
        invitations: Invitations | None = None,
    ) -> None:
        self._sessions = sessions
        self._authenticator = authenticator or Authenticator()
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
            link: AsyncLink = ServerLink(context)
            invitation = self._invitation(context)
            identity, link = await self._identify(context, link, invitation)
            await self._sessions.serve(
                link, _peer(context), invitation, identity=identity
            )
        except AccessDenied as error:
            await self._refuse(context, error)

    async def send_sync(self, data: bytes, context: _Context) -> bytes:
        """Dispatch a sync message that comes outside a stream."""
        try:
            invitation = self._invitation(context)
            if invitation is None:
                shown = _credentials(context)
                identity = await self._authenticator.identify(shown)
            else:
                identity = invitation.identity
            timeout = _time_left(context)
            return await self._sessions.send_sync(data, timeout, invitation, identity)
        except IpcError as error:
            await self._refuse(context, error)

    def _invitation(self, context: _Context) -> Invitation | None:
        if self._invitations is None:
            return None
        return self._invitations.find(_credentials(context).token or "")

    async def _identify(
        self, context: _Context, link: AsyncLink, invitation: Invitation | None
    ) -> tuple[Identity | None, AsyncLink]:
        """Return who comes there, and the link to serve it by.

        Raises:
            Unauthenticated: it may not come in.
        """
        if invitation is not None:
            return invitation.identity, link
        shown = _credentials(context)
        if shown.authorization is None and self._authenticator.reads_authorization:
            # A renderer that cannot set headers says it in its Hello.
            first = await self._first_frame(link)
            shown = replace(shown, authorization=_authorization(first))
            link = _BegunLink(link, first)
        return await self._authenticator.identify(shown), link

    async def _first_frame(self, link: AsyncLink) -> bytes:
        reading = asyncio.ensure_future(link.read())
        # Cancelling a read breaks the call, so it is left to end with the call.
        await asyncio.wait([reading], timeout=self._sessions.ipc.limits.hello_timeout)
        first = reading.result() if reading.done() else None
        if first is None:
            raise Unauthenticated
        return first

    async def _refuse(self, context: _Context, error: IpcError) -> NoReturn:
        if not isinstance(error, IpcTimeout | ConnectionClosed | SessionGone):
            self._sessions.ipc.observers.refused(None, error, peer=_peer(context))
        await context.abort(getattr(grpc.StatusCode, error.status), error.message)


def _peer(context: _Context) -> str:
    return unquote(context.peer())  # gRPC says "ipv6:%5B::1%5D:40312"


def _credentials(context: _Context) -> Credentials:
    metadata: Any = context.invocation_metadata() or ()
    shown = [str(value) for key, value in metadata if key == "authorization"]
    return Credentials(
        _peer(context),
        # Of two, the one that is looked at must not depend on who looks.
        shown[0] if len(shown) == 1 else ("" if shown else None),
        _certificate(context),
    )


def _certificate(context: _Context) -> tuple[str, ...]:
    names: Any = context.auth_context()
    found = [
        name.decode("utf-8", "backslashreplace")
        for key in ("x509_subject_alternative_name", "x509_common_name")
        for name in names.get(key, ())
    ]
    return tuple(dict.fromkeys(name for name in found if name))


def _authorization(first: bytes) -> str | None:
    try:
        return parse_hello(first).authorization or None
    except RemoteProtocolError:
        return None


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
        # Renderers may ping every second, also with no call open. We do it, too: one
        # that has vanished without a word is noticed within 20 s.
        ("grpc.http2.min_ping_interval_without_data_ms", 900),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # gRPC's own pings, which measure the bandwidth, stand in for ours.
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]
