"""Keys that were chosen to have one hash cost no more than others."""

from __future__ import annotations

from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.packed_decode import unpack_value
from renderer.wire.values import decode_value, encode_value
from tests.support.packed import packed

FEW, MANY = 100, 101
Keys = list[int]


def big(count: int) -> Keys:
    return [2**64 + n for n in range(count)]


def tree(keys: Keys, kind: str) -> pb.Value:
    value = pb.Value()
    if kind == "set":
        encode_value(set(keys), value)
    else:
        encode_value(dict.fromkeys(keys), value)
    return value


@pytest.mark.parametrize("kind", ["set", "dict"])
@pytest.mark.parametrize("form", ["tree", "packed"])
def test_few_integers_beyond_64_bits_are_keys(kind: str, form: str) -> None:
    value = tree([*big(FEW), *range(MANY)], kind)
    read: Any = decode_value(value) if form == "tree" else unpack_value(packed(value))
    assert type(read).__name__ == kind
    assert len(read) == FEW + MANY


@pytest.mark.parametrize(("kind", "keys"), [("set", big(MANY)), ("dict", big(MANY))])
@pytest.mark.parametrize("form", ["tree", "packed"])
def test_many_of_them_are_listed(kind: str, keys: Keys, form: str) -> None:
    value = tree(keys, kind)
    read: Any = decode_value(value) if form == "tree" else unpack_value(packed(value))
    assert type(read) is list
    expected: Any = keys if kind == "set" else [(key, None) for key in keys]
    assert sorted(read) == expected


def test_many_of_64_bits_are_keys() -> None:
    keys = [2**63 - 1 - n for n in range(MANY)]
    assert decode_value(tree(keys, "dict")) == dict.fromkeys(keys)
