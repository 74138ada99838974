"""The numbers that bound a session, ours and the peer's, in one place each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

MAX_DEPTH: Final = 64
"""Levels of containers in one value; more is refused in every encoding."""

MAX_CONTAINERS: Final = 1_000_000
"""Containers, exts among them, in the values of one message: each has a byte or two on
the wire, and costs its reader up to half a KiB, and some microseconds."""

MIN_CHUNK_BYTES: Final = KIB
"""Every chunk but the last carries at least this."""

MAX_TOKEN_BYTES: Final = KIB
MIN_FRAME_BYTES: Final = 4 * KIB
"""The smallest `max_frame_bytes` a peer may ask for."""

MAX_NUMBER: Final = 2**63 - 1
"""The last message number and the largest call id."""

MAX_LANE: Final = 2**32 - 1
"""The last lane."""

LONGEST_GRACE: Final = 24 * 3600
"""Seconds; Welcome tells them in milliseconds of 32 bits."""

MAX_TRANSFERS: Final = 4
"""Large messages of one direction that may be under way at once."""

MAX_FRAME_MESSAGES: Final = 4_096
"""The messages in one frame, at most: an empty one has two bytes, and costs its reader
some microseconds, in which nobody else has the loop."""

LARGE_FRAME: Final = 64 * KIB
"""Bytes of a frame from which on its messages may take long to read."""

LONGEST_TURN: Final = 0.002
"""Seconds of dispatch after which others get the loop, however much waits."""

LOOK_AT_CLOCK_EVERY: Final = 16
"""Messages between two looks at the clock. The first looks come earlier: who knows how
long a listener takes?"""

MAX_METADATA: Final = 16
MAX_METADATA_BYTES: Final = 8 * KIB
"""Entries, and bytes of their keys and values, that may accompany a call."""

RESUMES_WITHOUT_PROGRESS: Final = 3
"""So many resumes may find the same message undelivered before the session ends."""

FEATURES: Final = ("chunks", "lanes")
"""Optional parts of the contract that this implementation knows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one end allows its peer, and how it batches its own writes.

    The window, frame and message limits are announced to the peer, which keeps to
    them; the others are this end's own habits.
    """

    window_messages: int = 65_536
    """Events, calls and chunks that may be unacked on their way to this end."""
    window_bytes: int = 64 * MIB
    """The same in bytes of serialized messages."""
    max_frame_bytes: int = 4 * MIB
    """The largest frame this end reads."""
    max_message_bytes: int = 64 * MIB
    """The largest message this end puts together from chunks."""
    batch_messages: int = 256
    """Messages in one frame, at most."""
    batch_bytes: int = 256 * KIB
    """Bytes of messages in one frame, unless one message alone is larger."""
    overshoot: int = 4
    """By how much sends made while dispatching may exceed the peer's window."""
    ack_delay: float = 1.0
    """Seconds an owed ack may wait for another frame to ride on."""
    resume_grace: float = 60.0
    """Seconds for which main keeps a renderer whose link is cut; 0: it is gone then."""
    hello_timeout: float = 10.0
    """Seconds a new link may take to say Hello."""
    max_running: int = 1_000
    """Handlers and listeners that run at once for one renderer."""
    max_rate: float | None = None
    """Events and calls of one renderer that main dispatches in a second; None: any."""
    max_sessions: int = 10_000
    """Renderers that main serves or keeps at once."""

    def __post_init__(self) -> None:
        if self.window_messages < 1 or self.window_bytes < 1:
            raise ValueError("a window of 0 lets nothing through")
        if self.max_frame_bytes < MIN_FRAME_BYTES:
            raise ValueError(f"max_frame_bytes is less than {MIN_FRAME_BYTES:,}")
        if self.max_message_bytes < 1:
            raise ValueError("max_message_bytes of 0 lets nothing through")
        if not 0 <= self.resume_grace <= LONGEST_GRACE:
            raise ValueError(f"resume_grace is 0 to {LONGEST_GRACE:,} seconds")
        if self.max_rate is not None and not self.max_rate > 0:
            raise ValueError("a max_rate of 0 lets nothing through")
        if self.batch_messages < 1 or self.batch_bytes < MIN_CHUNK_BYTES:
            raise ValueError(f"a batch is a message, of {MIN_CHUNK_BYTES:,} bytes")
        if self.batch_messages > MAX_FRAME_MESSAGES:
            raise ValueError(f"a batch is at most {MAX_FRAME_MESSAGES:,} messages")


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Peer:
    """What the other end said of itself in Hello or Welcome."""

    window_messages: int = DEFAULT_LIMITS.window_messages
    window_bytes: int = DEFAULT_LIMITS.window_bytes
    max_frame_bytes: int = DEFAULT_LIMITS.max_frame_bytes
    max_message_bytes: int = DEFAULT_LIMITS.max_message_bytes
    acks: bool = True
    """It acks what it consumes; without that, written counts as acked."""
    resume: bool = False
    """It may come back after a cut."""
    features: frozenset[str] = field(default_factory=frozenset[str])
    """The features that both ends named."""
    packed: bool = False
    """Both ends named packed values: they may be sent, for the session's life."""
    narrowed: bool = False
    """We use less of its window than it granted: it cannot tell when we run short."""
