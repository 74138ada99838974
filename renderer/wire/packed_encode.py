"""Python values to packed values, as far as that goes in one go.

msgpack writes them, in C. It knows neither paths nor cycles nor the caller's `default`:
what needs those is not packed. It goes as a tree, which every peer reads; so whatever
has to be refused is refused there, and nowhere else.
"""

from __future__ import annotations

import array
import gc
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgpack

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.ext import Elements, Payload, big_integer, typed_array
from renderer.wire.packed_count import has_too_many, have_too_many
from renderer.wire.packed_depth import SHALLOW
from renderer.wire.pieces import (
    LARGE,
    Packed,
    Pieces,
    bytes_in_pieces,
    ext_in_pieces,
)
from renderer.wire.plain import class_of, elements_of, is_numpy, plain

_TEXTS: Final = {type(None), bool, int, float, str}
_SCALARS: Final = _TEXTS | {bytes}
_LISTS: Final = {list, tuple}
_CONTAINERS: Final = _LISTS | {dict}
_SMALL: Final = _TEXTS | _CONTAINERS
_PLAIN: Final = _SCALARS | _CONTAINERS | {bytearray}
_KEPT_BYTES: Final = 2**18  # a packer keeps the room of the largest it has written


def pack_args(args: Iterable[object]) -> Packed | None:
    """Return the arguments of a message; None if they have to go as trees.

    Args:
        args: the arguments. They are never changed, and read before this returns; but
            the pieces of a large one are read when they are joined.
    """
    items = [*args]
    for item in items:
        if class_of(item) not in _TEXTS:
            return _pack_others(items)
    return _written(items)  # most are such: they need no second look


def _pack_others(items: list[object]) -> Packed | None:
    classes = {*map(class_of, items)}
    if not classes <= _SMALL and any(map(_has_elements, items)):
        return _in_pieces(items)
    data = _written(items)
    if data is None or classes <= _SCALARS:
        return data
    return data if _is_exact(items) and not have_too_many(data) else None


def pack_value(value: object) -> Packed | None:
    """Return one value, such as a result; None if it has to go as a tree."""
    cls = class_of(value)
    if cls in _TEXTS:
        return _written(value)
    if cls not in _SMALL and _has_elements(value):
        parts = _pieces_of(value)
        return None if parts is None else Pieces(parts)
    return _packed(value)


def _packed(value: object) -> bytes | None:
    data = _written(value)
    if data is None or not _is_exact([value]) or has_too_many(data):
        return None
    return data


def _written(value: object) -> bytes | None:
    """Return what msgpack makes of a value; None if it cannot."""
    # Whoever gets a packer has it alone: other threads, and what runs meanwhile in
    # this one (a finalizer, say), take another.
    try:
        packer = _packers.pop()
    except IndexError:
        packer = _new_packer()
    try:
        data = packer.pack(value)
    except Exception:  # whatever it is, the tree will tell
        return None
    if len(data) <= _KEPT_BYTES:
        _packers.append(packer)
    return data


# ---- what is copied only once --------------------------------------------------------


def _has_elements(value: Any) -> bool:
    """Tell whether a value is bytes or an array, and may be large."""
    cls = class_of(value)
    if cls is bytes or cls is bytearray:
        return len(value) >= LARGE
    if cls in _VIEWED:
        return True
    # Of nothing else may any code be run.
    return is_numpy(cls) and value.nbytes >= LARGE


_VIEWED: Final = {array.array, memoryview}


def _in_pieces(items: list[Any]) -> Pieces | None:
    header: bytes = _new_packer().pack_array_header(len(items))
    parts: list[Elements] = [header]
    to_count: list[Elements] = [header]
    for item in items:
        is_large = _has_elements(item)
        found = _pieces_of(item) if is_large else _one_piece(_packed(item))
        if found is None:
            return None
        parts += found
        to_count.append(_AS_MANY if is_large else found[0])
    return None if have_too_many(b"".join(to_count)) else Pieces(parts)


_AS_MANY: Final = b"\x91\x90"
"""Has as many containers as any array of elements: the ext, and its dimensions."""


def _one_piece(data: bytes | None) -> Sequence[Elements] | None:
    return None if data is None else (data,)


