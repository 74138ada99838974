"""The ways to a main process that settings describe.

gRPC is loaded when the first is opened: importing a face must not load it.
"""

from __future__ import annotations

import logging

from renderer.carrier import AioCarrier, Carrier
from renderer.settings import Settings
from renderer.tls import TLS
from renderer.wire.errors import quote
from renderer.wire.hosts import host_of, is_loopback

logger = logging.getLogger("ipc.renderer")

_warned: set[str] = set()


def grpc_carrier(settings: Settings) -> Carrier:
    """Return a way over gRPC's blocking client.

    Raises:
        ConnectionClosed: the settings cannot be.
    """
    target, tls = _checked(settings)
    from renderer.grpc_link import GrpcCarrier

    return GrpcCarrier(
        target, token=settings.bearer, tls=tls, dead_after=settings.dead_after
    )


def grpc_aio_carrier(settings: Settings) -> AioCarrier:
    """Return a way over gRPC's asyncio client, on the running loop.

    Raises:
        ConnectionClosed: the settings cannot be.
    """
    target, tls = _checked(settings)
    from renderer.grpc_aio_link import GrpcAioCarrier

    return GrpcAioCarrier(
        target, token=settings.bearer, tls=tls, dead_after=settings.dead_after
    )


def _checked(settings: Settings) -> tuple[str, TLS | None]:
    target, tls = settings.grpc_target(), settings.encryption
    if tls is None and settings.bearer is not None:
        _warn_of_plaintext(target)
    return target, tls


def _warn_of_plaintext(target: str) -> None:
    scheme, _, rest = target.partition(":")
    host = host_of(rest if scheme in ("dns", "ipv4", "ipv6") else target)
    here = target.startswith("unix") or host.lower() == "localhost"
    if here or is_loopback(host) or target in _warned:
        return
    _warned.add(target)
    logger.warning(
        "the token for main at %s is not encrypted on its way: who sees it can come "
        "in with it; give tls=, or set ELECTRON_IPC_CA",
        quote(target),
    )


__all__ = ("grpc_aio_carrier", "grpc_carrier")
