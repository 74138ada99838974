"""How many containers a tree may have, in both directions."""

from __future__ import annotations

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.bounds import Bounds
from renderer.wire.errors import DataCloneError
from renderer.wire.ext import Opaque
from renderer.wire.limits import MAX_CONTAINERS
from renderer.wire.values import decode_args, decode_value, encode_args, encode_value

MOST = 10
CONTAINERS: dict[str, object] = {
    "lists": [],
    "objects": {},
    "maps": {1: 2},
    "exts": Opaque(99, (1,)),
    "sets": {1},
    "integers": 2**70,
}


def test_there_may_be_a_million() -> None:
    assert Bounds.left == MAX_CONTAINERS == 1_000_000


@pytest.mark.parametrize("name", CONTAINERS)
def test_one_too_many_is_not_sent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bounds, "left", MOST)
    body, value = pb.Event(), CONTAINERS[name]
    encode_args([value, [value] * (MOST - 2)], body.args)
    with pytest.raises(DataCloneError, match="more than 1,000,000 containers") as info:
        encode_args([value, [value] * (MOST - 1)], body.args)
    assert info.value.path == f"args[1][{MOST - 2}]"
    with pytest.raises(DataCloneError) as info:
        encode_value([value] * MOST, pb.Value())
    assert info.value.path == f"value[{MOST - 1}]"


@pytest.mark.parametrize("name", CONTAINERS)
def test_one_too_many_is_not_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, value, result = pb.Event(), CONTAINERS[name], pb.Value()
    encode_args([value, [value] * (MOST - 1)], body.args)
    encode_value([value] * MOST, result)
    monkeypatch.setattr(Bounds, "left", MOST + 1)
    decode_args(body.args)
    decode_value(result)
    monkeypatch.setattr(Bounds, "left", MOST)
    with pytest.raises(DataCloneError, match="more than 1,000,000 containers") as info:
        decode_args(body.args)
    assert info.value.path == f"args[1][{MOST - 2}]"
    with pytest.raises(DataCloneError) as info:
        decode_value(result)
    assert info.value.path == f"value[{MOST - 1}]"


def test_a_way_back_is_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    value = pb.Value()
    monkeypatch.setattr(Bounds, "left", 1)
    with pytest.raises(DataCloneError, match="more than"):
        encode_value(cycle, value)
    monkeypatch.setattr(Bounds, "left", 2)
    encode_value(cycle, value)
    monkeypatch.setattr(Bounds, "left", 1)
    with pytest.raises(DataCloneError, match="more than"):
        decode_value(value)
