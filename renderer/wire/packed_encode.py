"""Python values to packed values, as far as that goes in one go.

msgpack writes them, in C. It knows neither paths nor cycles nor the caller's `default`:
what needs those is not packed. It goes as a tree, which every peer reads; so whatever
has to be refused is refused there, and nowhere else.
"""

from __future__ import annotations

import array
import gc
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgpack

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.ext import Payload, big_integer
from renderer.wire.packed_depth import SHALLOW
from renderer.wire.plain import class_of, is_numpy, plain

_SCALARS: Final = {type(None), bool, int, float, str, bytes}
_LISTS: Final = {list, tuple}
_CONTAINERS: Final = _LISTS | {dict}
_PLAIN: Final = _SCALARS | _CONTAINERS | {bytearray}
_KEPT_BYTES: Final = 2**18  # a packer keeps the room of the largest it has written


def pack_args(args: Iterable[object]) -> bytes | None:
    """Return the arguments of a message; None if they have to go as trees.

    Args:
        args: the arguments. They are read before this returns and never changed.
    """
    items = [*args]
    data = _written(items)
    # Most arguments are flat: they need no second look.
    if data is None or _SCALARS.issuperset(map(class_of, items)) or _is_exact(items):
        return data
    return None


def pack_value(value: object) -> bytes | None:
    """Return one value, such as a result; None if it has to go as a tree."""
    data = _written(value)
    if data is None or class_of(value) in _SCALARS or _is_exact([value]):
        return data
    return None


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
    value = plain(obj, None)
    return _ext(value) if class_of(value) is Payload else value


def _ext(payload: Payload) -> msgpack.ExtType:
    items = list(payload.items)
    if payload.ext == pb.EXT_SET and not _SCALARS.issuperset(map(class_of, items)):
        raise _NotInOneGo
    data = pack_value(items)
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
    found = gc.get_referents(*dicts)
    # Since Python 3.13 the `__dict__` of an object may leave its values to the object.
    if len(found) < sum(map(len, dicts)):
        return None
    found += gc.get_referents(*others)
    return found


__all__ = ("pack_args", "pack_value")
