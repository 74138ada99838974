import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import reasons, terms
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    IpcError,
    LocalProtocolError,
    NoListener,
    Overloaded,
    RemoteProtocolError,
)


def test_an_introduction() -> None:
    hello = terms.introduction(version="1.2", url="app://main", title="left")
    assert (hello.client_name, hello.client_version) == ("electron-ipc-python", "1.2")
    assert (hello.url, hello.title) == ("app://main", "left")


def test_a_unary_response() -> None:
    response = pb.SendSyncResponse(value=pb.Value(string_value="pong"))
    assert terms.read_sync_response(response.SerializeToString(), "x") == "pong"


def test_a_unary_failure() -> None:
    failure = pb.Failure(reason="NO_LISTENER", message="nobody")
    response = pb.SendSyncResponse(failure=failure)
    with pytest.raises(NoListener, match="nobody"):
        terms.read_sync_response(response.SerializeToString(), "x")


def test_bytes_that_are_no_unary_response() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed"):
        terms.read_sync_response(b"\xff", "x")


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (reasons.ACCESS_DENIED, AccessDenied),
        (reasons.PROTOCOL, LocalProtocolError),
        (reasons.OVERLOADED, Overloaded),
        (reasons.SHUTDOWN, ConnectionClosed),
        (99, ConnectionClosed),
    ],
)
def test_a_goodbye_instead_of_a_welcome(reason: int, error: type[IpcError]) -> None:
    assert str(terms.turned_away(reason, "go")) == "go"
    assert type(terms.turned_away(reason, "")) is error
    assert "goodbye" in str(terms.turned_away(reason, ""))
