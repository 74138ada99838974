"""gRPC takes any option, and says nothing of a name that it does not know."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from mainproc.servicer import server_options
from renderer.grpc_terms import options, tls_options
from renderer.tls import TLS
from renderer.wire.limits import DEFAULT_LIMITS


@pytest.fixture(scope="module")
def grpc() -> bytes:
    """Return gRPC itself, which has in it the names that it knows."""
    spec = find_spec("grpc._cython.cygrpc")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_bytes()


@pytest.mark.parametrize(
    "given",
    [
        options(DEFAULT_LIMITS),
        tls_options(TLS(server_name="main")),
        server_options(DEFAULT_LIMITS),
    ],
    ids=["renderer", "tls", "main"],
)
def test_every_option_is_one_of_its_own(
    grpc: bytes, given: list[tuple[str, object]]
) -> None:
    names = [name for name, _ in given]
    assert names
    assert [name for name in names if not is_known(name, grpc)] == []
    assert len(set(names)) == len(names)


def test_a_misspelt_option_would_be_seen(grpc: bytes) -> None:
    for name in ("grpc.keepalive_times_ms", "keepalive_time_ms", "grpc.keepalive_time"):
        assert not is_known(name, grpc)


def is_known(name: str, grpc: bytes) -> bool:
    pattern = rb"(?<![a-z_.])%s\0" % re.escape(name).encode()
    return re.search(pattern, grpc) is not None


def test_grpc_says_no_hello_again_by_itself() -> None:
    assert dict(options(DEFAULT_LIMITS))["grpc.enable_retries"] == 0


@pytest.mark.parametrize("seconds", [2.0, 4.0, 20.0])
def test_silence_is_noticed_within_what_was_asked_for(seconds: float) -> None:
    given = dict(options(DEFAULT_LIMITS, dead_after=seconds))
    ping, answer = given["grpc.keepalive_time_ms"], given["grpc.keepalive_timeout_ms"]
    assert ping + answer <= seconds * 1000
    assert given["grpc.http2.ping_timeout_ms"] == answer
    permitted = dict(server_options(DEFAULT_LIMITS))
    assert ping >= permitted["grpc.http2.min_ping_interval_without_data_ms"]
