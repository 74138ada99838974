"""Python values to trees of `Value`.

The hot path knows exact types only and keeps no path. Everything else is brought down
to them by `plain`, one step at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.bounds import Bounds
from renderer.wire.ext import Payload, big_integer
from renderer.wire.paths import Refusal, key_segment, map_segment
from renderer.wire.plain import Default, class_of, plain


class Ancestors(dict[int, int], Bounds):
    """The objects around a value: their `id` to their level, counted from 1."""


Writer = Callable[[pb.Value, Any, int, Ancestors, Default | None], None]

_STRINGS: Final = {str}
_MOST_STEPS: Final = 64  # from an object to a plain one, by `default` mostly


class Values(Protocol):
    """A repeated field of values."""

    def add(self) -> pb.Value:
        """Append an empty value and return it."""
        ...

    def __len__(self) -> int: ...

    def __delitem__(self, key: slice) -> None: ...


def encode_args(
    args: Iterable[object], into: Values, default: Default | None = None
) -> None:
    """Append the arguments of a message to a repeated field.

    Args:
        args: the arguments. They are read before this returns and never changed.
        into: the field. It is as before when this raises.
        default: called with an object of a type that cannot be sent; what it returns
            is sent in its place, as with `json.dumps`.

    Raises:
        DataCloneError: an argument cannot be carried; `path` says which part of it.
    """
    before = len(into)
    try:
        _fill(into, args, 1, Ancestors(), default)
    except Refusal as refusal:
        refusal.trail[-1] = len(into) - 1 - before
        del into[before:]
        raise refusal.at("args") from refusal.__cause__


def encode_value(
    value: object, into: pb.Value, default: Default | None = None, path: str = "value"
) -> None:
    """Write one value, such as a result.

    Args:
        value: the value.
        into: an empty message. It is empty again when this raises.
        default: as for `encode_args`.
        path: what the value is called in the path of an error.

    Raises:
        DataCloneError: the value cannot be carried; `path` says which part of it.
    """
    try:
        write = _WRITERS.get(class_of(value), _write_other)
        write(into, value, 1, Ancestors(), default)
    except Refusal as refusal:
        into.Clear()
        raise refusal.at(path) from refusal.__cause__


def _fill(
    into: Values,
    values: Iterable[Any],
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    """Append the children of a container, whose containers are at `level`."""
    add = into.add
    try:
        # The frequent types stand here as well: a call for each child would cost as
        # much as writing it.
        for value in values:
            child = add()
            cls = class_of(value)
            if cls is str:
                child.string_value = value
            elif cls is float:
                child.double_value = value
            elif cls is bool:
                child.bool_value = value
            elif value is None:
                child.null_value = True
            else:
                write = _WRITERS.get(cls, _write_other)
                write(child, value, level, around, default)
    except Refusal as refusal:
        refusal.trail.append(len(into) - 1)
        raise
    except UnicodeEncodeError as error:  # of string_value, just above
        raise Refusal(_surrogate(error), len(into) - 1) from None


# ---- writers -------------------------------------------------------------------------
# Each takes the message, the value, the level that the value has if it is a container,
# the containers around it, and `default`.


def _write_null(into: pb.Value, _value: None, *_: Any) -> None:
    into.null_value = True


def _write_bool(into: pb.Value, value: bool, *_: Any) -> None:
    into.bool_value = value


def _write_int(
    into: pb.Value, value: int, level: int, around: Ancestors, default: Default | None
) -> None:
    try:
        into.int_value = value
    except ValueError:  # beyond 64 bits
        _write_payload(into, big_integer(value), level, around, default)


def _write_float(into: pb.Value, value: float, *_: Any) -> None:
    into.double_value = value


def _write_str(into: pb.Value, value: str, *_: Any) -> None:
    try:
        into.string_value = value
    except UnicodeEncodeError as error:
        raise Refusal(_surrogate(error)) from None


def _write_bytes(into: pb.Value, value: bytes, *_: Any) -> None:
    into.bytes_value = value


def _write_list(
    into: pb.Value,
    value: list[Any] | tuple[Any, ...],
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    mark = id(value)
    if mark in around:
        _write_back_reference(into, level, around, mark)
        return
    around.enter(level)
    into.container = pb.CONTAINER_LIST
    around[mark] = level
    # A copy: `default` may change what it is part of.
    _fill(into.items, tuple(value), level + 1, around, default)
    del around[mark]


def _write_dict(
    into: pb.Value,
    value: dict[Any, Any],
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    mark = id(value)
    if mark in around:
        _write_back_reference(into, level, around, mark)
        return
    around.enter(level)
    around[mark] = level
    keys, members = list(value), list(value.values())
    if {*map(type, keys)} <= _STRINGS or _made_strings(keys):
        _write_object(into, keys, members, level, around, default)
    else:
        _write_map(into, keys, members, level, around, default)
    del around[mark]


def _write_object(
    into: pb.Value,
    keys: list[str],
    members: list[Any],
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    into.container = pb.CONTAINER_OBJECT
    try:
        into.keys.extend(keys)
    except UnicodeEncodeError as error:
        raise Refusal(
            f"{_surrogate(error)} in a key", key_segment(error.object)
        ) from None
    try:
        _fill(into.items, members, level + 1, around, default)
    except Refusal as refusal:
        refusal.trail[-1] = key_segment(keys[len(into.items) - 1])
        raise


def _write_map(
    into: pb.Value,
    keys: list[Any],
    members: list[Any],
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    into.container = pb.CONTAINER_MAP
    flat = [child for pair in zip(keys, members, strict=True) for child in pair]
    try:
        _fill(into.items, flat, level + 1, around, default)
    except Refusal as refusal:
        index, is_value = divmod(len(into.items) - 1, 2)
        refusal.trail[-1] = (
            map_segment(keys[index], index) if is_value else f"<key {index}>"
        )
        raise


def _write_payload(
    into: pb.Value,
    value: Payload,
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    around.enter(level)
    into.ext = pb.Ext.ValueType(value.ext)
    try:
        _fill(into.items, value.items, level + 1, around, default)
    except Refusal as refusal:
        if value.ext == pb.EXT_ERROR:  # whose other items are texts
            refusal.trail[-1] = ".details"
        raise


def _write_other(
    into: pb.Value,
    value: Any,
    level: int,
    around: Ancestors,
    default: Default | None,
) -> None:
    """Write what stands for an object of any other type.

    The object and its stand-ins are one container: each of them is a way back to it.
    """
    steps: list[Any] = []  # kept alive, so that no other object gets the same id
    while (write := _WRITERS.get(class_of(value))) is None:
        mark = id(value)
        if mark in around:
            _write_back_reference(into, level, around, mark)
            break
        if len(steps) == _MOST_STEPS:
            raise Refusal(f"still not cloneable after {_MOST_STEPS} steps of default=")
        steps.append(value)
        around[mark] = level
        value = plain(value, default)
    else:
        write(into, value, level, around, default)
    for step in steps:
        del around[id(step)]


def _write_back_reference(
    into: pb.Value, level: int, around: Ancestors, mark: int
) -> None:
    around.enter(level)
    target = around[mark]
    if level == target:
        raise Refusal("default= returned what it was given")
    into.ext = pb.EXT_BACK_REFERENCE
    into.items.add().int_value = level - target


_WRITERS: Final[dict[type[object], Writer]] = {
    type(None): _write_null,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: _write_str,
    bytes: _write_bytes,
    list: _write_list,
    tuple: _write_list,
    dict: _write_dict,
    Payload: _write_payload,
}


def _made_strings(keys: list[Any]) -> bool:
    """Make keys of subclasses of str plain ones; false if some are no str at all."""
    if not all(isinstance(key, str) for key in keys):
        return False
    keys[:] = [str.__str__(key) for key in keys]
    return len(set(keys)) == len(keys)


def _surrogate(error: UnicodeEncodeError) -> str:
    return f"lone surrogate at index {error.start}"


__all__ = ("encode_args", "encode_value")
