"""Links over gRPC's blocking client.

Nothing of grpc leaves this module. Frames cross it as bytes: gRPC neither serializes
nor parses them.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any, Final, cast, final

import grpc

from renderer.carrier import LinkBroken, Source
from renderer.grpc_terms import (
    DEAD_AFTER_S,
    SEND_SYNC,
    STREAM,
    bearer,
    credentials,
    options,
    stream_error,
    tls_options,
    unary_error,
)
from renderer.tls import TLS
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.link import Fate

_LONG: Final = 365 * 24 * 3600.0  # without a deadline main would assume its own


@final
class GrpcCarrier:
    """The way to a main process over a channel of its own.

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
            self._channel = grpc.insecure_channel(address, common)
        else:
            how = [*common, *tls_options(tls)]
            self._channel = grpc.secure_channel(address, credentials(tls), how)
        self._metadata = bearer(token)
        self._closed = False
        # Without serializers gRPC passes bytes through; its types do not know.
        self._send_sync: Any = self._channel.unary_unary(SEND_SYNC)

    def open(self, source: Source) -> GrpcLink:
        """Begin a link; see `Carrier`."""

        def start(frames: Iterator[bytes], take: Callable[[bytes], object]) -> Any:
            channel: Any = self._channel
            stream = channel.stream_stream(STREAM, None, take)
            return stream(frames, metadata=self._metadata)

        return GrpcLink(start, source)

    def send_sync(self, request: bytes, timeout: float | None) -> bytes:
        """Make the unary call; see `Carrier`."""
        try:
            # The calling thread itself waits for the response, and looks for signals
            # five times a second.
            response = self._send_sync(
                request,
                timeout=_LONG if timeout is None else timeout,
                metadata=self._metadata,
            )
        except grpc.RpcError as error:
            if self._closed:
                message = "the connection was closed"
                raise LinkBroken(message, "unknown", Fate.GIVE_UP) from None
            call: Any = error
            raise unary_error(call.code(), call.details()) from None
        return cast("bytes", response)

    def close(self) -> None:
        """Close the channel; see `Carrier`."""
        self._closed = True
        self._channel.close()


@final
class GrpcLink:
    """One bidirectional stream. A `BlockingLink`.

    gRPC hands every response to its deserializer on the thread that it polls with, and
    then wakes the thread that waits for it. So the deserializer is where frames are
    delivered: a reply reaches its caller one switch of threads sooner.

    Args:
        start: begins the call, given the iterator of its requests and the deserializer
            of its responses.
        source: where its frames come from.
    """

    def __init__(
        self,
        start: Callable[[Iterator[bytes], Callable[[bytes], object]], Any],
        source: Source,
    ) -> None:
        self._source = source
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ending = False
        self._deliver: Callable[[bytes], object] | None = None
        self._failure: BaseException | None = None
        self._call = start(self._frames(), self._take)

    def carry(self, deliver: Callable[[bytes], object]) -> None:
        """Give each frame to `deliver` until the stream ends.

        Raises:
            IpcError: it ended with a status that is not OK.
        """
        self._deliver = deliver
        try:
            for _ in self._call:  # asks for the next response
                if self._failure is not None:
                    raise self._failure
        except grpc.RpcError:
            raise stream_error(self._call.code(), self._call.details()) from None
        finally:
            # gRPC's thread waits for the next request, not for the end of the call.
            self.finish()

    def _take(self, frame: bytes) -> bool:
        # What it raised would be taken for a malformed response, and not be seen.
        try:
            if self._deliver is not None:
                self._deliver(frame)
        except BaseException as error:
            self._failure = error
        return True

    def wake(self) -> None:
        """Ask the source again."""
        self._bell.put(None)

    def finish(self) -> None:
        """Half-close as soon as the source has nothing left."""
        self._ending = True
        self._bell.put(None)

    def cut(self) -> None:
        """Cancel the call."""
        self._ending = True
        self._call.cancel()
        self._bell.put(None)

    def _frames(self) -> Iterator[bytes]:
        # Runs on a thread of gRPC's, which asks for a frame when the one before has
        # been taken by the transport.
        next_frame, source, bell = self._source.next_frame, self._source, self._bell
        while True:
            ending = self._ending
            frame = next_frame()
            if frame is not None:
                yield frame
            elif ending:
                return
            else:
                try:
                    bell.get(timeout=source.patience())
                except queue.Empty:
                    pass  # time to look whether an ack is due


__all__ = ("GrpcCarrier", "GrpcLink")
