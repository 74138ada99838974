"""What a session tells the shell that drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from electron_ipc.v1 import ipc_pb2 as pb

_FOR_EVER: Final = 2**31  # milliseconds: longer than any timer


@dataclass(slots=True)
class Arrived:
    """An event or call for the dispatcher. Call `Session.consume` when through."""

    number: int
    kind: str
    """"event" or "call"."""
    message: pb.Message
    large: bool = False
    """It came in a large frame, or in chunks: it may take long to read."""

    @property
    def body(self) -> pb.Event | pb.Call:
        """Its channel and arguments."""
        message = self.message
        return message.event if self.kind == "event" else message.call

    @property
    def is_sync(self) -> bool:
        """It is a call for listeners."""
        # Reading an unset `call` gives its default, whose kind is another one.
        return self.message.call.kind == pb.CALL_KIND_SEND_SYNC

    @property
    def is_invoke(self) -> bool:
        """It is a call for the handler."""
        kind = self.message.call.kind
        return self.kind == "call" and kind in (
            pb.CALL_KIND_UNSPECIFIED,
            pb.CALL_KIND_INVOKE,
        )

    @property
    def timeout(self) -> float | None:
        """Seconds the caller will wait; None without limit."""
        call = self.message.call
        if not call.HasField("remaining_ms") or call.remaining_ms >= _FOR_EVER:
            return None
        return call.remaining_ms / 1000


@dataclass(slots=True)
class Replied:
    """The reply to a call of ours; already consumed."""

    id: int
    reply: pb.Reply


@dataclass(slots=True)
class Cancelled:
    """The peer no longer waits for its call; already consumed."""

    id: int


@dataclass(slots=True)
class GivenUp:
    """The peer gave up messages by policy; their numbers are used."""

    channel: str
    count: int


@dataclass(slots=True)
class Acked:
    """The peer has consumed more of our messages: the window has opened.

    A peer without acks gives no such event; for it, written counts as acked.
    """

    number: int


@dataclass(slots=True)
class Opened:
    """The session is usable from this end: Welcome is in (renderer's end only)."""

    welcome: pb.Welcome


@dataclass(slots=True)
class Gap:
    """The session could not be resumed; a new one has begun in its place."""

    sent_unconfirmed: int
    """Events and calls of ours that the peer may or may not have consumed."""
    received_missing: int | None
    """Messages of the peer that never came; None if nobody can know."""


@dataclass(slots=True)
class Detached:
    """The link is gone; the session waits for another."""

    retry_after: float
    """Seconds the peer asked to wait."""
    address: str
    """Where the peer asked to go; empty for the same address."""


@dataclass(slots=True)
class GoodbyeHeard:
    """The peer said Goodbye. Answer when all that arrived before is consumed."""

    reason: int
    """A GoodbyeReason."""
    message: str
    """The same for people."""
    retry_after: float = 0.0
    """Seconds the peer asked to wait before a new session."""
    address: str = ""
    """Where the peer asked to go; empty for the same address."""


@dataclass(slots=True)
class Ended:
    """The session is over. The last event of all."""

    reason: int
    """A GoodbyeReason; unspecified after a cut."""
    message: str
    """For people; empty if nobody said why."""
    unconfirmed: int
    """Events and calls of ours that the peer did not ack."""
    missing: int | None
    """Messages that the peer sent and that never came; None if it did not tell."""
    error: Exception | None = None
    """What the peer did wrong, if that ended it."""


SessionEvent = (
    Arrived
    | Replied
    | Cancelled
    | GivenUp
    | Acked
    | Opened
    | Gap
    | Detached
    | GoodbyeHeard
    | Ended
)
