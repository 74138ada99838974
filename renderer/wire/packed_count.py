"""How many containers packed values have, told before any are made.

An empty map is one byte on the wire and 75 in memory, and an ext is a call of ours.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, final

import msgpack

from renderer.wire.limits import KIB, MAX_CONTAINERS, MAX_DEPTH
from renderer.wire.packed_keys import KEYS_STAY, unpack_slowly

_HEADERS: Final = frozenset(
    (*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0))
)
_NO_HEADERS: Final = bytes({*range(256)} - _HEADERS)
_FEW: Final = 0x9  # the upper half of an array's header that has up to 15 items
_ARGS: Final = 15
_WIDTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""The bytes that say how long bytes and texts are, by their first one."""
_SLICE: Final = 64 * KIB


def has_too_many(data: bytes) -> bool:
    """Tell whether a value has more than `MAX_CONTAINERS`; see `has_more`."""
    return has_more(data, MAX_CONTAINERS)


def have_too_many(data: bytes) -> bool:
    """Tell whether arguments do; the array that they stand in is none of theirs."""
    return has_more(data, MAX_CONTAINERS + 1)


def has_more(data: bytes, most: int) -> bool:
    """Tell whether there are more lists, maps and exts than so many.

    Args:
        data: MessagePack; it may be malformed behind the first so many of them.
        most: how many.
    """
    if (
        len(data) <= most
        or size_behind_bytes(data) < most
        or not _may_have_more(data, most)
    ):
        return False
    try:
        _Count(most).add(data, 0)
    except _TooMany:
        return True
    except Exception:  # whatever it is, those who read the values will meet it
        return False
    return False


def size_behind_bytes(data: bytes) -> int:
    """Return how many bytes stand behind the bytes and texts that values begin with.

    The header of an array around them, which is a container, is not among them.

    Args:
        data: MessagePack, and not nothing; it may be malformed.
    """
    at = 1 if data[0] >> 4 == _FEW else 0
    for _ in range(_ARGS):
        if at >= len(data) or (width := _WIDTHS.get(data[at])) is None:
            break
        at += 1 + width + int.from_bytes(data[at + 1 : at + 1 + width])
    return max(0, len(data) - at)


def _may_have_more(data: bytes, most: int) -> bool:
    """Tell whether there are more bytes that look as if they began a container."""
    found = 0
    for at in range(0, len(data), _SLICE):  # so much memory is at hand
        found += len(data[at : at + _SLICE].translate(None, _NO_HEADERS))
        if found > most:
            return True
    return False


class _TooMany(Exception):
    """There are more of them."""


@final
class _Count:
    """Counts containers down, and keeps none of them."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def add(self, data: bytes, depth: int) -> None:
        """Count those in values that stand in so many exts."""
        _read(
            data,
            pairs=self._one,
            list_hook=self._one,
            ext_hook=partial(self._ext, depth),
            timestamp=3,  # as they are read: what stops here has to stop there
        )

    def _one(self, _: Any = None) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMany

    def _ext(self, depth: int, _code: int, data: bytes) -> None:
        # Too deep ones are read by nobody; each level would be copied once more.
        if depth == MAX_DEPTH or not _may_have_more(data, 1):
            self._one()
            return
        try:
            self.add(data, depth + 1)  # the array that is its payload counts for it
        except _TooMany:
            raise
        except Exception:  # what stands behind it is made all the same
            self._one()


def _read_at_once(data: bytes, *, pairs: Any, **hooks: Any) -> None:
    msgpack.unpackb(data, strict_map_key=False, object_pairs_hook=pairs, **hooks)


_read: Final = unpack_slowly if KEYS_STAY else _read_at_once


__all__ = ("has_more", "has_too_many", "have_too_many", "size_behind_bytes")
