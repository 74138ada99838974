"""The renderers of one main process: who comes, who is there, how all of them leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.home import Home
from mainproc.sessions.aside import Read, is_large, read_aside
from mainproc.sessions.connection import Connection
from mainproc.sessions.farewells import Farewells
from mainproc.sessions.unary import NotBegun, SessionGone, UnaryCall
from mainproc.web_contents import WebContents
from renderer.wire import messages, reasons
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    DataCloneError,
    Overloaded,
    RemoteProtocolError,
)
from renderer.wire.frames import parse_hello, refusal
from renderer.wire.metadata import Metadata, read_metadata

if TYPE_CHECKING:
    from mainproc.ipc_main import IpcMain
    from mainproc.security.identity import Identity
    from mainproc.sessions.invitations import Invitation
    from mainproc.trace import Trace
    from renderer.wire.link import AsyncLink
    from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

_REFUSALS_LOGGED: Final = 100

LEAVE_WITHIN: Final = 1.0
"""Seconds that renderers have, whatever the grace, to answer Goodbye."""


@final
class Sessions:
    """Serves links and unary sync messages, whatever transport they came by.

    Made on main's loop.

    Args:
        ipc: whose listeners and handlers serve the renderers.
        trace: sees what passes.
    """

    def __init__(self, ipc: IpcMain, trace: Trace | None = None) -> None:
        self.ipc = ipc
        self._trace = trace
        self.stopping = False
        """No new session is begun."""
        self._home = Home()
        self._connections: dict[bytes, Connection] = {}  # by token
        self._refusals_logged = 0
        self._farewells = Farewells(self._home, ipc.limits.resume_grace)
        self._running: set[asyncio.Future[None]] = set()  # one for each of these calls

    # ---- links -----------------------------------------------------------------------

    async def serve(
        self,
        link: AsyncLink,
        peer: str,
        invitation: Invitation | None = None,
        admitted: Callable[[Connection], object] | None = None,
        identity: Identity | None = None,
    ) -> None:
        """Serve a renderer on its link until it leaves or the link ends.

        A link whose Hello has the token of a session carries that on. Cancelling it is
        a cut.

        Args:
            link: a new link.
            peer: where it comes from, for the log.
            invitation: why it may come in, if that is not for everybody.
            admitted: called with the renderer's connection, before it serves.
            identity: who it is. A session belongs to the one that began it.

        Raises:
            AccessDenied: the invitation is not for this link.
        """
        trace = self._trace
        traced = nullcontext(link) if trace is None else trace.link(link, peer)
        with traced as link, suppress(ConnectionClosed):  # nobody is left to be told
            try:
                first = await self._first_frame(link)
                if first is None:
                    return
                # Main does not wait at its end for those who have said nothing yet.
                with self._tracked():
                    await self._serve(link, first, invitation, admitted, identity)
            except (RemoteProtocolError, Overloaded) as error:
                self._log_refusal(peer, error)
                self.ipc.observers.refused(None, error, peer=peer)
                full = isinstance(error, Overloaded)
                why = reasons.OVERLOADED if full else reasons.PROTOCOL
                await link.write(refusal(why, str(error)))

    def _log_refusal(self, peer: str, error: Exception) -> None:
        # Whoever can connect can have this happen as often as he likes.
        if self._refusals_logged > _REFUSALS_LOGGED:
            return
        self._refusals_logged += 1
        if self._refusals_logged > _REFUSALS_LOGGED:
            logger.warning("refused %d links; more are not logged", _REFUSALS_LOGGED)
        else:
            logger.warning("refused %s: %s", peer, error)

    async def _serve(
        self,
        link: AsyncLink,
        first: bytes,
        invitation: Invitation | None,
        admitted: Callable[[Connection], object] | None,
        identity: Identity | None,
    ) -> None:
        token = parse_hello(first).token
        connection = self._kept(token, identity)
        farewell = self._farewells.get(token, identity)
        if self.stopping and connection is None:
            # Who comes back to what still runs is not new.
            await link.write(farewell or refusal(reasons.SHUTDOWN, "main stops"))
            return
        serve: Callable[[AsyncLink], Awaitable[None]]
        if invitation is not None:
            first = invitation.introduce(first, again=connection)
        if connection is not None:
            serve = partial(connection.resume, first=first)
        elif farewell is not None:
            await link.write(farewell)
            return
        else:
            connection = self._admit(first, identity)
            serve = connection.serve
        if admitted is not None:
            admitted(connection)
        if invitation is None:
            await serve(link)
            return
        invitation.accept(connection)
        try:
            await serve(invitation.guarded(link))
        finally:
            invitation.leave()

    def _kept(self, token: bytes, identity: Identity | None) -> Connection | None:
        """Return the connection whose session a link may take over."""
        connection = self._connections.get(token)
        if connection is None or connection.contents.identity != identity:
            return None
        return connection if connection.resumable else None

    @contextmanager
    def _tracked(self) -> Generator[None]:
        done = self._home.loop.create_future()
        self._running.add(done)
        try:
            yield
        finally:
            self._running.discard(done)
            if not done.done():
                done.set_result(None)

    async def _first_frame(self, link: AsyncLink) -> bytes | None:
        reading = asyncio.ensure_future(link.read())
        # Cancelling a read breaks the call, so it is left to end with the call.
        await asyncio.wait([reading], timeout=self.ipc.limits.hello_timeout)
        if not reading.done():
            raise RemoteProtocolError("no hello in time")
        return reading.result()

    def _admit(self, first: bytes, identity: Identity | None) -> Connection:
        most = self.ipc.limits.max_sessions
        if len(self._connections) >= most:
            raise Overloaded(f"main has as many renderers as it takes: {most:,}")
        connection = Connection(
            self.ipc,
            first,
            home=self._home,
            on_end=self._forget,
            on_goodbye=self._farewells.note,
            identity=identity,
        )
        self._connections[connection.token] = connection
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection.token, None)

    # ---- sync messages outside a link ------------------------------------------------

    async def send_sync(
        self,
        data: bytes,
        timeout: float,
        invitation: Invitation | None = None,
        identity: Identity | None = None,
    ) -> bytes:
        """Dispatch a sync message that comes outside a stream.

        Args:
            data: a serialized SendSyncRequest.
            timeout: seconds its caller waits.
            invitation: as for `serve`; it must be that of the message's session.
            identity: so.

        Returns:
            A serialized SendSyncResponse.

        Raises:
            IpcError: there is none; `status` says what the caller's status is.
        """
        response = self._send_sync(data, timeout, invitation, identity)
        if self._trace is None:
            return await response
        return await self._trace.sync(data, response)

    async def _send_sync(
        self,
        data: bytes,
        timeout: float,
        invitation: Invitation | None,
        identity: Identity | None,
    ) -> bytes:
        try:
            request = messages.parse_sync_request(data)
            if invitation is not None and not invitation.owns(request.token):
                raise AccessDenied(
                    "a process that main has spawned opens a stream, and sends "
                    "sync messages with the token of its session"
                )
            metadata = read_metadata(request)
            args = await self._read_args(request)
            contents, call = self._begin(request, args, metadata, timeout, identity)
            if call.reply.done():  # mostly: its listeners are plain functions
                reply = call.reply.result()
            else:
                with self._tracked():
                    reply = await self._reply(call, request.id)
            packed = request.HasField("packed")
            response = messages.sync_response(reply, packed=packed)
            contents.observers.message(contents, "out", "reply", "", len(response))
            return response
        except DataCloneError as error:
            return messages.sync_response(messages.refusal(0, error))

    async def _read_args(self, request: messages.SyncRequest) -> list[Any]:
        if not is_large(request):
            return messages.read_args(request)
        read: asyncio.Future[Read] = self._home.loop.create_future()
        # Those without a session are one to the threads.
        owner, done = request.token, partial(_settle, read)
        readers = self.ipc.dispatcher.readers
        if not read_aside(request, readers, owner, self._home, done):
            return messages.read_args(request)
        args: list[Any] = (await read)(request)
        return args

    def _begin(
        self,
        request: messages.SyncRequest,
        args: Sequence[Any],
        metadata: Metadata,
        timeout: float,
        identity: Identity | None,
    ) -> tuple[WebContents, UnaryCall]:
        if self.stopping:
            stops = ConnectionClosed if request.token else NotBegun
            raise stops("main stops", "not-sent")
        if not request.token:
            if request.messages:  # nobody counts them
                raise RemoteProtocolError("messages beside it need a session")
            if request.HasField("packed"):  # nothing was agreed on
                raise RemoteProtocolError("packed values need a session")
            return self._serve_one_shot(request, args, metadata, timeout, identity)
        connection = self._connections.get(request.token)
        mine = connection is not None and connection.contents.identity == identity
        if connection is None or not (mine and connection.open):
            raise SessionGone("the session is gone")
        if request.messages:
            connection.merge(request)
        _tell_of(request, connection.contents)
        call = connection.incoming.serve_sync(
            request.channel,
            args,
            size=request.ByteSize(),
            id=request.id,
            after=request.after,
            timeout=timeout,
            packed=request.HasField("packed"),
            metadata=metadata,
        )
        return connection.contents, call

    def _serve_one_shot(
        self,
        request: messages.SyncRequest,
        args: Sequence[Any],
        metadata: Metadata,
        timeout: float,
        identity: Identity | None,
    ) -> tuple[WebContents, UnaryCall]:
        ipc = self.ipc
        contents = WebContents(
            title="",
            url="",
            default=ipc.default,
            observers=ipc.observers,
            identity=identity,
            permissions=ipc.permissions(identity),
        )
        work = ipc.dispatcher.work(
            contents, self._home, ipc.limits.max_running, lambda: None
        )
        _tell_of(request, contents)
        call = UnaryCall(
            request.channel,
            home=self._home,
            timeout=timeout,
            default=ipc.default,
            metadata=metadata,
        )
        ipc.dispatcher.sync(contents, call, args)
        if not call.settled:
            work.watch(call)
        return contents, call

    async def _reply(self, call: UnaryCall, id: int) -> Parcel:
        try:
            return await asyncio.shield(call.reply)
        except asyncio.CancelledError:
            if not id:  # else its caller may come back for it
                call.abandon()
            raise

    # ---- the end ---------------------------------------------------------------------

    @property
    def busy_channels(self) -> set[str]:
        """The channels for whose messages something runs."""
        return {
            channel
            for connection in self._connections.values()
            for channel in connection.incoming.work.channels
        }

    async def stop(self, grace: float) -> None:
        """Say Goodbye to all renderers, and end what still runs for them.

        Nothing more is dispatched from now on; what arrived and was not dispatched is
        not acked, so its sender is told.

        Args:
            grace: seconds that running handlers have to finish; after it they are
                cancelled.
        """
        self.stopping = True
        connections = list(self._connections.values())
        for connection in connections:
            connection.stop_dispatch()
        until = self._home.loop.time() + grace
        await self._wait([c.quiet() for c in connections], until)
        for connection in connections:
            connection.say_goodbye(reasons.SHUTDOWN, "main stops")
        await self._wait(list(self._running), until + LEAVE_WITHIN)
        for connection in connections:
            connection.cancel_work()

    async def _wait(
        self, futures: Sequence[asyncio.Future[None]], until: float
    ) -> None:
        if futures:
            left = until - self._home.loop.time()
            await asyncio.wait(futures, timeout=max(0.0, left))


def _settle(future: asyncio.Future[Read], read: Read) -> None:
    if not future.done():  # its caller may be gone
        future.set_result(read)


def _tell_of(request: messages.SyncRequest, contents: WebContents) -> None:
    observers = contents.observers
    if observers.each:
        size = request.ByteSize()
        observers.message(contents, "in", "sync", request.channel, size)
