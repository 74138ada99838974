import copy
import pickle
from collections.abc import Callable

import pytest

from renderer.wire import errors
from renderer.wire.errors import (
    ConnectionClosed,
    DataCloneError,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    NoListener,
    ProtocolError,
    RemoteError,
    RemoteProtocolError,
    message_of,
    printable,
    quote,
)

GRPC_STATUSES = {
    "ALREADY_EXISTS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "UNKNOWN",
}


def crossed(error: RemoteError, channel: str) -> RemoteError:
    error.channel = channel
    return error


def noted(error: IpcError) -> IpcError:
    error.add_note("a note")
    return error


SAMPLES: list[IpcError] = [
    IpcError("opened in process 4711"),
    IpcError("stopped", reason="CANCELLED"),
    IpcError(),
    ConnectionClosed("gone", "not-sent"),
    ConnectionClosed(),
    LocalProtocolError("ours"),
    RemoteProtocolError("theirs", reason="PROTOCOL"),
    DataCloneError("function is not cloneable", "args[0].f"),
    RemoteError("ValueError", "boom", {"code": [1]}),
    crossed(RemoteError("ValueError", "boom"), "add"),
    IpcTimeout("no answer within 30 s"),
    noted(NoListener("no listener for 'x'")),
]


def public_classes() -> list[type[IpcError]]:
    found = [getattr(errors, name) for name in errors.__all__]
    return [c for c in found if isinstance(c, type) and issubclass(c, IpcError)]


def pickled(error: IpcError) -> IpcError:
    twin: IpcError = pickle.loads(pickle.dumps(error))
    return twin


WAYS: list[Callable[[IpcError], IpcError]] = [copy.copy, copy.deepcopy, pickled]


@pytest.mark.parametrize("error", SAMPLES, ids=repr)
@pytest.mark.parametrize("through", WAYS)
def test_an_error_survives(
    error: IpcError, through: Callable[[IpcError], IpcError]
) -> None:
    twin = through(error)
    assert twin is not error
    assert type(twin) is type(error)
    assert (str(twin), repr(twin)) == (str(error), repr(error))
    assert twin.args == error.args
    assert twin.reason == error.reason
    assert vars(twin) == vars(error)


def test_a_copy_has_attributes_of_its_own() -> None:
    error = RemoteError("E", "m")
    twin = copy.copy(error)
    twin.channel = "add"
    assert error.channel is None


@pytest.mark.parametrize("cls", public_classes())
def test_every_class_has_a_word_and_a_status(cls: type[IpcError]) -> None:
    assert cls.reason.isupper()
    assert cls.status in GRPC_STATUSES
    assert cls.__doc__


def test_words_tell_the_classes_apart() -> None:
    said_by_two = {IpcError, ProtocolError, LocalProtocolError, RemoteProtocolError}
    words = [cls.reason for cls in public_classes() if cls not in said_by_two]
    assert len(set(words)) == len(words)


def test_the_tree_is_drawn_in_the_module() -> None:
    assert errors.__doc__
    for cls in public_classes():
        assert f"`{cls.__name__}`" in errors.__doc__


def test_builtin_bases_catch_their_errors() -> None:
    assert issubclass(ConnectionClosed, ConnectionError)
    assert issubclass(IpcTimeout, TimeoutError)


def test_a_protocol_error_is_somebodys_fault() -> None:
    with pytest.raises(TypeError, match="LocalProtocolError or RemoteProtocolError"):
        ProtocolError("x")


def test_a_reason_can_be_given_where_there_is_no_class() -> None:
    assert IpcError("x", reason="UNIMPLEMENTED").reason == "UNIMPLEMENTED"
    assert IpcError("x").reason == "REMOTE_ERROR"


def test_a_subclass_that_forgets_the_message_still_has_one() -> None:
    class Careless(IpcError):
        def __init__(self) -> None:
            pass

    assert Careless().message == ""


def test_data_clone_error_names_the_place() -> None:
    error = DataCloneError("Decimal is not cloneable", "args[0].price")
    assert str(error) == "args[0].price: Decimal is not cloneable"
    assert error.message == "Decimal is not cloneable"
    assert str(DataCloneError("Decimal is not cloneable")) == error.message


@pytest.mark.parametrize(
    ("type_", "message", "text"),
    [
        ("ValueError", "boom", "ValueError: boom"),
        ("ValueError", "", "ValueError"),
        ("", "boom", "boom"),
        ("", "", ""),
    ],
)
def test_text_of_a_remote_error(type_: str, message: str, text: str) -> None:
    error = RemoteError(type_, message)
    assert str(error) == text
    error.channel = "x"
    assert str(error) == f"Error invoking remote method 'x': {text}"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("add", "'add'"),
        ("", "''"),
        ("it's", "'it's'"),
        ("a\nb\x1b[0m", "'a\\nb\\x1b[0m'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 101, "'" + "x" * 100 + "…'"),
    ],
)
def test_names_from_outside_stay_on_one_line(text: str, quoted: str) -> None:
    assert quote(text) == quoted


def test_message_of_anything() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert message_of(ValueError("boom")) == "boom"
    assert message_of(ValueError("\udc80")) == "\\udc80"
    assert message_of(Broken()) == "<unprintable Broken>"


def test_printable_keeps_what_is_text() -> None:
    assert printable("é😀") == "é😀"
    assert printable("a\ud800b") == "a\\ud800b"
