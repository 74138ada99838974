"""Hello and Welcome: what each end says of itself, and what they agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.limits import (
    DEFAULT_LIMITS,
    FEATURES,
    MAX_TOKEN_BYTES,
    MIN_FRAME_BYTES,
    Limits,
    Peer,
)

_PATIENCE: Final = 0.9
_ENCODINGS: Final = (pb.ENCODING_PACKED,)  # besides trees

_Limit = Literal[
    "window_messages", "window_bytes", "max_frame_bytes", "max_message_bytes"
]


@dataclass(frozen=True, slots=True)
class Admission:
    """What main grants to a new session."""

    token: bytes
    """The session's secret, from a cryptographic source."""
    session_id: str
    """Its public name."""
    web_contents_id: int
    grace: float = 0.0
    """Seconds main keeps the session after a cut; 0: a cut ends it."""
    server_name: str = ""
    server_version: str = ""


def hello_of(base: pb.Hello, limits: Limits, *, resume: bool) -> pb.Hello:
    """Return the first Hello of a renderer that acks.

    Args:
        base: what the client says of itself: name, version, url, title, credentials.
        limits: what it announces.
        resume: it comes back after a cut.
    """
    hello = pb.Hello(
        window_messages=limits.window_messages,
        window_bytes=limits.window_bytes,
        max_frame_bytes=limits.max_frame_bytes,
        max_message_bytes=limits.max_message_bytes,
        acks=True,
        resume=resume,
        encodings=_ENCODINGS,
        features=FEATURES,
    )
    hello.MergeFrom(base)
    return hello


def hello_again(first: pb.Hello, token: bytes, attempt: int, received: int) -> pb.Hello:
    """Return the Hello of a renderer that comes back.

    Args:
        first: its first one.
        token: that of the session.
        attempt: how many links have tried it.
        received: the last number that has arrived.
    """
    hello = pb.Hello(token=token, attempt=attempt, received=received)
    hello.MergeFrom(first)
    return hello


def welcome_of(
    admission: Admission, limits: Limits, peer: Peer, received: int | None
) -> pb.Welcome:
    """Return main's answer to a Hello.

    Args:
        admission: what the session was granted.
        limits: what main announces.
        peer: what was agreed on.
        received: the last number that arrived here; None for a new session.
    """
    return pb.Welcome(
        token=admission.token,
        session_id=admission.session_id,
        web_contents_id=admission.web_contents_id,
        resumed=received is not None,
        received=received or 0,
        window_messages=limits.window_messages,
        window_bytes=limits.window_bytes,
        max_frame_bytes=limits.max_frame_bytes,
        max_message_bytes=limits.max_message_bytes,
        grace_ms=round(admission.grace * 1000) if peer.resume else 0,
        encodings=_ENCODINGS if peer.packed else (),
        features=sorted(peer.features),
        server_name=admission.server_name,
        server_version=admission.server_version,
    )


def peer_of_hello(hello: pb.Hello, limits: Limits) -> Peer:
    """Return what main knows of a renderer from its first Hello.

    Raises:
        RemoteProtocolError: a limit nobody can keep, or a token out of bounds.
    """
    if len(hello.token) > MAX_TOKEN_BYTES:
        raise RemoteProtocolError(f"a token exceeds {MAX_TOKEN_BYTES:,} bytes")
    features = frozenset(hello.features).intersection(FEATURES)
    resume = hello.resume and hello.acks
    return _peer(hello, limits, hello.acks, resume, features)


def peer_of_welcome(welcome: pb.Welcome, limits: Limits, *, resume: bool) -> Peer:
    """Return what a renderer knows of main from its first Welcome.

    Raises:
        RemoteProtocolError: a limit nobody can keep.
    """
    features = frozenset(welcome.features).intersection(FEATURES)
    return _peer(welcome, limits, True, resume and welcome.grace_ms > 0, features)


def check_hello(frame: pb.StreamRequest, *, first: bool) -> None:
    """Raise RemoteProtocolError unless just the first frame of a link says Hello."""
    if frame.HasField("hello") != first:
        raise RemoteProtocolError(
            "the first frame of a stream must carry hello, and no other frame may"
        )


def brings_welcome(frame: pb.StreamResponse, *, first: bool) -> bool:
    """Tell whether a frame has main's Welcome, as the first of a link must.

    Raises:
        RemoteProtocolError: a second Welcome, or neither Welcome nor Goodbye.
    """
    welcome = frame.HasField("welcome")
    if welcome and not first:
        raise RemoteProtocolError("a second welcome")
    if first and not welcome and not frame.HasField("goodbye"):
        raise RemoteProtocolError("the first frame of a stream must carry welcome")
    return welcome


def check_welcome(welcome: pb.Welcome, *, established: bool) -> None:
    """Look at a Welcome before anything is done with it.

    Args:
        welcome: what main said.
        established: there is a session that it may resume.

    Raises:
        RemoteProtocolError: nobody could come back with its token, or it resumes what
            never was.
    """
    if not 0 < len(welcome.token) <= MAX_TOKEN_BYTES:
        raise RemoteProtocolError(f"welcome has a token of {len(welcome.token)} bytes")
    if welcome.resumed and not established:
        raise RemoteProtocolError("welcome resumes what never was a session")


def grace_of(welcome: pb.Welcome) -> float:
    """Return for how many seconds a renderer tries to come back: less than main."""
    return welcome.grace_ms / 1000 * _PATIENCE


def _peer(
    said: pb.Hello | pb.Welcome,
    limits: Limits,
    acks: bool,
    resume: bool,
    features: frozenset[str],
) -> Peer:
    if said.HasField("max_frame_bytes") and said.max_frame_bytes < MIN_FRAME_BYTES:
        raise RemoteProtocolError(f"max_frame_bytes is less than {MIN_FRAME_BYTES:,}")
    window_messages = _granted(said, "window_messages")
    window_bytes = _granted(said, "window_bytes")
    # A peer may grant what it likes: never hold more for it than our own limits.
    return Peer(
        window_messages=min(window_messages, limits.window_messages),
        window_bytes=min(window_bytes, limits.window_bytes),
        max_frame_bytes=min(_granted(said, "max_frame_bytes"), limits.max_frame_bytes),
        max_message_bytes=min(
            _granted(said, "max_message_bytes"), limits.max_message_bytes
        ),
        acks=acks,
        resume=resume,
        features=features,
        packed=pb.ENCODING_PACKED in said.encodings,
        narrowed=window_messages > limits.window_messages
        or window_bytes > limits.window_bytes,
    )


def _granted(said: pb.Hello | pb.Welcome, name: _Limit) -> int:
    # The fields of Hello and Welcome, and the limits they default to, share names.
    value: int = getattr(said if said.HasField(name) else DEFAULT_LIMITS, name)
    if not value:
        raise RemoteProtocolError(f"{name} of 0 lets nothing through")
    return value
