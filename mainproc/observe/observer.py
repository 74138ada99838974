"""What can be observed: the one class to derive from, and what it is told."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from renderer.wire.errors import ConnectionClosed, IpcError, IpcTimeout, RemoteError
from renderer.wire.metadata import NO_METADATA, Metadata

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents

Direction = Literal["in", "out"]
"""From a renderer to main, or from main to a renderer."""

Kind = Literal["event", "invoke", "sync", "reply", "cancel", "lost"]
"""What a message is. "lost" stands for messages that their sender gave up."""

Outcome = Literal["ok", "error", "refused", "timeout", "cancelled", "lost"]
"""How a call ended: with a result; because its handler raised; because it could not be
served; because its time was over; because its caller wanted it no more; or because one
of the two was gone."""


def _nothing() -> Metadata:
    return NO_METADATA


@dataclass(frozen=True, slots=True, eq=False)
class ObservedCall:
    """A call that runs. Its start and its end get the same object, also as a key."""

    contents: WebContents
    """The renderer that asks, or is asked."""
    direction: Direction
    """ "in": a renderer asks main."""
    kind: Literal["invoke", "sync"]
    """For a handler, or for listeners."""
    channel: str
    """Its channel."""
    metadata: Metadata = field(default_factory=_nothing, repr=False)
    """What accompanies it, as `traceparent`; of calls that arrive."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended."""

    seconds: float
    """From its start."""
    outcome: Outcome
    """In one word."""
    reason: str = ""
    """The class of what a handler raised, or the wire's word, as "NO_HANDLER"; empty if
    there is a result."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody, or one of their messages, was turned away."""

    contents: WebContents | None
    """The renderer; None for one that did not become any."""
    reason: str
    """The wire's word: "ACCESS_DENIED", "NO_LISTENER", "NO_HANDLER", "PROTOCOL", …."""
    message: str
    """For people. It may quote what the peer sent."""
    channel: str | None = None
    """The message's channel; None where it is not about a message."""
    peer: str = ""
    """Where one without `contents` came from."""


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how a call ended for which there is this error in place of a result."""
    match error:
        case None:
            return "ok"
        case IpcTimeout():
            return "timeout"
        case ConnectionClosed():
            return "lost"
        case CancelledError() | IpcError(reason="CANCELLED"):
            return "cancelled"
        case IpcError() if not isinstance(error, RemoteError):
            return "refused"
        case _:
            return "error"


def name_of(error: BaseException) -> str:
    """Return the class of what a handler raised, here or on the other side."""
    return error.type if isinstance(error, RemoteError) else type(error).__name__


def reason_of(error: BaseException | None) -> str:
    """Return the word for an error that stands in place of a result."""
    if isinstance(error, IpcError) and not isinstance(error, RemoteError):
        return error.reason
    return "" if error is None else name_of(error)


class Observer:
    """What a main process does, one method for each kind of thing; all do nothing.

    Derive from it, and write those that you need. They are called where the thing
    happens: on main's loop mostly, on the thread that sends for `message` of direction
    "out", `overloaded` and calls of main's, and on the thread of the handler for the
    end of a call that one settles. So they must be quick, and may not block. One that
    raises is logged the first time and harms nothing else. New methods may be added.
    """

    __slots__ = ()

    def connected(self, contents: WebContents) -> None:
        """Note a new renderer."""

    def disconnected(self, contents: WebContents) -> None:
        """Note that a renderer's link is cut; it may come back."""

    def resumed(self, contents: WebContents, away: float) -> None:
        """Note that a renderer has come back, and nothing is lost.

        Args:
            contents: the renderer, the same object as before.
            away: seconds that it had no link.
        """

    def gap(
        self, contents: WebContents, sent_unconfirmed: int, received_missing: int | None
    ) -> None:
        """Note that messages of a renderer that ended without Goodbye may be lost.

        Args:
            contents: the renderer.
            sent_unconfirmed: messages to it that it has not acked.
            received_missing: messages from it that never came; None: nobody knows.
        """

    def destroyed(self, contents: WebContents, reason: str) -> None:
        """Note that a renderer is gone for good; told once.

        Args:
            contents: the renderer.
            reason: why, for people.
        """

    def message(
        self,
        contents: WebContents,
        direction: Direction,
        kind: Kind,
        channel: str,
        size: int,
    ) -> None:
        """Note a message that has arrived, or was accepted for sending.

        Args:
            contents: the renderer.
            direction: "in" or "out".
            kind: what it is.
            channel: its channel; empty for replies and cancels, which have none.
            size: its bytes.
        """

    def call_started(self, call: ObservedCall) -> None:
        """Note that a call's handler or listeners will run now, here or there.

        For a call that has arrived, this is called in the `contextvars` context in
        which they run: what is set here is set there. For a call of main's it is the
        context of whoever asks, as a copy; a trace that is entered here goes along.

        Args:
            call: the call; the same object is given to `call_ended`.
        """

    def call_ended(self, call: ObservedCall, end: CallEnd) -> None:
        """Note the end of a call whose start was told. Each has exactly one.

        Args:
            call: what `call_started` was given.
            end: what it came to, and how long that took.
        """

    def refused(self, refusal: Refusal) -> None:
        """Note that somebody, or one of their messages, was turned away.

        Args:
            refusal: who, what for, and why.
        """

    def overloaded(
        self, contents: WebContents, direction: Direction, channel: str, policy: str
    ) -> None:
        """Note that messages come quicker than they are taken.

        Args:
            contents: the renderer.
            direction: "out": it does not keep up; "in": it sends too much.
            channel: of the message that was too much; empty where no one message was.
            policy: what became of it: "raise", "drop_oldest", "disconnect", "wait", ….
        """


__all__ = (
    "CallEnd",
    "Direction",
    "Kind",
    "ObservedCall",
    "Observer",
    "Outcome",
    "Refusal",
)
