"""Links over gRPC's asyncio client.

Nothing of grpc leaves this module. Frames cross it as bytes: gRPC neither serializes
nor parses them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast, final

import grpc
from grpc import aio

from renderer.carrier import LinkBroken
from renderer.grpc_terms import (
    DEAD_AFTER_S,
    STREAM,
    bearer,
    credentials,
    options,
    stream_error,
    tls_options,
)
from renderer.tls import TLS
from renderer.wire.errors import ConnectionClosed
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.link import Fate

_aio: Any = aio  # its stubs leave `EOF` out
_EOF: Final = _aio.EOF

_SETTLE_S: Final = 0.02

# What grpc.aio raises from writing when a call is over.
_OVER: Final = (
    grpc.RpcError,
    aio.UsageError,
    aio.InternalError,
    asyncio.InvalidStateError,
)


@final
class GrpcAioCarrier:
    """The way to a main process over a channel of its own, on the running loop.

    Args:
        address: a gRPC target: "host:port", "unix:PATH".
        token: sent as bearer token with every call.
        tls: how to encrypt; None: not at all.
        dead_after: seconds until a connection that is silent counts as gone.
        limits: the largest frame to read.

    Raises:
        ConnectionClosed: a file that `tls` names cannot be used.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        tls: TLS | None = None,
        dead_after: float = DEAD_AFTER_S,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        common = options(limits, dead_after)
        if tls is None:
            self._channel = aio.insecure_channel(address, common)
        else:
            how = [*common, *tls_options(tls)]
            self._channel = aio.secure_channel(address, credentials(tls), how)
        self._metadata = bearer(token)
        # Without serializers gRPC passes bytes through; its types do not know.
        self._stream: Any = self._channel.stream_stream(STREAM)
        self._link: GrpcAioLink | None = None

    def open(self) -> GrpcAioLink:
        """Begin a link; see `AioCarrier`."""
        self._link = GrpcAioLink(self._stream(metadata=self._metadata))
        return self._link

    async def close(self) -> None:
        """Close the channel; see `AioCarrier`."""
        await self._channel.close()
        if self._link is not None and self._link.was_cut:
            # gRPC tells of what it has cancelled, and the loop may be about to end.
            await asyncio.sleep(_SETTLE_S)


@final
class GrpcAioLink:
    """One bidirectional stream. An `AioLink`.

    A read is never cancelled: that would cancel the whole call. `cut` ends it.

    Args:
        call: gRPC's.
    """

    def __init__(self, call: Any) -> None:
        self.was_cut = False
        """It did not end by itself."""
        self._call = call

    async def read(self) -> bytes | None:
        """Return the next frame, or None at the end of the stream.

        Raises:
            IpcError: it ended with a status that is not OK.
        """
        try:
            frame = await self._call.read()
        except grpc.RpcError:
            call = self._call
            raise stream_error(await call.code(), await call.details()) from None
        except asyncio.CancelledError:
            if _is_cancelling():
                raise
            # By `cut`; or asyncio.run has cancelled gRPC's own tasks.
            self.cut()
            return None
        return None if frame is _EOF else cast("bytes", frame)

    async def write(self, frame: bytes) -> None:
        """Write a frame; return when the transport has taken it.

        Raises:
            LinkBroken: the stream is over.
        """
        try:
            await self._call.write(frame)
        except _OVER as error:
            raise self._gone() from error
        except asyncio.CancelledError:
            if _is_cancelling():
                raise
            raise self._gone() from None

    async def finish(self) -> None:
        """Half-close; reading goes on."""
        try:
            await self._call.done_writing()
        except _OVER:
            pass  # it is over: the reader is told

    def cut(self) -> None:
        """Cancel the call; whoever reads comes to its end."""
        self.was_cut = True
        self._call.cancel()

    def _gone(self) -> ConnectionClosed:
        return LinkBroken("the stream is over", "unknown", Fate.RESUME)


def _is_cancelling() -> bool:
    """Tell whether it is the caller's task that is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


__all__ = ("GrpcAioCarrier", "GrpcAioLink")
