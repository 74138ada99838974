"""Trees of `Value` to Python values.

A tree comes from the other process and may be anything that protobuf can parse. What
is wrong with a value is told with its path as a `DataCloneError`: it costs one message
and not the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.ext import malformed
from renderer.wire.paths import Refusal
from renderer.wire.values_build import (
    Ancestors,
    build_ext,
    build_list,
    build_map,
    build_object,
    led_back,
    refuse_ext,
)


def decode_args(values: Iterable[pb.Value]) -> list[Any]:
    """Return the arguments of a message.

    Raises:
        DataCloneError: one of them is malformed; `path` says which part of it.
    """
    out: list[Any] = []
    try:
        _read_into(out, values, 1, Ancestors())
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
        _read_into(out, (value,), 1, Ancestors())
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


def _read_container(value: pb.Value, level: int, around: Ancestors) -> Any:
    around.enter(level)
    container = value.container
    if container == pb.CONTAINER_OBJECT:
        return build_object(_read_into, value.keys, value.items, level, around)
    if container == pb.CONTAINER_LIST:
        return build_list(_read_into, value.items, level, around)
    if container == pb.CONTAINER_MAP:
        return build_map(_read_into, value.items, level, around)
    raise Refusal(f"unknown container {container}")


def _read_ext(value: pb.Value, level: int, around: Ancestors) -> Any:
    around.enter(level)
    ext = value.ext
    if ext == pb.EXT_BACK_REFERENCE:
        if [item.WhichOneof("kind") for item in value.items] != ["int_value"]:
            raise malformed(ext)
        return led_back(value.items[0].int_value, around)
    if ext == pb.EXT_MAP:  # in a tree a map is a container
        raise refuse_ext(ext)
    return build_ext(_read_into, ext, value.items, level, around)


__all__ = ("decode_args", "decode_value")
