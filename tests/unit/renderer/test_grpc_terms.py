"""What gRPC's statuses mean, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from renderer.carrier import LinkBroken, NoHandshake
from renderer.grpc_terms import stream_error, unary_error
from renderer.wire.errors import (
    AccessDenied,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    Overloaded,
    PayloadTooLarge,
)
from renderer.wire.link import Fate

Code = grpc.StatusCode
REFUSED = "failed to connect to all addresses; last error: …"


CUT = {
    Code.UNAVAILABLE,
    Code.UNKNOWN,
    Code.INTERNAL,
    Code.CANCELLED,
    Code.DEADLINE_EXCEEDED,
    Code.RESOURCE_EXHAUSTED,
    Code.DATA_LOSS,
}
LOST = {Code.ABORTED, Code.NOT_FOUND, Code.FAILED_PRECONDITION}
DENIED = {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED}
OURS = {Code.INVALID_ARGUMENT, Code.OUT_OF_RANGE, Code.ALREADY_EXISTS}


@pytest.mark.parametrize("code", [c for c in Code if c is not Code.OK])
def test_every_status_of_a_stream_has_a_meaning(code: grpc.StatusCode) -> None:
    error = stream_error(code, "why")
    if code in CUT | LOST:
        assert isinstance(error, LinkBroken)
        assert error.fate is (Fate.NEW_SESSION if code in LOST else Fate.RESUME)
        assert (error.outcome, str(error)) == ("unknown", f"{code.name}: why")
    elif code in DENIED:
        assert type(error) is AccessDenied
    elif code in OURS:
        assert type(error) is LocalProtocolError
    else:
        assert code is Code.UNIMPLEMENTED
        assert isinstance(error, LinkBroken)
        assert (error.outcome, error.fate) == ("not-sent", Fate.GIVE_UP)


@pytest.mark.parametrize("read", [stream_error, unary_error])
def test_a_handshake_that_failed(read: Callable[[Any, str], IpcError]) -> None:
    text = f"{REFUSED} Ssl handshake failed: OPENSSL_internal:"
    error = read(Code.UNAVAILABLE, text + "CERTIFICATE_VERIFY_FAILED: self-signed: OK")
    assert isinstance(error, NoHandshake)
    assert (error.outcome, error.fate) == ("not-sent", Fate.GIVE_UP)
    assert "(CERTIFICATE_VERIFY_FAILED: self-signed)" in str(error)
    # A byte may have changed on its way.
    error = read(Code.UNAVAILABLE, text + "BAD_DECRYPT: OK")
    assert type(error) is LinkBroken
    assert (error.outcome, error.fate) == ("not-sent", Fate.RESUME)


def test_a_status_without_details() -> None:
    assert str(stream_error(Code.INTERNAL, None)) == "INTERNAL"


def test_what_found_no_connection_was_not_sent() -> None:
    for read in (stream_error, unary_error):
        error = read(Code.UNAVAILABLE, REFUSED)
        assert isinstance(error, LinkBroken)
        assert error.outcome == "not-sent"


@pytest.mark.parametrize(
    ("code", "details", "kind", "outcome"),
    [
        (Code.DEADLINE_EXCEEDED, "", IpcTimeout, None),
        (Code.RESOURCE_EXHAUSTED, "full", Overloaded, None),
        (
            Code.RESOURCE_EXHAUSTED,
            "CLIENT: Received message larger than max (5 vs. 4)",
            PayloadTooLarge,
            None,
        ),
        (Code.ABORTED, "gone", LinkBroken, "not-sent"),
        (Code.FAILED_PRECONDITION, "forgotten", LinkBroken, "unknown"),
        (Code.UNAVAILABLE, "reset", LinkBroken, "unknown"),
        (Code.UNIMPLEMENTED, "", LinkBroken, "not-sent"),
        (Code.PERMISSION_DENIED, "", AccessDenied, None),
        (Code.INVALID_ARGUMENT, "", LocalProtocolError, None),
    ],
)
def test_statuses_of_a_unary_call(
    code: grpc.StatusCode, details: str, kind: type[IpcError], outcome: str | None
) -> None:
    error = unary_error(code, details)
    assert type(error) is kind
    if isinstance(error, LinkBroken):
        assert error.outcome == outcome
