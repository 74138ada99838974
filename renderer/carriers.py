"""The ways to a main process that settings describe.

gRPC is loaded when the first is opened: importing a face must not load it.
"""

from __future__ import annotations

from renderer.carrier import AioCarrier, Carrier
from renderer.settings import Settings


def grpc_carrier(settings: Settings) -> Carrier:
    """Return a way over gRPC's blocking client.

    Raises:
        ConnectionClosed: the settings cannot be.
    """
    target = settings.grpc_target()
    from renderer.grpc_link import GrpcCarrier

    return GrpcCarrier(
        target,
        token=settings.bearer,
        tls=settings.encryption,
        dead_after=settings.dead_after,
    )


def grpc_aio_carrier(settings: Settings) -> AioCarrier:
    """Return a way over gRPC's asyncio client, on the running loop.

    Raises:
        ConnectionClosed: the settings cannot be.
    """
    target = settings.grpc_target()
    from renderer.grpc_aio_link import GrpcAioCarrier

    return GrpcAioCarrier(
        target,
        token=settings.bearer,
        tls=settings.encryption,
        dead_after=settings.dead_after,
    )


__all__ = ("grpc_aio_carrier", "grpc_carrier")
