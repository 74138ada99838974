"""Messages with packed values, put together by hand.

The bytes are those that protobuf would write, for a tenth of the time: what stands
around the values is a few bytes, and mostly the same ones.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.frames import varint
from renderer.wire.metadata import NO_METADATA, Metadata, write_metadata
from renderer.wire.pieces import Packed, join

_LONGEST_KEPT: Final = 256  # characters of a channel

# The tags of the fields, all of them below 16: number × 8 + wire type.
_MESSAGE_ID: Final = b"\x08"
_MESSAGE_LANE: Final = b"\x10"
_MESSAGE_EVENT: Final = b"\x1a"
_MESSAGE_CALL: Final = b"\x22"
_MESSAGE_REPLY: Final = b"\x2a"
_CHANNEL: Final = b"\x0a"  # of an event and a call
_PACKED: Final = b"\x1a"  # of an event, a call, a reply
_CALL_KIND: Final = b"\x20"
_CALL_REMAINING: Final = b"\x28"


def event_bytes(channel: str, packed: Packed, lane: int) -> bytes:
    """Return the serialized Message of an event."""
    short = len(channel) <= _LONGEST_KEPT
    head = _event_head if short else _event_head.__wrapped__
    data = head(channel, len(packed))
    if lane:
        data = _lane(lane) + data
    return data + packed if type(packed) is bytes else join(data, packed)


def call_bytes(
    id: int,
    channel: str,
    packed: Packed,
    *,
    sync: bool,
    remaining_ms: int | None,
    lane: int,
    metadata: Metadata = NO_METADATA,
) -> bytes:
    """Return the serialized Message of a call."""
    if metadata:
        tail = _call_tail(sync, remaining_ms) + _metadata_bytes(metadata)
        head = _head(_MESSAGE_CALL, channel, len(packed), len(tail))
    else:
        short = len(channel) <= _LONGEST_KEPT
        around = _around_call if short else _around_call.__wrapped__
        head, tail = around(channel, len(packed), sync, remaining_ms)
    head = _MESSAGE_ID + varint(id) + (_lane(lane) + head if lane else head)
    return head + packed + tail if type(packed) is bytes else join(head, packed, tail)


def reply_bytes(id: int, packed: Packed, lane: int) -> bytes:
    """Return the serialized Message of a reply with a result."""
    head = _reply_head(len(packed))
    if id:
        head = _MESSAGE_ID + varint(id) + (_lane(lane) + head if lane else head)
    return head + packed if type(packed) is bytes else join(head, packed)


def reply_of(message: bytes) -> bytes:
    """Return the serialized Reply of a Message that has nothing else."""
    start = 1  # behind the tag, and the length, whose last byte is below 0x80
    while message[start] > 0x7F:
        start += 1
    return message[start + 1 :]


def is_packed(reply: bytes) -> bool:
    """Tell whether a serialized Reply of ours has a packed result."""
    return reply.startswith(_PACKED)


def _lane(lane: int) -> bytes:
    return _MESSAGE_LANE + varint(lane)


# What precedes the values. The last argument is how many bytes there are behind them.


@lru_cache(1024)
def _event_head(channel: str, packed: int) -> bytes:
    return _head(_MESSAGE_EVENT, channel, packed, 0)


@lru_cache(1024)
def _around_call(
    channel: str, packed: int, sync: bool, remaining_ms: int | None
) -> tuple[bytes, bytes]:
    """Return what stands before the values of a call, and what stands behind them."""
    tail = _call_tail(sync, remaining_ms)
    return _head(_MESSAGE_CALL, channel, packed, len(tail)), tail


@lru_cache(1024)
def _reply_head(packed: int) -> bytes:
    return _head(_MESSAGE_REPLY, "", packed, 0)


def _call_tail(sync: bool, remaining_ms: int | None) -> bytes:
    kind = pb.CALL_KIND_SEND_SYNC if sync else pb.CALL_KIND_INVOKE
    tail = _CALL_KIND + varint(kind)
    if remaining_ms is not None:
        tail += _CALL_REMAINING + varint(remaining_ms)
    return tail


def _metadata_bytes(metadata: Metadata) -> bytes:
    body = pb.Call()
    write_metadata(metadata, body)
    return body.SerializeToString()


def _head(tag: bytes, channel: str, packed: int, behind: int) -> bytes:
    name = channel.encode()
    inner = _CHANNEL + varint(len(name)) + name if name else b""
    inner += _PACKED + varint(packed)
    return tag + varint(len(inner) + packed + behind) + inner


__all__ = ("call_bytes", "event_bytes", "is_packed", "reply_bytes", "reply_of")
