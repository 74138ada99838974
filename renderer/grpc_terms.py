"""What both of a renderer's gRPC clients have in common.

Names, options, and what gRPC's statuses mean in our words.
"""

from __future__ import annotations

from typing import Any, Final

import grpc

from renderer.carrier import HungUp, LinkBroken, NoHandshake
from renderer.tls import TLS
from renderer.wire.errors import (
    AccessDenied,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    Outcome,
    Overloaded,
    PayloadTooLarge,
)
from renderer.wire.limits import Limits
from renderer.wire.link import Fate

STREAM: Final = "/electron_ipc.v1.IpcService/Stream"
SEND_SYNC: Final = "/electron_ipc.v1.IpcService/SendSync"

# The text with which gRPC says that a call found no connection to go out on.
_NEVER_LEFT: Final = "failed to connect to all addresses"

# And the texts with which it says why; none of these is a matter of time.
_NOT_TRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
_OTHER_NAME: Final = "Hostname Verification Check failed"
_NO_TLS: Final = "WRONG_VERSION_NUMBER"
_EXPIRED: Final = "certificate has expired"
_TOO_EARLY: Final = "certificate is not yet valid"
_HUNG_UP: Final = "Socket closed"

DEAD_AFTER_S: Final = 20.0
_OFTENEST_PING_S: Final = 1.0
"""Main takes no more."""

_Status = grpc.StatusCode


def bearer(token: str | None) -> tuple[tuple[str, str]] | None:
    """Return the metadata that presents a token."""
    if token is None:
        return None
    return (("authorization", f"Bearer {token}"),)


def options(limits: Limits, dead_after: float = DEAD_AFTER_S) -> list[tuple[str, int]]:
    """Return the options of a channel.

    Args:
        limits: the largest frame.
        dead_after: seconds until a connection counts as gone on which nothing comes.
    """
    # HTTP/2's own pings, which a busy program answers. gRPC has the system give up by
    # the same timeout what it cannot deliver (TCP_USER_TIMEOUT).
    ping_s = max(_OFTENEST_PING_S, dead_after / 2)
    return [
        ("grpc.max_receive_message_length", limits.max_frame_bytes),
        ("grpc.max_send_message_length", limits.max_frame_bytes),
        ("grpc.keepalive_time_ms", round(ping_s * 1000)),
        ("grpc.keepalive_timeout_ms", round((dead_after - ping_s) * 1000)),
        # gRPC's own pings, which measure the bandwidth, stand in for ours.
        ("grpc.http2.ping_timeout_ms", round((dead_after - ping_s) * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # Two renderers in one process are two connections: one that is stuck must
        # not hold the other up.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        # A stream is resumed by us, and nobody else may say its Hello again.
        ("grpc.enable_retries", 0),
    ]


def credentials(tls: TLS) -> grpc.ChannelCredentials:
    """Return how a channel encrypts.

    Raises:
        ConnectionClosed: a file cannot be used.
    """
    pems = tls.load()
    return grpc.ssl_channel_credentials(pems.ca, pems.key, pems.cert)


def tls_options(tls: TLS) -> list[tuple[str, str]]:
    """Return the options of a channel that encrypts, besides its others."""
    if tls.server_name is None:
        return []
    return [("grpc.ssl_target_name_override", tls.server_name)]


# ---- what a status means (PROTOCOL.md, "How a link ended") ---------------------------


def stream_error(code: Any, details: str | None) -> IpcError:
    """Return the error for a stream that ended with a status other than OK."""
    details = details or ""
    common = _common_error(code, details)
    if common is not None:
        return common
    lost = code in (_Status.ABORTED, _Status.NOT_FOUND, _Status.FAILED_PRECONDITION)
    fate = Fate.NEW_SESSION if lost else Fate.RESUME
    return LinkBroken(_text(code, details), _outcome(code, details), fate)


def unary_error(code: Any, details: str | None) -> IpcError:
    """Return the error for a unary call that ended with a status other than OK."""
    details = details or ""
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
    if code in (_Status.NOT_FOUND, _Status.FAILED_PRECONDITION):
        return LinkBroken(_text(code, details), "unknown", Fate.NEW_SESSION)
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
    if code is _Status.UNAVAILABLE and details.startswith(_NEVER_LEFT):
        return _connecting_error(details)
    return None


def _connecting_error(details: str) -> IpcError | None:
    if _OTHER_NAME in details:
        text = (
            "the certificate there is for another name: connect by a name that it has, "
            "or say which with tls=TLS(server_name=…)"
        )
    elif _NO_TLS in details:
        text = (
            "what answers there speaks no TLS: leave tls= and ELECTRON_IPC_CA out, or "
            "start main with --tls-cert and --tls-key"
        )
    elif _EXPIRED in details:
        text = "the certificate there has expired: give main a new one"
    elif _TOO_EARLY in details:
        text = "the certificate there is not valid yet: compare the clocks"
    elif _NOT_TRUSTED in details:
        text = (
            "the certificate there is not trusted: give the authority that signed it "
            "as tls=TLS(ca=FILE), --tls-ca FILE or ELECTRON_IPC_CA "
            f"({details.rpartition('OPENSSL_internal:')[2].removesuffix(': OK')})"
        )
    elif details.endswith(_HUNG_UP):
        return HungUp(_text(_Status.UNAVAILABLE, details), "not-sent", Fate.RESUME)
    else:
        return None
    return NoHandshake(text, "not-sent", Fate.GIVE_UP)


def _outcome(code: object, details: str) -> Outcome:
    unsent = code is _Status.UNAVAILABLE and details.startswith(_NEVER_LEFT)
    return "not-sent" if unsent else "unknown"


def _text(code: Any, details: str) -> str:
    return f"{code.name}: {details}" if details else str(code.name)


__all__ = (
    "SEND_SYNC",
    "STREAM",
    "bearer",
    "credentials",
    "options",
    "stream_error",
    "tls_options",
    "unary_error",
)
