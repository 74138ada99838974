"""How deep packed values are nested, told without reading them."""

from __future__ import annotations

from typing import Final

import msgpack

from renderer.wire.limits import MAX_DEPTH

# Less than what is allowed by what may stand below the last array or map unseen: an ext
# with a list in it.
SHALLOW: Final = MAX_DEPTH - 2
"""So many levels of arrays and maps are never too deep, whatever exts they hold."""

_ARRAY_OF_ONE: Final = b"\x91"
_SHORT: Final = 2_048  # bytes; what is longer is rarely without headers
_STACK: Final = 1_024  # levels that msgpack reads
_NO_HEADERS: Final = bytes({*range(256)} - {*range(0x80, 0xA0), *range(0xDC, 0xE0)})


def is_shallow(data: bytes) -> bool:
    """Tell whether packed values have at most `SHALLOW` levels of arrays and maps.

    Args:
        data: well-formed MessagePack.
    """
    if len(data) <= SHALLOW:  # each level has a header of at least one byte
        return True
    if len(data) < _SHORT and len(data.translate(None, _NO_HEADERS)) <= SHALLOW:
        return True
    return _CAN_COUNT and _fits_below(_STACK - SHALLOW, data)


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


__all__ = ("SHALLOW", "can_count", "is_shallow")
