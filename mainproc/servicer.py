"""The service: gRPC's calls on one side, connections on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import grpc
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc.connection import Connection
from mainproc.home import Home
from mainproc.ipc_main import IpcMain
from mainproc.unary import SessionGone, UnaryCall
from mainproc.web_contents import WebContents
from renderer.wire import messages, reasons
from renderer.wire.errors import (
    ConnectionClosed,
    DataCloneError,
    IpcError,
    RemoteProtocolError,
)
from renderer.wire.frames import refusal
from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

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
    """Serves both methods of `IpcService` for one `IpcMain`.

    Args:
        ipc: whose listeners and handlers serve the renderers.
    """

    def __init__(self, ipc: IpcMain) -> None:
        self.connections: dict[bytes, Connection] = {}
        """Sessions by token."""
        self.running: set[asyncio.Future[None]] = set()
        """For each call of gRPC's under way, a future that is done with it."""
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

    def _track(self, context: _Context) -> None:
        done = self._home.loop.create_future()
        self.running.add(done)

        def over(_: Any) -> None:
            self.running.discard(done)
            if not done.done():
                done.set_result(None)

        add: Any = context.add_done_callback  # its stub asks for names of parameters
        add(over)

    # ---- streams ---------------------------------------------------------------------

    async def stream(self, _: AsyncIterator[bytes], context: _Context) -> None:
        """Serve a renderer until it leaves."""
        self._track(context)
        link = ServerLink(context)
        try:
            first = await self._first_frame(link)
            if first is None:
                return
            if self.stopping:
                await link.write(refusal(reasons.SHUTDOWN, "main stops"))
                return
            await self._admit(first).serve(link)
        except RemoteProtocolError as error:
            logger.warning("refused %s: %s", context.peer(), error)
            await link.write(refusal(reasons.PROTOCOL, str(error)))
        except ConnectionClosed:
            pass  # nobody is left to read why

    async def _first_frame(self, link: ServerLink) -> bytes | None:
        reading = asyncio.ensure_future(link.read())
        # Cancelling a read breaks the call, so it is left to end with the call.
        await asyncio.wait([reading], timeout=self._ipc.limits.hello_timeout)
        if not reading.done():
            raise RemoteProtocolError("no hello in time")
        return reading.result()

    def _admit(self, first: bytes) -> Connection:
        connection = Connection(self._ipc, first, home=self._home, on_end=self._forget)
        self.connections[connection.token] = connection
        return connection

    def _forget(self, connection: Connection) -> None:
        self.connections.pop(connection.token, None)

    # ---- unary -----------------------------------------------------------------------

    async def send_sync(self, data: bytes, context: _Context) -> bytes:
        """Dispatch a sync message that comes outside a stream."""
        self._track(context)
        try:
            request = messages.parse_sync_request(data)
            args = messages.read_args(request)
            call = self._begin(request, args, _time_left(context))
            return messages.sync_response(await self._reply(call, request.id))
        except DataCloneError as error:
            return messages.sync_response(messages.refusal(0, error))
        except IpcError as error:
            status = getattr(grpc.StatusCode, error.status)
            return await context.abort(status, error.message)

    def _begin(
        self, request: pb.SendSyncRequest, args: Sequence[Any], timeout: float
    ) -> UnaryCall:
        if self.stopping:
            raise ConnectionClosed("main stops", "not-sent")
        if request.messages:
            raise RemoteProtocolError("messages beside a sync message are not taken")
        if not request.token:
            return self._serve_one_shot(request.channel, args, timeout)
        connection = self.connections.get(request.token)
        if connection is None or not connection.open:
            raise SessionGone("the session is gone")
        return connection.serve_sync(
            request.channel,
            args,
            size=request.ByteSize(),
            id=request.id,
            after=request.after,
            timeout=timeout,
        )

    def _serve_one_shot(
        self, channel: str, args: Sequence[Any], timeout: float
    ) -> UnaryCall:
        ipc = self._ipc
        contents = WebContents(title="", url="", default=ipc.default)
        work = ipc.dispatcher.work(
            contents, self._home, ipc.limits.max_running, lambda: None
        )
        call = UnaryCall(channel, home=self._home, timeout=timeout, default=ipc.default)
        work.watch(call)
        ipc.dispatcher.sync(contents, call, args)
        return call

    async def _reply(self, call: UnaryCall, id: int) -> Parcel:
        try:
            return await asyncio.shield(call.reply)
        except asyncio.CancelledError:
            if not id:  # else its caller may come back for it
                call.abandon()
            raise


def _time_left(context: _Context) -> float:
    remaining: Any = context.time_remaining()  # None without deadline
    return _SYNC_TIMEOUT if remaining is None else remaining