def _pieces_of(value: Any) -> Sequence[Elements] | None:
    cls = class_of(value)
    if cls is bytes or cls is bytearray:
        return bytes_in_pieces(value)
    try:
        if memoryview(value).nbytes < LARGE:
            return _one_piece(_written(_stand_in_of_leaf(value)))
        found = elements_of(value)
    except Exception:  # as above
        return None
    if found is None:
        return None
    stand_in = typed_array(*found)
    if not isinstance(stand_in, Payload):
        return bytes_in_pieces(stand_in)
    name, data, *dims = stand_in.items
    before = bytes((0x90 + len(stand_in.items),)) + msgpack.packb(name)
    return ext_in_pieces(stand_in.ext, before, data, b"".join(map(msgpack.packb, dims)))


# ---- what msgpack asks about ---------------------------------------------------------


class _NotInOneGo(Exception):
    """What has been met goes as a tree."""


def _stand_in(obj: Any) -> object:
    """Return what msgpack is to write for an object of a type that it does not know.

    Never a str, unless for one: the object may be a key, and then a map is no object.
    """
    cls = class_of(obj)
    if cls is tuple:
        return list(obj)
    if cls is int:
        return _ext(big_integer(obj))
    if not _is_leaf(cls):
        raise _NotInOneGo
    return _stand_in_of_leaf(obj)


def _stand_in_of_leaf(obj: Any) -> object:
    value = plain(obj, None)
    return _ext(value) if class_of(value) is Payload else value


def _ext(payload: Payload) -> msgpack.ExtType:
    items = list(payload.items)
    if payload.ext == pb.EXT_SET and not _SCALARS.issuperset(map(class_of, items)):
        raise _NotInOneGo
    data = _packed(items)
    if data is None:
        raise _NotInOneGo
    return msgpack.ExtType(payload.ext, data)


def _find_leaf(cls: type[object]) -> bool:
    """Tell whether what stands for an object of the class has no containers in it."""
    return cls in _LEAVES or is_numpy(cls)


_LEAVES: Final = {array.array, datetime, frozenset, set}
_is_leaf: Final[Callable[[Any], bool]] = lru_cache(1024)(_find_leaf)


def _new_packer() -> msgpack.Packer:
    return msgpack.Packer(strict_types=True, default=_stand_in)


_packers: Final[list[msgpack.Packer]] = []


# ---- what msgpack does not ask about -------------------------------------------------


def _is_exact(level: list[Any]) -> bool:
    """Tell whether msgpack has written values as the contract says.

    It takes a memoryview of any format for bytes, has types of its own, and does not
    mind depth.
    """
    for _ in range(SHALLOW):
        classes = {*map(class_of, level)}
        if classes <= _SCALARS:
            return True
        if not classes <= _PLAIN:
            if not all(map(_is_leaf, classes - _PLAIN)):
                return False
            level = [each for each in level if class_of(each) in _CONTAINERS]
        children = _children(level, classes)
        if children is None:
            return False
        level = children
    return False


def _children(level: list[Any], classes: set[type[object]]) -> list[Any] | None:
    """Return the children of all of these containers, or None if some are hidden.

    The garbage collector finds them ten times as fast as a loop would.
    """
    if dict not in classes:
        return gc.get_referents(*level)
    if len(classes) == 1:
        dicts, others = level, []
    else:
        dicts = [each for each in level if class_of(each) is dict]
        others = [each for each in level if class_of(each) in _LISTS]
    # One by one: of all at once, the keys of another dict would make up for its values.
    if VALUES_HIDE and not all(gc.get_referents(each) for each in dicts if each):
        return None
    found = gc.get_referents(*dicts)
    found += gc.get_referents(*others)
    return found


def values_hide() -> bool:
    """Tell whether in this Python the `__dict__` of an object hides its values.

    In CPython 3.13 it may leave them to the object, and the garbage collector does not
    find them through it.
    """

    class Owner:
        def __init__(self) -> None:
            self.name = "value"

    owner = Owner()
    return not gc.get_referents(vars(owner))


VALUES_HIDE: Final = values_hide()
"""A dict may hide what is in it from `gc.get_referents`."""


__all__ = ("pack_args", "pack_value")
