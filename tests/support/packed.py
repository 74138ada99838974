"""Packed values out of trees, by PROTOCOL.md alone and not by the codec."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgpack

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.pieces import Packed, join

_LARGEST_EXT: Final = 127
_KEYS: Final = {
    "null_value",
    "bool_value",
    "int_value",
    "double_value",
    "string_value",
    "bytes_value",
}


class NotPackable(Exception):
    """The tree is malformed in a way that MessagePack has no form for."""


def packed(value: pb.Value) -> bytes:
    """Return the packed form of a tree.

    Raises:
        NotPackable: it has none.
    """
    kind = value.WhichOneof("kind")
    if kind == "container":
        return _container(value)
    if kind == "ext":
        return _ext(value)
    if kind is None:
        raise NotPackable
    return _scalar(None if kind == "null_value" else getattr(value, kind))


def packed_list(values: Iterable[pb.Value]) -> bytes:
    """Return the packed form of a list, such as that of the arguments."""
    items = [packed(value) for value in values]
    return msgpack.Packer().pack_array_header(len(items)) + b"".join(items)


def packed_ext(number: int, data: bytes) -> bytes:
    """Return an ext."""
    return msgpack.packb(msgpack.ExtType(number, data))


def bytes_of(values: Packed | None) -> bytes | None:
    """Return the bytes that the codec made, however it did; None if it made none."""
    return None if values is None else join(b"", values)


def _scalar(value: object) -> bytes:
    return msgpack.packb(value)


def _container(value: pb.Value) -> bytes:
    if value.container == pb.CONTAINER_LIST:
        return packed_list(value.items)
    if value.container == pb.CONTAINER_OBJECT:
        if len(value.keys) != len(value.items) or len({*value.keys}) < len(value.keys):
            raise NotPackable
        parts = [msgpack.Packer().pack_map_header(len(value.keys))]
        for key, item in zip(value.keys, value.items, strict=True):
            parts += _scalar(key), packed(item)
        return b"".join(parts)
    if value.container == pb.CONTAINER_MAP:
        return _map(value)
    raise NotPackable


def _map(value: pb.Value) -> bytes:
    keys, count = value.items[::2], len(value.items)
    if count % 2 or not _may_be_native(keys):
        return packed_ext(pb.EXT_MAP, packed_list(value.items))
    header = msgpack.Packer().pack_map_header(count // 2)
    return header + b"".join(packed(item) for item in value.items)


def _may_be_native(keys: list[pb.Value]) -> bool:
    plain: list[Any] = []
    for key in keys:
        if key.ext == pb.EXT_DATE:
            plain.append(key.SerializeToString())  # equal to no other key's bytes
        elif (kind := key.WhichOneof("kind")) in _KEYS:
            plain.append(None if kind == "null_value" else getattr(key, kind))
        else:
            return False
    distinct = len({*plain}) == len(plain)
    return distinct and not all(isinstance(key, str) for key in plain)


def _ext(value: pb.Value) -> bytes:
    if not 0 <= value.ext <= _LARGEST_EXT or value.ext == pb.EXT_MAP:
        raise NotPackable
    if value.ext == pb.EXT_BIG_INTEGER and len(value.items) == 1:
        data = value.items[0].bytes_value
        if len(data) == 9 and data[0] == 0 and data[1] >= 0x80:
            return _scalar(int.from_bytes(data, "big"))
    return packed_ext(value.ext, packed_list(value.items))


__all__ = ("NotPackable", "bytes_of", "packed", "packed_ext", "packed_list")
