import gc
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import errors
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    DataCloneError,
    IpcError,
    LocalProtocolError,
    RemoteError,
    RemoteProtocolError,
)
from renderer.wire.failures import (
    exception_from,
    failure_from,
    log_info,
    raised_failure,
)
from renderer.wire.values import encode_value

# As PROTOCOL.md lists them; DUPLICATE_HANDLER is Python's own.
WORDS = {
    "ACCESS_DENIED": errors.AccessDenied,
    "CANCELLED": IpcError,
    "CONNECTION_CLOSED": errors.ConnectionClosed,
    "DATA_CLONE": errors.DataCloneError,
    "DUPLICATE_HANDLER": errors.DuplicateHandler,
    "NO_HANDLER": errors.NoHandler,
    "NO_LISTENER": errors.NoListener,
    "OVERLOADED": errors.Overloaded,
    "PAYLOAD_TOO_LARGE": errors.PayloadTooLarge,
    "PROTOCOL": errors.LocalProtocolError,
    "REMOTE_ERROR": errors.RemoteError,
    "REPLY_NEVER_SENT": errors.ReplyNeverSent,
    "TIMEOUT": errors.IpcTimeout,
    "UNIMPLEMENTED": IpcError,
}

Make = Callable[..., pb.Failure]
both = pytest.mark.parametrize("make", [failure_from, raised_failure])


def over_the_wire(failure: pb.Failure) -> IpcError:
    return exception_from(pb.Failure.FromString(failure.SerializeToString()), "add")


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    @property
    def details(self) -> object:
        raise RuntimeError("no details")


class Detailed(Exception):
    def __init__(self, message: str, details: object) -> None:
        super().__init__(message)
        self.details = details


class GrpcLike(Exception):
    def details(self) -> str:
        return "a method"


@pytest.mark.parametrize(("word", "cls"), WORDS.items())
def test_a_word_gives_its_class(word: str, cls: type[IpcError]) -> None:
    error = exception_from(pb.Failure(reason=word, message="m"))
    assert type(error) is cls
    assert (error.reason, error.message) == (word, "m")


@pytest.mark.parametrize("word", [word for word in WORDS if word != "REMOTE_ERROR"])
def test_an_error_of_the_machinery_keeps_its_word(word: str) -> None:
    error = exception_from(pb.Failure(reason=word, message="m"))
    twin = over_the_wire(failure_from(error))
    assert (type(twin), twin.reason, str(twin)) == (type(error), word, "m")


def test_an_unknown_word_is_a_remote_error_and_stays_readable() -> None:
    error = exception_from(pb.Failure(reason="QUOTA", message="m"), "add")
    assert isinstance(error, RemoteError)
    assert error.reason == "QUOTA"
    assert str(error) == "Error invoking remote method 'add': m"
    assert failure_from(error).reason == "REMOTE_ERROR"


def test_an_empty_word_is_a_remote_error() -> None:
    error = exception_from(pb.Failure(name="E", message="m"))
    assert isinstance(error, RemoteError)
    assert (error.reason, error.channel, str(error)) == ("REMOTE_ERROR", None, "E: m")


def test_the_peer_blames_us() -> None:
    error = over_the_wire(failure_from(RemoteProtocolError("what you sent")))
    assert type(error) is LocalProtocolError


def test_path_and_outcome_arrive() -> None:
    clone = over_the_wire(failure_from(DataCloneError("bad", "args[0].\ud800")))
    assert isinstance(clone, DataCloneError)
    assert (clone.message, clone.path) == ("bad", "args[0].\\ud800")
    closed = over_the_wire(failure_from(ConnectionClosed("gone", "not-sent")))
    assert isinstance(closed, ConnectionClosed)
    assert (closed.message, closed.outcome) == ("gone", "not-sent")


@pytest.mark.parametrize("text", ["", "perhaps"])
def test_an_outcome_that_is_not_told_is_unknown(text: str) -> None:
    failure = pb.Failure(reason="CONNECTION_CLOSED")
    failure.details.string_value = text
    error = exception_from(failure)
    assert isinstance(error, ConnectionClosed)
    assert error.outcome == "unknown"


@both
def test_any_exception_arrives_with_name_message_and_details(make: Make) -> None:
    error = over_the_wire(make(Detailed("boom", {"code": 42, "at": [1]})))
    assert isinstance(error, RemoteError)
    assert (error.type, error.message) == ("Detailed", "boom")
    assert error.details == {"code": 42, "at": [1]}
    assert str(error) == "Error invoking remote method 'add': Detailed: boom"


@both
def test_a_remote_error_crosses_unchanged(make: Make) -> None:
    first = over_the_wire(make(RemoteError("Özel", "boom", [1, None])))
    assert isinstance(first, RemoteError)
    second = over_the_wire(make(first))
    assert isinstance(second, RemoteError)
    assert (second.type, second.message, second.details) == ("Özel", "boom", [1, None])
    assert str(second) == "Error invoking remote method 'add': Özel: boom"


