"""How deep packed values are nested, told without reading them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgpack

from renderer.wire.limits import MAX_DEPTH

# Less than what is allowed by what may stand below the last array or map unseen: an ext
# with a list in it.
SHALLOW: Final = MAX_DEPTH - 2
"""So many levels of arrays and maps are never too deep, whatever exts they hold."""

SHORT: Final = 2_048
"""Bytes; what is longer is rarely without headers."""

_ARRAY_OF_ONE: Final = b"\x91"
_STACK: Final = 1_024  # levels that msgpack reads
_HEADERS: Final = frozenset((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_NO_HEADERS: Final = bytes({*range(256)} - _HEADERS)


def is_shallow(data: bytes) -> bool:
    """Tell whether packed values have at most `SHALLOW` levels of arrays and maps.

    Args:
        data: well-formed MessagePack.
    """
    if len(data) <= SHALLOW:  # each level has a header of at least one byte
        return True
    if len(data) < SHORT and len(data.translate(None, _NO_HEADERS)) <= SHALLOW:
        return True
    return _CAN_COUNT and _fits_below(_STACK - SHALLOW, data)


def looks_wide(data: bytes, place: int) -> bool:
    """Tell whether a container begins at a place of what is not `SHORT`."""
    return data[place] in _HEADERS and _CAN_COUNT


def read_shallow(data: bytes, read: Callable[[bytes], Any]) -> Any:
    """Return what `read` makes of packed values, unless they are deeper than `SHALLOW`.

    They are read below so many arrays that msgpack's stack has room for no more: a
    fifth of what it takes to look first. (For what `looks_wide`.)

    Args:
        data: MessagePack.
        read: msgpack, with its options.

    Raises:
        ValueError: they are deeper, or malformed.
    """
    value = read(_BELOW + data)
    for _ in range(_STACK - SHALLOW):
        value = value[0]
    return value


def _fits_below(levels: int, data: bytes) -> bool:
    """Tell whether msgpack's stack has room for the data in so many more arrays."""
    unpacker = msgpack.Unpacker(max_buffer_size=levels + len(data))
    unpacker.feed(_ARRAY_OF_ONE * levels)
    unpacker.feed(data)
    try:
        unpacker.skip()  # makes no objects
    except ValueError:  # the data is well-formed, so it is the stack
        return False
    return True


def can_count() -> bool:
    """Tell whether msgpack has the stack that is counted on: its extension in C has."""
    return _fits_below(_STACK, b"\xc0") and not _fits_below(_STACK, b"\x90")


_CAN_COUNT: Final = can_count()
_BELOW: Final = _ARRAY_OF_ONE * (_STACK - SHALLOW)


__all__ = ("SHALLOW", "SHORT", "can_count", "is_shallow", "looks_wide", "read_shallow")
