"""Maps in MessagePack, on a Python that keeps the keys of msgpack's for ever.

msgpack interns every string that is a key. Some Pythons never free what is interned:
CPython 3.12.0 to 3.12.6, and those without the GIL. A peer could fill their memory with
ever new keys. There, maps are read step by step, which takes ten times as long.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import msgpack

Hook = Callable[[list[Any]], Any]

_ARRAYS: Final = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
_MAPS: Final = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))
_NO_MAPS: Final = bytes({*range(256)} - _MAPS)
_DEEPEST: Final = 1_024  # as msgpack itself
_NEVER_FREED: Final = 2**20  # nobody holds so many references to a string


def keys_stay() -> bool:
    """Tell whether this Python never frees a string that was interned."""
    name = sys.intern(f"interned by {__name__}")
    return sys.getrefcount(name) > _NEVER_FREED


KEYS_STAY: Final = keys_stay()
"""The keys of maps that msgpack reads are never freed."""


def may_have_maps(data: bytes) -> bool:
    """Tell whether there is a byte in MessagePack that might begin a map."""
    return bool(data.translate(None, _NO_MAPS))


def unpack_slowly(
    data: bytes,
    *,
    pairs: Hook,
    list_hook: Hook | None = None,
    **options: Any,
) -> Any:
    """Return what msgpack makes of the data, but with keys that are not interned.

    Args:
        data: MessagePack.
        pairs: as `object_pairs_hook`.
        list_hook: as msgpack's.
        options: others of msgpack's.

    Raises:
        ValueError: as msgpack, by the same names.
    """
    unpacker = msgpack.Unpacker(max_buffer_size=max(1, len(data)), **options)
    unpacker.feed(data)
    try:
        value = _read(unpacker, data, pairs, list_hook)
    except msgpack.OutOfData:
        raise ValueError("Unpack failed: incomplete input") from None
    if unpacker.tell() != len(data):
        raise msgpack.ExtraData(value, b"")
    return value


class _Level:
    """An array or a map of which not all parts are read."""

    __slots__ = ("hook", "is_map", "left", "parts")

    def __init__(self, left: int, hook: Hook | None, *, is_map: bool) -> None:
        self.parts: list[Any] = []
        self.left = left
        self.hook = hook
        self.is_map = is_map

    def whole(self) -> Any:
        if self.is_map:
            parts = iter(self.parts)
            self.parts = list(zip(parts, parts, strict=True))
        return self.parts if self.hook is None else self.hook(self.parts)


def _read(unpacker: Any, data: bytes, pairs: Hook, lists: Hook | None) -> Any:
    around: list[_Level] = []
    while True:
        place: int = unpacker.tell()
        head = data[place] if place < len(data) else 0
        if head in _ARRAYS or head in _MAPS:
            if len(around) == _DEEPEST:
                raise msgpack.StackError
            if head in _MAPS:
                level = _Level(2 * unpacker.read_map_header(), pairs, is_map=True)
            else:
                level = _Level(unpacker.read_array_header(), lists, is_map=False)
            if level.left:
                around.append(level)
                continue
            value = level.whole()
        else:
            value = unpacker.unpack()
        while around:
            level = around[-1]
            level.parts.append(value)
            level.left -= 1
            if level.left:
                break
            value = around.pop().whole()
        else:
            return value


__all__ = ("KEYS_STAY", "keys_stay", "may_have_maps", "unpack_slowly")
