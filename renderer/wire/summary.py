"""Values and names at a glance, for lines that people read.

A summary is made from the tree as it came, and only as far as it is shown: the largest
value costs no more than a small one, and a malformed one is shown, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import quote
from renderer.wire.ext import EPOCH

_LONGEST_STRING: Final = 60


def summary(values: Iterable[pb.Value], limit: int) -> str:
    """Return arguments as one printable line, cut off where it gets too long.

    Args:
        values: trees as they came.
        limit: characters to keep.
    """
    text = ""
    for piece in _joined(values):
        text += piece
        if len(text) > limit:
            return f"{text[:limit]}…"
    return text


def _joined(values: Iterable[pb.Value]) -> Iterator[str]:
    for place, value in enumerate(values):
        if place:
            yield ", "
        yield from _pieces(value)


def _pieces(value: pb.Value) -> Iterator[str]:
    kind = value.WhichOneof("kind")
    if kind == "container":
        yield from _container(value)
    elif kind == "ext":
        yield from _ext(value)
    else:
        yield _scalar(value, kind)


def _scalar(value: pb.Value, kind: str | None) -> str:
    if kind == "string_value":
        return _string(value.string_value)
    if kind == "bytes_value":
        return f"<{len(value.bytes_value):,} bytes>"
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return repr(value.double_value)
    return "null" if kind == "null_value" else "<nothing set>"


def _string(text: str) -> str:
    return f'"{quote(text, _LONGEST_STRING)[1:-1]}"'


def _container(value: pb.Value) -> Iterator[str]:
    if value.container == pb.CONTAINER_OBJECT:
        yield "{"
        for place, (key, item) in enumerate(zip(value.keys, value.items, strict=False)):
            yield f"{', ' if place else ''}{_string(key)}: "
            yield from _pieces(item)
        yield "}"
    elif value.container == pb.CONTAINER_LIST:
        yield "["
        yield from _joined(value.items)
        yield "]"
    else:
        yield from _tagged("map" if value.container == pb.CONTAINER_MAP else "?", value)


def _ext(value: pb.Value) -> Iterator[str]:
    kinds = [item.WhichOneof("kind") for item in value.items[:2]]
    if value.ext == pb.EXT_DATE and kinds == ["int_value"]:
        try:
            time = EPOCH + timedelta(microseconds=value.items[0].int_value)
        except OverflowError:
            pass  # shown as the number it is
        else:
            yield f"<date {time.isoformat()}>"
            return
    known = pb.Ext.values()
    name = pb.Ext.Name(value.ext)[4:].lower() if value.ext in known else str(value.ext)
    yield from _tagged(name, value)


def _tagged(name: str, value: pb.Value) -> Iterator[str]:
    yield f"<{name} "
    yield from _joined(value.items)
    yield ">"


__all__ = ("summary",)
