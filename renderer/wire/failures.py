"""Errors as they cross the wire: an exception to a `Failure`, and back."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any, Final, cast, get_args

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    DataCloneError,
    DuplicateHandler,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    NoHandler,
    NoListener,
    Outcome,
    Overloaded,
    PayloadTooLarge,
    RemoteError,
    ReplyNeverSent,
    message_of,
    printable,
)
from renderer.wire.plain import Default, error_items
from renderer.wire.values import decode_value, encode_value

_CLASSES: Final[dict[str, type[IpcError]]] = {
    cls.reason: cls
    for cls in (
        AccessDenied,
        DuplicateHandler,
        IpcTimeout,
        # The other side says that this one broke the contract.
        LocalProtocolError,
        NoHandler,
        NoListener,
        Overloaded,
        PayloadTooLarge,
        ReplyNeverSent,
    )
}
_WITHOUT_CLASS: Final = ("CANCELLED", "UNIMPLEMENTED")
_WORDS: Final = {
    *_CLASSES,
    *_WITHOUT_CLASS,
    ConnectionClosed.reason,
    DataCloneError.reason,
}
"""The words that say all; the others need a name beside them."""


def failure_from(
    error: BaseException, *, debug: bool = False, default: Default | None = None
) -> pb.Failure:
    """Return what crosses the wire for an error of the machinery.

    An `IpcError` keeps its reason, so that the caller gets the same class; any other
    exception crosses as `raised_failure` says. This never raises: details that cannot
    be sent are left out, and the message says so.

    Args:
        error: the error.
        debug: send the traceback too.
        default: as for `encode_args`, for the details.
    """
    if not isinstance(error, IpcError) or error.reason not in _WORDS:
        return raised_failure(error, debug=debug, default=default)
    failure = pb.Failure(reason=error.reason, message=printable(error.message))
    match error:
        case DataCloneError(path=str(text)) | ConnectionClosed(outcome=str(text)):
            failure.details.string_value = printable(text)
        case _:
            pass
    if debug:
        failure.traceback = _traceback(error)
    return failure


def raised_failure(
    error: BaseException, *, debug: bool = False, default: Default | None = None
) -> pb.Failure:
    """Return what crosses the wire for what a handler or listener raised.

    A `RemoteError` crosses unchanged, `AccessDenied` as itself. Everything else
    becomes a `RemoteError` with its class name, message and `.details`, the other
    `IpcError`s included: that a handler ran into a closed connection or a timeout of
    its own must not look like the caller's.
    """
    if isinstance(error, AccessDenied):
        return failure_from(error, debug=debug)
    name, message, details = error_items(error)
    failure = pb.Failure(reason=RemoteError.reason, name=name, message=message)
    if details is not None:
        try:
            encode_value(details, failure.details, default, "details")
        except DataCloneError as refused:
            failure.ClearField("details")
            failure.message = f"{message} (details were not sent: {refused})"
    if debug:
        failure.traceback = _traceback(error)
    return failure


def exception_from(failure: pb.Failure, channel: str | None = None) -> IpcError:
    """Return the error that a failure from the other side stands for.

    Args:
        failure: what arrived.
        channel: the channel of the call, for the text of a `RemoteError`.

    Returns:
        The error, not raised. A traceback from a peer in debug mode is a note of it.
    """
    error = _error(failure, channel)
    if failure.traceback:
        error.add_note(f"On the other side:\n{failure.traceback}")
    return error


def _error(failure: pb.Failure, channel: str | None) -> IpcError:
    reason, message = failure.reason, failure.message
    if reason == DataCloneError.reason:
        return DataCloneError(message, failure.details.string_value)
    if reason == ConnectionClosed.reason:
        outcome = failure.details.string_value
        known = outcome in get_args(Outcome)
        return ConnectionClosed(
            message, cast("Outcome", outcome if known else "unknown")
        )
    if reason in _WITHOUT_CLASS:
        return IpcError(message, reason=reason)
    if reason in _CLASSES:
        return _CLASSES[reason](message)
    error = RemoteError(failure.name, message, _details(failure))
    error.reason = reason or RemoteError.reason  # a newer peer's word is not lost
    error.channel = channel
    return error


def _details(failure: pb.Failure) -> Any:
    if not failure.HasField("details"):
        return None
    try:
        return decode_value(failure.details, "details")
    except DataCloneError:  # the error is worth more than what was added to it
        return None


def _traceback(error: BaseException) -> str:
    try:
        return printable("".join(traceback.format_exception(error)))
    except Exception as broken:
        return f"<no traceback: {type(broken).__name__}: {message_of(broken)}>"


def log_info(
    error: BaseException,
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return `exc_info` for a log: what a user's function raised, from there on.

    The frames above it are ours, and the same for everybody.
    """
    step = error.__traceback__
    while step is not None and _is_ours(step):
        step = step.tb_next
    return type(error), error, step


def _is_ours(step: TracebackType) -> bool:
    package = str(step.tb_frame.f_globals.get("__name__")).partition(".")[0]
    return package in ("mainproc", "renderer")


__all__ = ("exception_from", "failure_from", "log_info", "raised_failure")
