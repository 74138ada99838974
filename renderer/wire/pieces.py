"""Packed values in pieces, so that what is large is copied once: into the message."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, final

from renderer.wire.ext import Elements

LARGE: Final = 2**16
"""Bytes from which on a value is worth a piece of its own."""

_BIN_32: Final = 0xC6
_EXT_32: Final = 0xC9


@final
class Pieces:
    """Packed values, to be joined. Its length is that of their bytes.

    Args:
        parts: bytes and views of bytes, in their order.
    """

    __slots__ = ("_size", "parts")

    def __init__(self, parts: Sequence[Elements]) -> None:
        self.parts = parts
        self._size = sum(memoryview(part).nbytes for part in parts)

    def __len__(self) -> int:
        return self._size


Packed = bytes | Pieces
"""Packed values as one or in pieces."""


def join(head: bytes, packed: Packed, tail: bytes = b"") -> bytes:
    """Return packed values with what stands before and behind them."""
    if isinstance(packed, Pieces):
        return b"".join((head, *packed.parts, tail))
    return head + packed + tail


def bytes_in_pieces(data: Elements) -> Sequence[Elements]:
    """Return the pieces of a large value of bytes."""
    return struct.pack(">BI", _BIN_32, memoryview(data).nbytes), data


def ext_in_pieces(
    number: int, before: bytes, data: Elements, behind: bytes
) -> Sequence[Elements]:
    """Return the pieces of an ext that holds large bytes between other items.

    Args:
        number: its number.
        before: the packed form of the payload, up to the bytes.
        data: the bytes.
        behind: the packed form of the payload behind them.
    """
    inner = bytes_in_pieces(data)
    size = len(Pieces(inner)) + len(before) + len(behind)
    head = struct.pack(">BIb", _EXT_32, size, number)
    return head + before, *inner, behind


__all__ = ("LARGE", "Packed", "Pieces", "bytes_in_pieces", "ext_in_pieces", "join")
