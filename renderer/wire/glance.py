"""What a message of ours is, without reading it: it may be large."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["event", "invoke", "reply", "cancel"]

_KINDS: Final[dict[int, Kind]] = {
    0x1A: "event",
    0x22: "invoke",
    0x2A: "reply",
    0x32: "cancel",
}
"""By the tag of the field; before it stand `id` and `lane`, if at all."""
_CHANNEL: Final = 0x0A


def glance(message: bytes) -> tuple[Kind, str]:
    """Return the kind of a serialized Message, and its channel if it has one.

    Args:
        message: one that this end has made: fields stand in the order of their numbers.
            A call is an invoke, as main makes no others.
    """
    kind: Kind | None = None
    at = 0
    while kind is None:
        kind = _KINDS.get(message[at])
        _, at = _varint(message, at + 1)
    if kind not in ("event", "invoke") or message[at : at + 1] != bytes((_CHANNEL,)):
        return kind, ""
    size, at = _varint(message, at + 1)
    return kind, message[at : at + size].decode()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place behind it."""
    number = shift = 0
    while data[at] > 0x7F:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return number | data[at] << shift, at + 1


__all__ = ("Kind", "glance")
