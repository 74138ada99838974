"""Containers out of their children, whichever encoding the children came in.

Each function takes the `read` of its encoding, which appends the children to a list.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.bounds import Bounds
from renderer.wire.errors import RemoteError, quote
from renderer.wire.ext import Opaque, is_simple, malformed, read_payload
from renderer.wire.paths import Refusal, key_segment, map_segment


class Ancestors(list[Any], Bounds):
    """The containers around a value, the outermost first, as far as they are read."""


Read = Callable[[list[Any], Iterable[Any], int, Ancestors], None]
"""Appends the children of a container, whose containers are at the level told."""
Builder = Callable[[Read, int, Iterable[Any], int, Ancestors], Any]

# What may be a member of a set or a key of a dict: one that came as another type was a
# container, or is not a value of its own kind in Python.
_SCALARS: Final = {type(None), bool, int, float, str, bytes, datetime}
_BIG: Final = 2**64
_MOST_BIG: Final = 100  # integers beyond 64 bits that one set or dict may have for keys
_DETAILS: Final = 2  # their place in the payload of an error
_NOTHING: Final = object()


def build_list(
    read: Read, items: Iterable[Any], level: int, around: Ancestors
) -> list[Any]:
    """Return a list of these children."""
    result: list[Any] = []
    _read_children(read, result, items, level, around, result)
    return result


def build_object(
    read: Read,
    keys: Sequence[str],
    items: Sequence[Any],
    level: int,
    around: Ancestors,
) -> dict[str, Any]:
    """Return an object with these members."""
    if len(keys) != len(items):
        raise Refusal(f"object with {len(keys)} keys and {len(items)} items")
    result: dict[str, Any] = {}
    members: list[Any] = []
    try:
        _read_children(read, members, items, level, around, result)
    except Refusal as refusal:
        refusal.trail[-1] = key_segment(keys[len(members)])
        raise
    result.update(zip(keys, members, strict=True))
    if len(result) != len(members):
        raise Refusal(f"object with the key {_duplicate(keys)} twice")
    return result


def build_map(read: Read, items: Sequence[Any], level: int, around: Ancestors) -> Any:
    """Return a map of key, value, key, value, …: a dict, or a list of pairs."""
    if len(items) % 2:
        raise Refusal("map with a key without value")
    # As long as all keys are scalars, nothing can lead back to this list, and it may
    # still become a dict.
    pairs: list[Any] = []
    keys: list[Any] = []
    try:
        _read_children(read, keys, items[::2], level, around, pairs)
    except Refusal as refusal:
        refusal.trail[-1] = f"<key {len(keys)}>"
        raise
    hashable = are_distinct(keys)
    result: Any = {} if hashable else pairs
    members: list[Any] = []
    try:
        _read_children(read, members, items[1::2], level, around, result)
    except Refusal as refusal:
        refusal.trail[-1] = map_segment(keys[len(members)], len(members))
        raise
    if hashable:
        result.update(zip(keys, members, strict=True))
    else:
        result.extend(zip(keys, members, strict=True))
    return result


def build_ext(
    read: Read, ext: int, items: Iterable[Any], level: int, around: Ancestors
) -> Any:
    """Return the value of an ext with this payload, but for maps and references."""
    if is_simple(ext):
        payload: list[Any] = []
        # No container of its own: what leads back to it makes the payload malformed.
        _read_children(read, payload, items, level, around, _NOTHING)
        return read_payload(ext, payload)
    build: Builder = _BUILDERS.get(ext, _build_opaque)
    return build(read, ext, items, level, around)


def build_flat_ext(ext: int, items: list[Any]) -> Any:
    """Do the same as `build_ext` where all of the payload is scalars, and read."""
    if is_simple(ext):
        return read_payload(ext, items)
    build = _FLAT_BUILDERS.get(ext)
    return Opaque(ext, tuple(items)) if build is None else build(ext, items)


def led_back(steps: int, around: Ancestors) -> Any:
    """Return the container that a back-reference leads to."""
    if not 1 <= steps <= len(around):
        raise Refusal(f"back-reference to container {steps} of {len(around)}")
    return around[-steps]


def are_distinct(members: list[Any]) -> bool:
    """Tell whether a set can hold all of them: 1, 1.0 and True are one to Python."""
    types = set(map(type, members))
    if not _SCALARS.issuperset(types):
        return False
    if len(members) > _MOST_BIG and int in types and _are_mostly_big(members):
        return False
    return len(set(members)) == len(members)


def _are_mostly_big(members: list[Any]) -> bool:
    """Tell whether more integers are beyond 64 bits than may be hashed.

    Whoever chooses them can give any number of them the same hash, which takes a time
    that grows with the square of that number. Of 64 bits there are too few.
    """
    big = (True for n in members if type(n) is int and not -_BIG < n < _BIG)
    return any(itertools.islice(big, _MOST_BIG, None))


def refuse_ext(ext: int) -> Refusal:
    """Return the refusal of an ext that may not stand where it stands."""
    return Refusal(f"ext {ext} cannot stand here")


def _read_children(
    read: Read,
    out: list[Any],
    items: Iterable[Any],
    level: int,
    around: Ancestors,
    holder: Any,
) -> None:
    """Append the children of `holder`, to which a back-reference may lead."""
    around.append(holder)
    read(out, items, level + 1, around)
    around.pop()


def _duplicate(keys: Iterable[str]) -> str:
    return quote(Counter(keys).most_common(1)[0][0])


def _build_set(
    read: Read, ext: int, items: Iterable[Any], level: int, around: Ancestors
) -> Any:
    members = build_list(read, items, level, around)
    # Scalars only: then nothing in it leads back to the list.
    return _flat_set(ext, members)


def _flat_set(_ext: int, members: list[Any]) -> Any:
    return set(members) if are_distinct(members) else members


def _build_error(
    read: Read, ext: int, items: Iterable[Any], level: int, around: Ancestors
) -> RemoteError:
    error = RemoteError("", "")
    payload: list[Any] = []
    try:
        _read_children(read, payload, items, level, around, error)
    except Refusal as refusal:
        if len(payload) == _DETAILS:
            refusal.trail[-1] = ".details"
        raise
    return _filled(error, ext, payload)


def _flat_error(ext: int, payload: list[Any]) -> RemoteError:
    return _filled(RemoteError("", ""), ext, payload)


def _filled(error: RemoteError, ext: int, payload: list[Any]) -> RemoteError:
    match payload:
        case [str() as name, str() as message, details]:
            error.type, error.args, error.details = name, (message,), details
            return error
        case _:
            raise malformed(ext)


def _build_opaque(
    read: Read, ext: int, items: Iterable[Any], level: int, around: Ancestors
) -> Opaque:
    opaque = Opaque(ext, ())
    payload: list[Any] = []
    _read_children(read, payload, items, level, around, opaque)
    # It is frozen for everybody else; a cycle needs it before its items are there.
    object.__setattr__(opaque, "items", tuple(payload))
    return opaque


def _build_nothing(
    _read: Read, ext: int, _items: Iterable[Any], _level: int, _around: Ancestors
) -> Any:
    raise refuse_ext(ext)


def _flat_nothing(ext: int, _items: list[Any]) -> Any:
    raise refuse_ext(ext)


_BUILDERS: Final[dict[int, Builder]] = {
    pb.EXT_UNSPECIFIED: _build_nothing,
    pb.EXT_SET: _build_set,
    pb.EXT_ERROR: _build_error,
}
_FLAT_BUILDERS: Final[dict[int, Callable[[int, list[Any]], Any]]] = {
    pb.EXT_UNSPECIFIED: _flat_nothing,
    pb.EXT_SET: _flat_set,
    pb.EXT_ERROR: _flat_error,
}


__all__ = (
    "Ancestors",
    "are_distinct",
    "build_ext",
    "build_flat_ext",
    "build_list",
    "build_map",
    "build_object",
    "led_back",
    "refuse_ext",
)
