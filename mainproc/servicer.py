"""The service: gRPC's calls on one side, connections on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import grpc
from grpc import aio

from mainproc.calls import unary_call
from mainproc.connection import Connection
from mainproc.home import Home
from mainproc.ipc_main import IpcMain
from mainproc.web_contents import WebContents
from mainproc.work import Work
from renderer.wire import messages, reasons
from renderer.wire.errors import (
    ConnectionClosed,
    DataCloneError,
    RemoteProtocolError,
)
from renderer.wire.frames import parse_hello, refusal
from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

SERVICE: Final = "electron_ipc.v1.IpcService"
_SYNC_TIMEOUT: Final = 30.0
_LONGEST_WAIT_FOR_AFTER: Final = 30.0

_Context = aio.ServicerContext[bytes, bytes]


class ServerLink:
    """A `Stream` call as a link."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        """Return the next frame, or None when the renderer sends no more."""
        frame: Any = await self._context.read()
        return None if frame is aio.EOF else frame

    async def write(self, frame: bytes) -> None:
        """Write a frame.

        Raises:
            ConnectionClosed: the call is over.
        """
        try:
            await self._context.write(frame)
        except (grpc.RpcError, aio.UsageError, asyncio.InvalidStateError) as error:
            raise ConnectionClosed(str(error), "unknown") from None


class Servicer:
    """Serves both methods of `IpcService` for one `IpcMain`.

    Args:
        ipc: whose listeners and handlers serve the renderers.
    """

    def __init__(self, ipc: IpcMain) -> None:
        self.connections: dict[bytes, Connection] = {}
        """Sessions by token."""
        self.stopping = False
        """No new session is begun."""
        self._ipc = ipc
        self._home = Home()

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
        link = ServerLink(context)
        first = await self._first_frame(link)
        if first is None:
            return
        try:
            connection = self._admit(first)
            if connection is None:
                await link.write(refusal(reasons.SHUTDOWN, "main stops"))
                return
            await connection.serve(link, first)
        except RemoteProtocolError as error:
            logger.warning("refused %s: %s", context.peer(), error)
            await link.write(refusal(reasons.PROTOCOL, str(error)))

    async def _first_frame(self, link: ServerLink) -> bytes | None:
        reading = asyncio.ensure_future(link.read())
        # Cancelling a read breaks the call, so it is left to end with the call.
        await asyncio.wait([reading], timeout=self._ipc.limits.hello_timeout)
        if reading.done():
            return reading.result()
        await link.write(refusal(reasons.PROTOCOL, "no hello in time"))
        return None

    def _admit(self, first: bytes) -> Connection | None:
        hello = parse_hello(first)
        if self.stopping:
            return None
        connection = Connection(
            self._ipc,
            title=hello.title,
            url=hello.url,
            home=self._home,
            on_end=self._forget,
        )
        self.connections[connection.token] = connection
        return connection

    def _forget(self, connection: Connection) -> None:
        self.connections.pop(connection.token, None)

    # ---- unary -----------------------------------------------------------------------

    async def send_sync(self, data: bytes, context: _Context) -> bytes:
        """Dispatch a sync message that comes outside a stream."""
        try:
            request = messages.parse_sync_request(data)
            args = messages.read_args(request)
        except RemoteProtocolError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except DataCloneError as error:
            return messages.sync_response(messages.refusal(0, error))
        if self.stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "main stops")
        if request.messages:
            text = "unacked messages beside a sync message are not taken here"
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        timeout = _time_left(context)
        if not request.token:
            reply = self._serve_one_shot(request.channel, args, timeout)
        else:
            connection = self.connections.get(request.token)
            if connection is None or not connection.open:
                await context.abort(grpc.StatusCode.ABORTED, "the session is gone")
            reply = connection.serve_sync(
                request.channel, args, after=request.after, timeout=timeout
            )
        return messages.sync_response(await reply)

    def _serve_one_shot(
        self, channel: str, args: Sequence[Any], timeout: float
    ) -> asyncio.Future[Parcel]:
        ipc = self._ipc
        contents = WebContents(title="", url="", default=ipc.default)
        contents.home = self._home
        contents.work = Work(
            self._home,
            contents,
            pool=ipc.dispatcher.threads,
            limit=ipc.limits.max_running,
            on_room=lambda: None,
        )
        call, reply = unary_call(
            channel, home=self._home, timeout=timeout, default=ipc.default
        )
        contents.work.watch(call)
        ipc.dispatcher.sync(contents, call, args)
        return reply


def _time_left(context: _Context) -> float:
    remaining: float | None = context.time_remaining()
    return _SYNC_TIMEOUT if remaining is None else remaining
