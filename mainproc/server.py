"""A main process that serves: from bound addresses to the orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

# Reflection serves what is in the descriptor pool: the contract must be loaded.
from electron_ipc.v1 import ipc_pb2 as _contract
from mainproc import poller
from mainproc.address import (
    UNIX,
    AddressInUse,
    UnixPath,
    check_port,
    in_use,
    is_loopback,
)
from mainproc.application import app
from mainproc.children.entrance import Entrance
from mainproc.children.nursery import Nursery
from mainproc.home import Home
from mainproc.ipc_main import IpcMain
from mainproc.security.authenticator import Authenticator
from mainproc.security.measures import Measures
from mainproc.security.tls import Pems
from mainproc.servicer import SERVICE, Servicer, server_options
from mainproc.sessions import LEAVE_WITHIN, Sessions
from renderer.wire.errors import quote

if TYPE_CHECKING:
    from mainproc.trace import Trace

logger = logging.getLogger("ipc.main")

_CHANNELS_SHOWN: Final = 3

_END_CALLS_WITHIN: Final = 1.0
"""Seconds that calls have whose renderer is gone from here already."""


class MainProcess:
    """A main process that serves; what `mainproc.serve` yields.

    Attributes:
        ipc: whose listeners and handlers serve the renderers.
        addresses: where it listens, with the real ports.
    """

    def __init__(
        self,
        ipc: IpcMain,
        grace: float,
        measures: Measures | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.ipc = ipc
        self._measures = measures or Measures()
        self._authenticator = Authenticator()
        self._certificate: grpc.ServerCredentials | None = None
        self.addresses: tuple[str, ...] = ()
        self._grace = grace
        self._sessions = Sessions(ipc, trace)
        aio_health: Any = health  # its stubs leave `aio` out
        self._health: Any = aio_health.aio.HealthServicer()
        self._server = aio.server(options=server_options(ipc.limits))
        poller.set_nonblocking()
        self._nursery = Nursery(Entrance(self._sessions))
        self._paths: list[UnixPath] = []
        self._stopping: asyncio.Task[None] | None = None
        self.home = Home()
        """Its loop (@private)."""
        self.on_quit: Callable[[int], object] | None = None
        """What `app.quit` does, with its code, in place of `stop` (@private)."""

    @property
    def address(self) -> str:
        """The first of its addresses; empty if it listens nowhere."""
        return self.addresses[0] if self.addresses else ""

    async def start(self, listen: Sequence[str]) -> None:
        """Listen on addresses, and serve (@private).

        Raises:
            CannotListen: one of them cannot be had, or more people could come there
                than was said to be wanted, or a file that this rests on cannot be
                used. None is listened on then.
        """
        for address in listen:
            self._measures.check(address)
        self._authenticator = self._measures.authenticator()
        self._certificate = _server_credentials(self._measures.pems())
        policy = self._measures.read_policy()
        if policy is not None:
            self.ipc.policy = policy
        handler = Servicer(self._sessions, self._authenticator).handler()
        self._server.add_generic_rpc_handlers((handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _add_reflection(self._server)
        for service in ("", SERVICE):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        try:
            self.addresses = tuple([self._bind(address) for address in listen])
            await self._serve()
        except BaseException:
            await self._unbind()
            raise
        self._nursery.open()
        self.ipc.served = True
        self.ipc.dispatcher.open()
        app.serves(self)

    @property
    def ends_process(self) -> bool:
        """It is served by `mainproc.run` (@private)."""
        return self.on_quit is not None

    @property
    def waits_for(self) -> str:
        """What its end waits for, for people (@private)."""
        channels = sorted(self._sessions.busy_channels)
        if not channels:
            return "renderers and spawned processes to leave"
        more = ", …" if len(channels) > _CHANNELS_SHOWN else ""
        return f"{', '.join(map(quote, channels[:_CHANNELS_SHOWN]))}{more} to finish"

    def quit(self, code: int) -> None:
        """Stop because the application quits; on main's loop (@private)."""
        if self.on_quit is not None:
            self.on_quit(code)
        else:
            self._stop(None)

    async def stop(self, grace: float | None = None) -> None:
        """Say Goodbye to all renderers, and end.

        Listeners of `before-quit` come first, then nothing more is dispatched; what
        arrived and was not dispatched is not acked, so its sender is told. Handlers
        that run may finish within the grace, and their results still arrive; after it
        they are cancelled.

        Cancelling it ends the waiting only.

        Args:
            grace: seconds; None for what `serve` was given.
        """
        await asyncio.shield(self._stop(grace))

    def _stop(self, grace: float | None) -> asyncio.Task[None]:
        if self._stopping is None:
            stop = self._stop_within(self._grace if grace is None else grace)
            self._stopping = self.home.loop.create_task(stop)
        return self._stopping

    async def _stop_within(self, grace: float) -> None:
        try:
            await self._end_within(grace)
        finally:
            app.has_stopped(self)

    async def _end_within(self, grace: float) -> None:
        self._sessions.stopping = True
        self._nursery.close()
        try:
            await self._health.enter_graceful_shutdown()
            await app.before_quit(self, grace)
            until = self.home.loop.time() + grace + LEAVE_WITHIN
            await self._sessions.stop(grace)
            await self._nursery.stop(until)
            # Calls have ended by now; a stop without grace would tell them otherwise.
            await self._server.stop(_END_CALLS_WITHIN)
        finally:  # also when the loop ends before
            self.ipc.dispatcher.close()
            self._release_paths()

    async def _serve(self) -> None:
        # grpc.aio loses a server whose start is cancelled: it could not be stopped.
        starting = asyncio.ensure_future(self._server.start())
        try:
            await asyncio.shield(starting)
        finally:
            await asyncio.wait({starting})

    async def _unbind(self) -> None:
        # A server that never started keeps its ports, whoever forgets it.
        self._sessions.stopping = True
        await self._server.start()
        await self._server.stop(0)
        self._release_paths()

    def _bind(self, address: str) -> str:
        if address.startswith(UNIX):
            self._bind_path(address)
            return address
        check_port(address)
        try:
            if self._certificate is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, self._certificate)
        except RuntimeError:
            raise in_use(address) from None  # somebody was quicker
        if not (self._authenticator.asks or is_loopback(address)):
            logger.warning(
                "whoever reaches %s may come in, and send what they like; let main ask "
                "who they are with --token-file or --tls-client-ca",
                address,
            )
        return f"{address.rpartition(':')[0]}:{port}"

    def _bind_path(self, address: str) -> None:
        path = UnixPath(address)
        path.acquire()
        self._paths.append(path)
        with path.for_owner_only():
            try:
                self._server.add_insecure_port(address)
            except RuntimeError as error:
                raise AddressInUse(f"cannot listen on {address}: {error}") from None

    def _release_paths(self) -> None:
        for path in self._paths:
            path.release()
        self._paths.clear()


@asynccontextmanager
async def serving_main(
    ipc: IpcMain, listen: Sequence[str], grace: float, measures: Measures
) -> AsyncGenerator[MainProcess]:
    """Serve while the block runs."""
    main = MainProcess(ipc, grace, measures)
    await main.start(listen)
    try:
        yield main
    finally:
        await main.stop()


def _server_credentials(pems: Pems | None) -> grpc.ServerCredentials | None:
    if pems is None:
        return None
    return grpc.ssl_server_credentials(
        [(pems.key, pems.cert)],
        root_certificates=pems.client_ca,
        require_client_auth=pems.client_ca is not None,
    )


def _add_reflection(server: aio.Server) -> None:
    names = (
        _contract.DESCRIPTOR.services_by_name["IpcService"].full_name,
        health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
        "grpc.reflection.v1.ServerReflection",
        reflection.SERVICE_NAME,
    )
    reflection.enable_server_reflection(names, server)
    # v1 is v1alpha under another name; grpcio ships only the old one.
    servicer: Any = reflection.aio.ReflectionServicer(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "grpc.reflection.v1.ServerReflection",
                {"ServerReflectionInfo": handler},
            ),
        )
    )
