"""Values: what goes in comes out, and what comes in is a value or refused."""

import math
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import example, given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteError
from renderer.wire.limits import MAX_DEPTH
from renderer.wire.values import (
    Opaque,
    decode_args,
    decode_value,
    encode_args,
    encode_value,
)
from tests.support.values import ANYTHING, TREES, VALUES, refusal, same

TOO_DEEP = f"deeper than {MAX_DEPTH} levels"


def sent(value: object) -> Any:
    message = pb.Value()
    encode_value(value, message)
    return decode_value(pb.Value.FromString(message.SerializeToString()))


@given(VALUES)
@example([-0.0, math.nan, 2**63, -(2**63) - 1, datetime.min.replace(tzinfo=UTC)])
def test_a_value_arrives_as_it_was(value: Any) -> None:
    assert same(sent(value), value)


@given(st.lists(VALUES, max_size=4))
def test_arguments_arrive_as_they_were(args: list[Any]) -> None:
    event = pb.Event()
    encode_args(args, event.args)
    assert same(decode_args(pb.Event.FromString(event.SerializeToString()).args), args)


@given(ANYTHING)
def test_a_value_is_carried_or_refused_with_its_path(value: Any) -> None:
    before = repr(value)
    field = pb.Event().args
    refused = refusal(lambda: encode_args([value], field))
    if refused:
        assert refused.path.startswith("args[0]")
        assert len(field) == 0
    else:
        assert len(decode_args(field)) == 1
    assert repr(value) == before  # encoding changes nothing


@given(TREES)
@example(
    pb.Value(
        ext=pb.EXT_SET,
        items=[
            pb.Value(int_value=2**63 - 1),
            pb.Value(bytes_value=b"\0\0\x14P`\xcc\0\0"),
        ],
    )
)
def test_a_tree_is_a_value_or_refused_with_its_path(tree: pb.Value) -> None:
    refused = refusal(lambda: decode_args([tree]))
    if refused:
        assert refused.path.startswith("args[0]")
    else:
        assert_sent_on(decode_value(tree))


@given(st.binary(max_size=64))
@example(b"\x38\x01" * 3)
def test_bytes_are_a_value_or_refused_with_their_path(data: bytes) -> None:
    try:
        tree = pb.Value.FromString(data)
    except DecodeError:
        return
    refused = refusal(lambda: decode_value(tree))
    if refused:
        assert refused.path.startswith("value")
    else:
        assert_sent_on(decode_value(tree))


def assert_sent_on(value: Any) -> None:
    """Send what has arrived; it arrives as before."""
    message = pb.Value()
    refused = refusal(lambda: encode_value(value, message))
    if refused:  # a list of pairs is one level more than the map that it was
        assert refused.message == TOO_DEEP
        return
    again = pb.Value()
    encode_value(decode_value(message), again)
    # In the same order, but for sets: theirs hangs on how they were filled.
    assert sorted(again.SerializeToString()) == sorted(message.SerializeToString())


@given(st.integers(1, MAX_DEPTH + 3), st.data())
def test_depth_is_refused_on_both_sides_alike(depth: int, data: st.DataObject) -> None:
    kinds = st.sampled_from(["list", "object", "map", "error", "unknown"])
    value: Any = None
    tree = pb.Value(null_value=True)
    for _ in range(depth):
        value, tree = wrapped(data.draw(kinds), value, tree)
    for refused in refusal(lambda: sent(value)), refusal(lambda: decode_value(tree)):
        assert (refused.message if refused else None) == (
            None if depth <= MAX_DEPTH else TOO_DEEP
        )


def wrapped(kind: str, value: Any, tree: pb.Value) -> tuple[Any, pb.Value]:
    text = pb.Value(string_value="x")
    match kind:
        case "list":
            return [value], pb.Value(container=pb.CONTAINER_LIST, items=[tree])
        case "object":
            return {"x": value}, pb.Value(
                container=pb.CONTAINER_OBJECT, keys=["x"], items=[tree]
            )
        case "map":
            key = pb.Value(int_value=1)
            return {1: value}, pb.Value(container=pb.CONTAINER_MAP, items=[key, tree])
        case "error":
            return RemoteError("x", "x", value), pb.Value(
                ext=pb.EXT_ERROR, items=[text, text, tree]
            )
        case _:
            return Opaque(99, (value,)), pb.Value(
                ext=pb.Ext.ValueType(99), items=[tree]
            )


CYCLE = st.sampled_from(["list", "dict", "map", "error"])


@given(st.lists(CYCLE, min_size=1, max_size=9))
def test_a_cycle_leads_back_to_where_it_came_from(kinds: list[str]) -> None:
    outer: list[Any] = []
    inner: Any = outer
    for kind in kinds:
        inner = wrapped_once(kind, inner)
    outer.append(inner)
    arrived = sent(outer)
    step = arrived[0]
    for kind in reversed(kinds):
        step = unwrapped_once(kind, step)
    assert step is arrived


def wrapped_once(kind: str, value: Any) -> Any:
    match kind:
        case "list":
            return [value]
        case "dict":
            return {"x": value}
        case "map":
            return {1: value}
        case _:
            return RemoteError("x", "x", value)


def unwrapped_once(kind: str, value: Any) -> Any:
    match kind:
        case "list":
            return value[0]
        case "dict":
            return value["x"]
        case "map":
            return value[1]
        case _:
            return value.details
