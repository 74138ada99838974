"""Packed values to Python values.

msgpack reads them as a whole, in C. What it cannot read as the contract says (cycles,
maps with odd keys, what has to be refused) is read once more, step by step, and by the
same rules as trees.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgpack

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.bounds import too_deep, too_many
from renderer.wire.ext import INT64_MAX, Opaque, malformed, read_payload
from renderer.wire.limits import MAX_DEPTH
from renderer.wire.packed_count import has_too_many, have_too_many
from renderer.wire.packed_depth import SHORT, is_shallow, looks_wide, read_shallow
from renderer.wire.packed_keys import KEYS_STAY, may_have_maps, unpack_slowly
from renderer.wire.paths import Refusal
from renderer.wire.plain import class_of
from renderer.wire.values_build import (
    Ancestors,
    are_distinct,
    build_ext,
    build_flat_ext,
    build_list,
    build_map,
    build_object,
    led_back,
    refuse_ext,
)

_SCALARS: Final = {type(None), bool, int, float, str, bytes}
_STRINGS: Final = {str}
_unpack: Final = msgpack.unpackb


def unpack_args(data: bytes) -> list[Any]:
    """Return the arguments of a message.

    Raises:
        DataCloneError: they are malformed; `path` says which part of them.
    """
    args: Any
    long = len(data) >= SHORT
    if long and have_too_many(data):
        raise too_many().at("args")
    try:
        if long and looks_wide(data, 1):
            args, good = read_shallow(data, _read), True
        else:
            args = _read(data)
            good = _is_flat(args) or is_shallow(data)
        if good and class_of(args) is list:
            done: list[Any] = args
            return done
    except Exception:  # whatever it is: the second reading tells what, and where
        pass
    out: list[Any] = []
    try:
        args = _raw(data)
        if class_of(args) is not list:
            raise Refusal("packed arguments are an array")
        _read_into(out, args, 1, Ancestors())
    except Refusal as refusal:
        raise refusal.at("args") from None
    return out


def unpack_value(data: bytes, path: str = "value") -> Any:
    """Return one value, such as a result.

    Args:
        data: the value.
        path: what the value is called in the path of an error.

    Raises:
        DataCloneError: it is malformed; `path` says which part of it.
    """
    long = len(data) >= SHORT
    if long and has_too_many(data):
        raise too_many().at(path)
    try:
        if long and looks_wide(data, 0):
            return read_shallow(data, _read)
        value = _read(data)
        if class_of(value) in _SCALARS or is_shallow(data):
            return value
    except Exception:  # as above
        pass
    out: list[Any] = []
    try:
        _read_into(out, (_raw(data),), 1, Ancestors())
    except Refusal as refusal:
        if refusal.trail:
            del refusal.trail[-1]  # the place in a list that is ours alone
        raise refusal.at(path) from None
    return out[0]


# ---- in one go -----------------------------------------------------------------------


def _read_at_once(data: bytes) -> Any:
    return _unpack(  # by keyword, and here: a partial takes twice the time
        data, strict_map_key=False, ext_hook=_read_in_place, timestamp=_AS_DATETIME
    )


def read_without_maps(data: bytes) -> Any:
    """Do the same where keys would never be freed, unless there are any."""
    if may_have_maps(data):
        raise _NotInPlace
    return _read_at_once(data)


_read: Final = read_without_maps if KEYS_STAY else _read_at_once


def _is_flat(args: Any) -> bool:
    """Tell whether arguments have no containers, so that depth is no question."""
    for arg in args:  # noqa: SIM110 - a generator takes twice the time
        if class_of(arg) not in _SCALARS:
            return False
    return True


class _NotInPlace(Exception):
    """What has been met needs the second reading."""


def _read_in_place(code: int, data: bytes) -> Any:
    """Return the value of an ext if it has no ties to what is around it."""
    items: Any = _unpack(data, timestamp=_AS_DATETIME)
    if class_of(items) is not list:
        raise _NotInPlace
    if code == pb.EXT_SET:
        if _SCALARS.issuperset(map(class_of, items)) and are_distinct(items):
            return set(items)
    elif code in _IN_PLACE:
        value = read_payload(code, items)
        # What can be hashed might be the key of a map here, and must not.
        if type(value) is not Opaque and not _is_hashable_view(value):
            return value
    raise _NotInPlace


def _is_hashable_view(value: Any) -> bool:
    return type(value) is memoryview and value.format in _HASHABLE_FORMATS


# No big integers: as keys of one map they could all have the same hash.
_IN_PLACE: Final = {
    pb.EXT_UNDEFINED,
    pb.EXT_DATE,
    pb.EXT_TYPED_ARRAY,
}
_HASHABLE_FORMATS: Final = "bBc"
_AS_DATETIME: Final = 3  # what becomes of MessagePack's own timestamps


# ---- step by step --------------------------------------------------------------------


class _Pairs(list[tuple[Any, Any]]):
    """A map as it came."""

    __slots__ = ()


_unpack_pairs: Final = (
    partial(unpack_slowly, pairs=_Pairs)
    if KEYS_STAY
    else partial(_unpack, strict_map_key=False, object_pairs_hook=_Pairs)
)


class _Ext:
    """An ext as it came."""

    __slots__ = ("code", "data")

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data

    def take(self) -> list[Any]:
        """Return the payload, once: not all levels of a payload are kept."""
        data, self.data = self.data, b""
        return _payload(self.code, data)


def _raw(data: bytes) -> Any:
    """Return what msgpack makes of it, with nothing lost."""
    try:
        return _unpack_pairs(data, ext_hook=_Ext, timestamp=_AS_DATETIME)
    except (ValueError, OverflowError) as error:
        raise _refusal(error) from None


def _refusal(error: ValueError | OverflowError) -> Refusal:
    name = type(error).__name__
    if name == "StackError":
        return too_deep()
    return Refusal(f"malformed MessagePack: {_REASONS.get(name, error)}")


# By name: their own texts are empty, or show all of the data.
_REASONS: Final = {
    "ExtraData": "bytes behind the end",
    "FormatError": "a byte that begins no value",
}


def _payload(code: int, data: bytes) -> list[Any]:
    raw = _raw(data)
    if class_of(raw) is not list:
        raise malformed(code)
    items: list[Any] = raw
    return items


def _read_into(
    out: list[Any], raws: Iterable[Any], level: int, around: Ancestors
) -> None:
    """Append the children of a container, whose containers are at `level`."""
    append = out.append
    try:
        for raw in raws:
            cls = class_of(raw)
            if cls is int:
                # What is beyond 64 bits with a sign is a big integer in short.
                if raw > INT64_MAX and level > MAX_DEPTH:
                    raise too_deep()
                append(raw)
            elif cls in _SCALARS:
                append(raw)
            else:
                append(_read_container(raw, level, around))
    except Refusal as refusal:
        refusal.trail.append(len(out))
        raise


def _read_container(raw: Any, level: int, around: Ancestors) -> Any:
    if level > MAX_DEPTH:
        raise too_deep()
    cls = class_of(raw)
    if cls is _Pairs:
        return _read_pairs(raw, level, around)
    if cls is list:
        if _are_scalars(raw, level):
            return raw
        return build_list(_read_into, raw, level, around)
    if cls is _Ext:
        return _read_ext(raw, level, around)
    return raw  # a datetime: msgpack reads its own timestamps unasked


def _are_scalars(raws: Iterable[Any], level: int) -> bool:
    """Tell whether the children of a container at this level stay as they are.

    Most containers have no others in them, and a peer may send nothing but such.
    """
    # At the last level an integer may be a container, and is to be looked at.
    return level < MAX_DEPTH and _SCALARS.issuperset(map(class_of, raws))


def _read_pairs(raw: _Pairs, level: int, around: Ancestors) -> Any:
    try:
        pairs = dict(raw)  # the last of a key counts
    except TypeError:  # a container as key
        flat = [part for pair in raw for part in pair]
        return build_map(_read_into, flat, level, around)
    if _STRINGS.issuperset(map(class_of, pairs)):
        if _are_scalars(pairs.values(), level):
            return pairs
        keys, items = list(pairs), list(pairs.values())
        return build_object(_read_into, keys, items, level, around)
    flat = [part for pair in pairs.items() for part in pair]
    return build_map(_read_into, flat, level, around)


def _read_ext(raw: _Ext, level: int, around: Ancestors) -> Any:
    code = raw.code
    if code < 0:
        raise refuse_ext(code)
    items = raw.take()
    if code == pb.EXT_BACK_REFERENCE:
        match items:
            case [int() as steps] if type(steps) is int:
                return led_back(steps, around)
            case _:
                raise malformed(code)
    if code == pb.EXT_MAP:
        return build_map(_read_into, items, level, around)
    if _are_scalars(items, level):
        return build_flat_ext(code, items)
    return build_ext(_read_into, code, items, level, around)


__all__ = ("unpack_args", "unpack_value")