@both
@pytest.mark.parametrize(
    "error", [ValueError("x"), RemoteError("E", "x"), GrpcLike("x")]
)
def test_without_details_none_are_sent(make: Make, error: Exception) -> None:
    failure = make(error)
    assert not failure.HasField("details")
    assert not failure.HasField("traceback")
    assert vars(exception_from(failure))["details"] is None


@both
def test_an_ipc_error_without_class_keeps_its_name(make: Make) -> None:
    error = over_the_wire(make(IpcError("opened in process 4711")))
    assert isinstance(error, RemoteError)
    assert error.type == "IpcError"


@pytest.mark.parametrize(
    "error",
    [ConnectionClosed("gone"), DataCloneError("m", "p"), errors.IpcTimeout("t")],
)
def test_what_a_handler_ran_into_is_not_the_callers(error: IpcError) -> None:
    arrived = over_the_wire(raised_failure(error))
    assert isinstance(arrived, RemoteError)
    assert (arrived.type, arrived.message) == (type(error).__name__, str(error))


def test_a_handler_may_deny_access() -> None:
    error = over_the_wire(raised_failure(AccessDenied("not you")))
    assert type(error) is AccessDenied
    assert str(error) == "not you"


@both
def test_broken_exceptions_cross(make: Make) -> None:
    error = over_the_wire(make(Broken(), debug=True))
    assert isinstance(error, RemoteError)
    assert (error.type, error.message) == ("Broken", "<unprintable Broken>")


@both
def test_lone_surrogates_cross(make: Make) -> None:
    error = over_the_wire(make(ValueError("text \ud800"), debug=True))
    assert isinstance(error, RemoteError)
    assert (error.type, error.message) == ("ValueError", "text \\ud800")
    twin = over_the_wire(make(RemoteError("\ud800", "\udc00")))
    assert isinstance(twin, RemoteError)
    assert (twin.type, twin.message) == ("\\ud800", "\\udc00")


@both
def test_details_that_cannot_go_do_not_stop_the_error(make: Make) -> None:
    error = over_the_wire(make(RemoteError("E", "boom", {"a": [print]})))
    assert isinstance(error, RemoteError)
    assert error.details is None
    assert error.message == (
        "boom (details were not sent: details.a[0]: "
        "function is not cloneable; convert it or pass default=)"
    )


@both
def test_details_go_through_default(make: Make) -> None:
    error: Any = over_the_wire(make(RemoteError("E", "m", {1j}), default=str))
    assert error.details == {"1j"}


def test_details_that_cannot_be_read_do_not_hide_the_error() -> None:
    failure = pb.Failure(reason="REMOTE_ERROR", name="E", message="m")
    failure.details.SetInParent()  # nothing set in it
    error: Any = exception_from(failure)
    assert (str(error), error.details) == ("E: m", None)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # (the traceback is the point)
        return caught


@pytest.mark.parametrize("error", [ValueError("boom"), AccessDenied("no")], ids=repr)
@both
def test_the_traceback_goes_only_in_debug_mode(
    make: Make, error: BaseException
) -> None:
    assert not make(raised(error)).HasField("traceback")
    failure = make(raised(error), debug=True)
    assert "in raised" in failure.traceback
    arrived = over_the_wire(failure)
    assert arrived.__notes__ == [f"On the other side:\n{failure.traceback}"]
    assert "Traceback" not in str(arrived)


def test_a_traceback_that_cannot_be_written_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: BaseException) -> list[str]:
        raise RecursionError("too much")

    monkeypatch.setattr("traceback.format_exception", broken)
    failure = failure_from(ValueError("x"), debug=True)
    assert failure.traceback == "<no traceback: RecursionError: too much>"


@both
def test_nothing_keeps_the_exception_alive(make: Make) -> None:
    class Heavy:
        pass

    def raise_with(heavy: Heavy) -> BaseException:
        return raised(RemoteError("E", "m", {"f": print, "h": [heavy]}))

    heavy = Heavy()
    alive = weakref.ref(heavy)
    make(raise_with(heavy), debug=True)
    del heavy
    gc.collect()
    assert alive() is None


def test_a_log_begins_where_the_users_code_does() -> None:
    def listener() -> None:
        raise ValueError("boom")

    def machinery() -> None:
        listener()

    # The same function, as if it stood in a module of ours.
    code, names = machinery.__code__, {"__name__": "mainproc.dispatch"}
    ours = FunctionType(code, names, closure=machinery.__closure__)
    with pytest.raises(ValueError, match="boom") as raised:
        ours()
    error = raised.value
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)  # without this test's
    kind, same, trace = log_info(error)
    assert (kind, same) == (ValueError, error)
    assert trace is not None
    assert trace.tb_frame.f_code is listener.__code__


def test_a_log_of_what_only_our_code_saw() -> None:
    with pytest.raises(DataCloneError) as raised:
        encode_value(len, pb.Value())
    error = raised.value
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)  # without this test's
    assert log_info(error) == (DataCloneError, error, None)
