"""Trees of `Value` to Python values.

A tree comes from the other process and may be anything that protobuf can parse. What
is wrong with a value is told with its path as a `DataCloneError`: it costs one message
and not the session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteError, quote
from renderer.wire.ext import Opaque, is_simple, malformed, read_payload
from renderer.wire.limits import MAX_DEPTH
from renderer.wire.paths import Refusal, key_segment, map_segment, too_deep

Ancestors = list[Any]
"""The containers around a value, the outermost first, as far as they are read."""

# What may be a member of a set or a key of a dict: one that came as another type was a
# container, or is not a value of its own kind in Python.
_SCALARS: Final = {type(None), bool, int, float, str, bytes, datetime}


def decode_args(values: Iterable[pb.Value]) -> list[Any]:
    """Return the arguments of a message.

    Raises:
        DataCloneError: one of them is malformed; `path` says which part of it.
    """
    out: list[Any] = []
    try:
        _read_into(out, values, 1, [])
    except Refusal as refusal:
        raise refusal.at("args") from None
    return out


def decode_value(value: pb.Value, path: str = "value") -> Any:
    """Return one value, such as a result.

    Args:
        value: the value.
        path: what the value is called in the path of an error.

    Raises:
        DataCloneError: it is malformed; `path` says which part of it.
    """
    out: list[Any] = []
    try:
        _read_into(out, (value,), 1, [])
    except Refusal as refusal:
        del refusal.trail[-1]  # the place in a list that is ours alone
        raise refusal.at(path) from None
    return out[0]


def _read_into(
    out: list[Any], values: Iterable[pb.Value], level: int, around: Ancestors
) -> None:
    """Append the children of a container, whose containers are at `level`."""
    append = out.append
    try:
        for value in values:
            kind = value.WhichOneof("kind")
            if kind == "string_value":
                append(value.string_value)
            elif kind == "int_value":
                append(value.int_value)
            elif kind == "container":
                append(_read_container(value, level, around))
            elif kind == "double_value":
                append(value.double_value)
            elif kind == "bool_value":
                append(value.bool_value)
            elif kind == "null_value":
                append(None)
            elif kind == "bytes_value":
                append(value.bytes_value)
            elif kind == "ext":
                append(_read_ext(value, level, around))
            else:
                raise Refusal("a Value with nothing set")
    except Refusal as refusal:
        refusal.trail.append(len(out))
        raise


# ---- containers ----------------------------------------------------------------------


def _read_container(value: pb.Value, level: int, around: Ancestors) -> Any:
    if level > MAX_DEPTH:
        raise too_deep(MAX_DEPTH)
    container = value.container
    if container == pb.CONTAINER_OBJECT:
        return _read_object(value, level, around)
    if container == pb.CONTAINER_LIST:
        result: list[Any] = []
        _read_children(result, value.items, level, around, result)
        return result
    if container == pb.CONTAINER_MAP:
        return _read_map(value, level, around)
    raise Refusal(f"unknown container {container}")


def _read_children(
    out: list[Any],
    values: Iterable[pb.Value],
    level: int,
    around: Ancestors,
    holder: Any,
) -> None:
    """Append the children of `holder`, to which a back-reference may lead."""
    around.append(holder)
    _read_into(out, values, level + 1, around)
    around.pop()


def _read_object(value: pb.Value, level: int, around: Ancestors) -> dict[str, Any]:
    keys, items = value.keys, value.items
    if len(keys) != len(items):
        raise Refusal(f"object with {len(keys)} keys and {len(items)} items")
    result: dict[str, Any] = {}
    members: list[Any] = []
    try:
        _read_children(members, items, level, around, result)
    except Refusal as refusal:
        refusal.trail[-1] = key_segment(keys[len(members)])
        raise
    result.update(zip(keys, members, strict=True))
    if len(result) != len(members):
        raise Refusal(f"object with the key {_duplicate(keys)} twice")
    return result


def _duplicate(keys: Iterable[str]) -> str:
    return quote(Counter(keys).most_common(1)[0][0])


def _read_map(value: pb.Value, level: int, around: Ancestors) -> Any:
    items = value.items
    if len(items) % 2:
        raise Refusal("map with a key without value")
    # As long as all keys are scalars, nothing can lead back to this list, and it may
    # still become a dict.
    pairs: list[Any] = []
    keys: list[Any] = []
    try:
        _read_children(keys, items[::2], level, around, pairs)
    except Refusal as refusal:
        refusal.trail[-1] = f"<key {len(keys)}>"
        raise
    hashable = _are_distinct(keys)
    result: Any = {} if hashable else pairs
    members: list[Any] = []
    try:
        _read_children(members, items[1::2], level, around, result)
    except Refusal as refusal:
        refusal.trail[-1] = map_segment(keys[len(members)], len(members))
        raise
    if hashable:
        result.update(zip(keys, members, strict=True))
    else:
        result.extend(zip(keys, members, strict=True))
    return result


def _are_distinct(members: list[Any]) -> bool:
    """Tell whether a set can hold all of them: 1, 1.0 and True are one to Python."""
    if not _SCALARS.issuperset(map(type, members)):
        return False
    return len(set(members)) == len(members)


# ---- ext -----------------------------------------------------------------------------


def _read_ext(value: pb.Value, level: int, around: Ancestors) -> Any:
    if level > MAX_DEPTH:
        raise too_deep(MAX_DEPTH)
    ext = value.ext
    if is_simple(ext):
        items: list[Any] = []
        # No container of its own: what leads back to it makes the payload malformed.
        _read_children(items, value.items, level, around, _NOTHING)
        return read_payload(ext, items)
    return _EXT_READERS.get(ext, _read_opaque)(value, level, around)


def _read_set(value: pb.Value, level: int, around: Ancestors) -> Any:
    members: list[Any] = []
    _read_children(members, value.items, level, around, members)
    # Scalars only: then nothing in it leads back to the list.
    return set(members) if _are_distinct(members) else members


def _read_error(value: pb.Value, level: int, around: Ancestors) -> RemoteError:
    error = RemoteError("", "")
    items: list[Any] = []
    try:
        _read_children(items, value.items, level, around, error)
    except Refusal as refusal:
        if len(items) == _DETAILS:
            refusal.trail[-1] = ".details"
        raise
    match items:
        case [str() as name, str() as message, details]:
            error.type, error.args, error.details = name, (message,), details
            return error
        case _:
            raise malformed(pb.EXT_ERROR)


def _read_back_reference(value: pb.Value, _level: int, around: Ancestors) -> Any:
    if [item.WhichOneof("kind") for item in value.items] != ["int_value"]:
        raise malformed(pb.EXT_BACK_REFERENCE)
    steps = value.items[0].int_value
    if not 1 <= steps <= len(around):
        raise Refusal(f"back-reference to container {steps} of {len(around)}")
    return around[-steps]


def _read_opaque(value: pb.Value, level: int, around: Ancestors) -> Opaque:
    opaque = Opaque(value.ext, ())
    items: list[Any] = []
    _read_children(items, value.items, level, around, opaque)
    # It is frozen for everybody else; a cycle needs it before its items are there.
    object.__setattr__(opaque, "items", tuple(items))
    return opaque


def _refuse_ext(value: pb.Value, _level: int, _around: Ancestors) -> Any:
    raise Refusal(f"ext {value.ext} cannot stand in a tree")


_DETAILS: Final = 2  # their place in the payload of an error
_NOTHING: Final = object()
_EXT_READERS: Final[dict[int, Callable[[pb.Value, int, Ancestors], Any]]] = {
    pb.EXT_UNSPECIFIED: _refuse_ext,
    pb.EXT_SET: _read_set,
    pb.EXT_ERROR: _read_error,
    pb.EXT_BACK_REFERENCE: _read_back_reference,
    pb.EXT_MAP: _refuse_ext,
}


__all__ = ("decode_args", "decode_value")
