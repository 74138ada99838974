"""Links over gRPC's blocking client, and what its statuses mean in our words.

Nothing of grpc leaves this module. Frames cross it as bytes: gRPC neither serializes
nor parses them.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any, Final, cast, final

import grpc

from renderer.carrier import LinkBroken, Source
from renderer.wire.errors import (
    AccessDenied,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    Outcome,
    Overloaded,
    PayloadTooLarge,
)
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.link import Fate

_SERVICE: Final = "/electron_ipc.v1.IpcService"
_LONG: Final = 365 * 24 * 3600.0  # without a deadline main would assume its own

# The text with which gRPC says that a call found no connection to go out on.
_NEVER_LEFT: Final = "failed to connect to all addresses"

_Status = grpc.StatusCode


@final
class GrpcCarrier:
    """The way to a main process over a channel of its own.

    Args:
        address: a gRPC target: "host:port", "unix:PATH".
        token: sent as bearer token with every call.
        limits: the largest frame to read.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._channel = grpc.insecure_channel(address, _options(limits))
        self._metadata = None if token is None else _bearer(token)
        # Without serializers gRPC passes bytes through; its types do not know.
        self._stream: Any = self._channel.stream_stream(f"{_SERVICE}/Stream")
        self._send_sync: Any = self._channel.unary_unary(f"{_SERVICE}/SendSync")

    def open(self, source: Source) -> GrpcLink:
        """Begin a link; see `Carrier`."""

        def start(frames: Iterator[bytes]) -> Any:
            return self._stream(frames, metadata=self._metadata)

        return GrpcLink(start, source)

    def send_sync(self, request: bytes, timeout: float | None) -> bytes:
        """Make the unary call; see `Carrier`."""
        call = self._send_sync.future(
            request,
            timeout=_LONG if timeout is None else timeout,
            metadata=self._metadata,
        )
        # Waiting in grpc itself would hold Ctrl-C back.
        done: queue.SimpleQueue[object] = queue.SimpleQueue()
        call.add_done_callback(done.put)
        try:
            done.get()
            return cast("bytes", call.result())
        except grpc.RpcError:
            raise _unary_error(call) from None
        except grpc.FutureCancelledError:
            message = "the connection was closed"
            raise LinkBroken(message, "unknown", Fate.GIVE_UP) from None
        finally:
            call.cancel()

    def close(self) -> None:
        """Close the channel; see `Carrier`."""
        self._channel.close()


@final
class GrpcLink:
    """One bidirectional stream. A `BlockingLink`.

    Args:
        start: begins the call, given the iterator of its requests.
        source: where its frames come from.
    """

    def __init__(self, start: Callable[[Iterator[bytes]], Any], source: Source) -> None:
        self._source = source
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ending = False
        self._call = start(self._frames())

    def __iter__(self) -> Iterator[bytes]:
        """Yield frames until the stream ends.

        Raises:
            IpcError: it ended with a status that is not OK.
        """
        try:
            yield from self._call
        except grpc.RpcError:
            raise _stream_error(self._call) from None
        finally:
            # gRPC's thread waits for the next request, not for the end of the call.
            self.finish()

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


def _bearer(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.max_frame_bytes),
        ("grpc.max_send_message_length", limits.max_frame_bytes),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # Two renderers in one process are two connections: one that is stuck must
        # not hold the other up.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]


# ---- what a status means (PROTOCOL.md, "How a link ended") ---------------------------


def _stream_error(call: Any) -> IpcError:
    code, details = call.code(), call.details() or ""
    common = _common_error(code, details)
    if common is not None:
        return common
    lost = code in (_Status.ABORTED, _Status.NOT_FOUND, _Status.FAILED_PRECONDITION)
    fate = Fate.NEW_SESSION if lost else Fate.RESUME
    return LinkBroken(_text(code, details), _outcome(code, details), fate)


def _unary_error(call: Any) -> IpcError:
    code, details = call.code(), call.details() or ""
    if code is _Status.DEADLINE_EXCEEDED:
        return IpcTimeout("no reply in time")
    if code is _Status.RESOURCE_EXHAUSTED:
        # Said by either end's gRPC about sizes, by main about its queues.
        large = "larger than max" in details
        return PayloadTooLarge(details) if large else Overloaded(details)
    common = _common_error(code, details)
    if common is not None:
        return common
    if code is _Status.ABORTED:
        return LinkBroken(_text(code, details), "not-sent", Fate.NEW_SESSION)
    return LinkBroken(_text(code, details), _outcome(code, details), Fate.RESUME)


def _common_error(code: object, details: str) -> IpcError | None:
    if code in (_Status.UNAUTHENTICATED, _Status.PERMISSION_DENIED):
        return AccessDenied(details)
    if code in (
        _Status.INVALID_ARGUMENT,
        _Status.OUT_OF_RANGE,
        _Status.ALREADY_EXISTS,
    ):
        return LocalProtocolError(details)
    if code is _Status.UNIMPLEMENTED:
        text = "what answers there is no main process of electron-ipc"
        return LinkBroken(text, "not-sent", Fate.GIVE_UP)
    return None


def _outcome(code: object, details: str) -> Outcome:
    unsent = code is _Status.UNAVAILABLE and details.startswith(_NEVER_LEFT)
    return "not-sent" if unsent else "unknown"


def _text(code: Any, details: str) -> str:
    return f"{code.name}: {details}" if details else str(code.name)


__all__ = ("GrpcCarrier", "GrpcLink")
