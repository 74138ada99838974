"""Frames as bytes: parsing what arrives, joining what goes out.

A message is serialized once, when it is put on the session; a frame is then a
concatenation, because protobuf fields may simply be appended to each other. The
fields are appended in the order of their numbers, so that the result is the same,
byte for byte, as protobuf's own serialization of the whole frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError, printable

_MESSAGES: Final = b"\x12"  # field 2, length-delimited: `messages`
_SHORT: Final = 1_024  # messages up to here have the bytes before them ready

CONTROL_RESERVE: Final = 64
"""Bytes of a frame to leave for `first`, `ack` and the tags around messages."""

_LONGEST_TEXT: Final = 1_000


def varint(number: int) -> bytes:
    """Return protobuf's base-128 form of a number that is not negative."""
    if number < 0x80:
        return _BYTES[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80)) + varint(
        number >> 14
    )


_BYTES: Final = [bytes((number,)) for number in range(0x80)]
_HEADS: Final = [_MESSAGES + varint(size) for size in range(_SHORT)]


def head_of(size: int) -> bytes:
    """Return what precedes a serialized Message of so many bytes in a frame."""
    return _HEADS[size] if size < _SHORT else _MESSAGES + varint(size)


def join(
    first: int,
    parts: Iterable[bytes | memoryview],
    *,
    ack: int | None = None,
    want_ack: bool = False,
    pong: int | None = None,
) -> bytes:
    """Return a frame.

    Args:
        first: the number of the first message; 0 when there is none.
        parts: the messages in order, each behind its `head_of`.
        ack: as in the contract, as are the others; None: absent.
        want_ack: so.
        pong: so.
    """
    control = b""
    if ack is not None:
        control = b"\x18" + varint(ack)
    if want_ack:
        control += b"\x30\x01"
    if pong is not None:
        control += b"\x40" + varint(pong)
    if not first:
        return control
    return b"".join((b"\x08", varint(first), *parts, control))


def call_id(message: bytes) -> int:
    """Return the id of a serialized Message of ours; 0 if it has none."""
    if message[:1] != b"\x08":  # ours begin with it
        return 0
    id = shift = 0
    for byte in message[1:11]:
        id |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            break
        shift += 7
    return id


def without_lane(message: bytes) -> bytes:
    """Return a serialized Message on lane 0."""
    return message + b"\x10\x00"  # of a field that stands twice the last one counts


def parse_request(data: bytes) -> pb.StreamRequest:
    """Return a renderer's frame.

    Raises:
        RemoteProtocolError: the bytes are no frame.
    """
    try:
        return pb.StreamRequest.FromString(data)
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed frame: {error}") from None


def parse_response(data: bytes) -> pb.StreamResponse:
    """Return a frame of main's.

    Raises:
        RemoteProtocolError: the bytes are no frame.
    """
    try:
        return pb.StreamResponse.FromString(data)
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed frame: {error}") from None


def parse_hello(data: bytes) -> pb.Hello:
    """Return the Hello that a link's first frame must carry.

    Raises:
        RemoteProtocolError: the bytes are no frame, or one without Hello.
    """
    frame = parse_request(data)
    if not frame.HasField("hello"):
        raise RemoteProtocolError("the first frame of a stream must carry hello")
    return frame.hello


def entitled(first: bytes, title: str) -> bytes:
    """Return the first frame of a link with another title in its Hello.

    Raises:
        RemoteProtocolError: the bytes are no frame, or one without Hello.
    """
    parse_hello(first)
    # A field that stands twice is merged, and its own fields are those set last.
    hello = pb.StreamRequest(hello=pb.Hello(title=title))
    return first + hello.SerializeToString()


def goodbye_of(reason: pb.GoodbyeReason.ValueType, message: str) -> pb.Goodbye:
    """Return a Goodbye whose text fits any frame."""
    return pb.Goodbye(reason=reason, message=printable(message[:_LONGEST_TEXT]))


def goodbye_for_now(retry_after: float, address: str) -> pb.Goodbye:
    """Return the Goodbye that ends a link only; see `Session.suspend`."""
    return pb.Goodbye(
        reason=pb.GOODBYE_REASON_SHUTDOWN,
        may_resume=True,
        retry_after_ms=round(retry_after * 1000),
        address=address,
    )


def refusal(
    reason: pb.GoodbyeReason.ValueType, message: str, *, last_sent: int = 0
) -> bytes:
    """Return main's frame to a link that gets no session.

    Args:
        reason: why.
        message: the same for people.
        last_sent: the last number of the session that it asks for.
    """
    goodbye = goodbye_of(reason, message)
    goodbye.last_sent = last_sent
    return pb.StreamResponse(goodbye=goodbye).SerializeToString()
