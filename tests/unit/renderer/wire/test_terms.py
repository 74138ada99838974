"""What is said around the messages."""

from __future__ import annotations

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import (
    NoListener,
    RemoteProtocolError,
)
from renderer.wire.terms import introduction, read_sync_response


def test_an_introduction_says_who_and_what() -> None:
    hello = introduction(version="1.2", url="page.py", title="left")
    assert hello == pb.Hello(
        client_name="electron-ipc-python",
        client_version="1.2",
        url="page.py",
        title="left",
    )


def test_a_unary_response_is_a_value_a_failure_or_nonsense() -> None:
    value = pb.SendSyncResponse(value=pb.Value(int_value=7))
    assert read_sync_response(value.SerializeToString(), "x") == 7
    failure = pb.SendSyncResponse(failure=pb.Failure(reason="NO_LISTENER"))
    with pytest.raises(NoListener):
        read_sync_response(failure.SerializeToString(), "x")
    with pytest.raises(RemoteProtocolError, match="malformed response"):
        read_sync_response(b"\xff", "x")
