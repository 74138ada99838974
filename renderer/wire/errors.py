"""Every error that electron-ipc raises, the same classes on both ends.

* `IpcError`: the base; `reason` is the word that stands on the wire.

  * `ConnectionClosed` (also a `ConnectionError`): the other process is out of reach.
  * `ProtocolError`: abstract; the contract was broken, by

    * `LocalProtocolError`: this side, or
    * `RemoteProtocolError`: the other one.

  * `DataCloneError`: a value cannot be carried; says where it stands.
  * `RemoteError`: a handler or listener on the other side raised.
  * `NoListener`, `NoHandler`: nobody serves the channel.
  * `DuplicateHandler`: the channel has a handler already.
  * `ReplyNeverSent`: all listeners finished and none set the return value.
  * `AccessDenied`: not allowed here.
  * `IpcTimeout` (also a `TimeoutError`): the caller's time is over.
  * `Overloaded`: a limit on work, or the other side's window, is reached.
  * `PayloadTooLarge`: a message exceeds what the other side takes.

Each class has the word (`reason`) and the name of the gRPC status that says the same
(`status`). `CANCELLED` and `UNIMPLEMENTED` have no class of their own: nothing can be
done about them that is not done about any `IpcError`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Outcome = Literal["not-sent", "unknown"]

_LONGEST_QUOTE = 100


class IpcError(Exception):
    """The base of all errors of electron-ipc.

    Args:
        message: for people: what went wrong and what to do.
        reason: the wire's word, where the class does not say it.
    """

    reason: str = "REMOTE_ERROR"
    """The wire's word for this failure."""
    status: ClassVar[str] = "UNKNOWN"
    """The name of the gRPC status that says the same."""

    def __init__(self, message: str = "", *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason

    @property
    def message(self) -> str:
        """What went wrong, without what `str()` puts around it."""
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is rebuilt from `args` alone, which fails for
        # every class whose __init__ takes more than the message.
        return _rebuild, (type(self), self.args), self.__dict__.copy()


def _rebuild(cls: type[IpcError], args: tuple[Any, ...]) -> IpcError:
    error = cls.__new__(cls)
    error.args = args
    return error


class ConnectionClosed(IpcError, ConnectionError):
    """The other process is out of reach, or the connection ended.

    Args:
        message: as for `IpcError`.
        outcome: what became of the message: "not-sent", or "unknown" if it may
            have arrived.
    """

    reason = "CONNECTION_CLOSED"
    status = "UNAVAILABLE"

    def __init__(self, message: str = "", outcome: Outcome = "unknown") -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome


class ProtocolError(IpcError):
    """The contract was broken. Abstract: it is either our fault or theirs."""

    reason = "PROTOCOL"
    status = "INVALID_ARGUMENT"

    def __init__(self, message: str = "", *, reason: str | None = None) -> None:
        if type(self) is ProtocolError:
            raise TypeError("use LocalProtocolError or RemoteProtocolError")
        super().__init__(message, reason=reason)


class LocalProtocolError(ProtocolError):
    """This side tried what the contract does not allow."""


class RemoteProtocolError(ProtocolError):
    """The other side did what the contract does not allow."""


class DataCloneError(IpcError):
    """A value cannot be carried. Nothing was sent.

    Args:
        message: what is wrong, without the path.
        path: where in the arguments the value stands: "args[0].user.callback".
    """

    reason = "DATA_CLONE"
    status = "INVALID_ARGUMENT"

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class RemoteError(IpcError):
    """What a handler or listener on the other side raised.

    A handler may raise one on purpose: it arrives with the same type, message and
    details.

    Args:
        type: the class name of what was raised, in its own language.
        message: its message.
        details: what it adds for programs; any value that can be sent.
    """

    reason = "REMOTE_ERROR"
    status = "UNKNOWN"

    def __init__(self, type: str, message: str, details: object = None) -> None:
        super().__init__(message)
        self.type = type
        self.details: Any = details
        # Set once it has crossed. It is the receiver who knows the channel, so an
        # error that is passed on gets no second envelope.
        self.channel: str | None = None
        """The channel it came over; None before it has crossed."""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.type, self.message) if part)
        if self.channel is None:
            return text
        return f"Error invoking remote method {quote(self.channel)}: {text}"

    def __repr__(self) -> str:
        return f"RemoteError({self.type!r}, {self.message!r}, {self.details!r})"


class NoListener(IpcError):
    """A sync message went to a channel that has no listener."""

    reason = "NO_LISTENER"
    status = "NOT_FOUND"


class NoHandler(IpcError):
    """`invoke` was called on a channel that has no handler."""

    reason = "NO_HANDLER"
    status = "NOT_FOUND"


class DuplicateHandler(IpcError):
    """The channel has a handler already; it can have one."""

    reason = "DUPLICATE_HANDLER"
    status = "ALREADY_EXISTS"


class ReplyNeverSent(IpcError):
    """Every listener of a sync message finished and none set the return value."""

    reason = "REPLY_NEVER_SENT"
    status = "FAILED_PRECONDITION"


class AccessDenied(IpcError):
    """This renderer may not do that here."""

    reason = "ACCESS_DENIED"
    status = "PERMISSION_DENIED"


class IpcTimeout(IpcError, TimeoutError):
    """The caller's time was over before there was an answer."""

    reason = "TIMEOUT"
    status = "DEADLINE_EXCEEDED"


class Overloaded(IpcError):
    """A limit on work, or the other side's window, is reached. Nothing was sent."""

    reason = "OVERLOADED"
    status = "RESOURCE_EXHAUSTED"


class PayloadTooLarge(IpcError):
    """A message is larger than the other side takes. Nothing was sent."""

    reason = "PAYLOAD_TOO_LARGE"
    status = "RESOURCE_EXHAUSTED"


def quote(text: str, limit: int = _LONGEST_QUOTE) -> str:
    """Return a name from outside as it may stand in a message or a log line.

    Args:
        text: the name, as it came.
        limit: characters to keep of it.

    Returns:
        It in single quotes, on one line, printable and not absurdly long.
    """
    if len(text) > limit:
        text = f"{text[:limit]}…"
    return f"'{visible(text)}'"


def visible(text: str) -> str:
    """Return a text on one line, with what does not print escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """Return a text with lone surrogates escaped, so that protobuf takes it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def message_of(error: BaseException) -> str:
    """Return `str(error)`, or a stand-in if that raises, as protobuf takes it."""
    try:
        return printable(str(error))
    except Exception:  # anything: an error must be reported, however broken it is
        return f"<unprintable {type(error).__name__}>"


__all__ = (
    "AccessDenied",
    "ConnectionClosed",
    "DataCloneError",
    "DuplicateHandler",
    "IpcError",
    "IpcTimeout",
    "LocalProtocolError",
    "NoHandler",
    "NoListener",
    "Outcome",
    "Overloaded",
    "PayloadTooLarge",
    "ProtocolError",
    "RemoteError",
    "RemoteProtocolError",
    "ReplyNeverSent",
    "message_of",
    "printable",
    "quote",
    "visible",
)
