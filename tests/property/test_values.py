"""Values: what goes in comes out, and what comes in is a value or refused."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import example, given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError, RemoteError
from renderer.wire.limits import MAX_DEPTH
from renderer.wire.values import (
    Opaque,
    RegExp,
    decode_args,
    decode_value,
    encode_args,
    encode_value,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    TEXTS,
    st.binary(max_size=8),
    st.datetimes(timezones=st.just(UTC)),
)
# Values that arrive as what they were.
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        SCALARS,
        st.sets(st.integers() | TEXTS | st.binary(max_size=3), max_size=4),
        st.builds(RegExp, TEXTS, TEXTS),
        st.lists(st.floats(width=32), max_size=3).map(
            lambda numbers: memoryview(bytes(4 * len(numbers))).cast("f")
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.dictionaries(st.integers() | TEXTS, inner, min_size=1, max_size=4),
        st.builds(RemoteError, TEXTS, TEXTS, inner),
        st.builds(
            Opaque, st.integers(10, 2**31 - 1), st.lists(inner, max_size=2).map(tuple)
        ),
    ),
    max_leaves=12,
)
# Anything at all, so that refusals and stand-ins come up too.
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS
    | st.sampled_from([object(), print, 1j, ValueError("x"), re.compile("a")])
    | st.text(max_size=3)
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
# Trees that protobuf can carry, most of which no encoder would write.
TREES: st.SearchStrategy[pb.Value] = st.recursive(
    st.builds(pb.Value)
    | st.builds(pb.Value, int_value=st.integers(-3, 3) | st.sampled_from([2**63 - 1]))
    | st.builds(pb.Value, string_value=st.sampled_from(["int8", "float64", "g", ""]))
    | st.builds(pb.Value, bytes_value=st.binary(max_size=9))
    | st.builds(pb.Value, null_value=st.booleans())
    | st.builds(pb.Value, double_value=st.floats()),
    lambda inner: st.one_of(
        st.builds(
            pb.Value,
            container=st.integers(-1, 4),
            keys=st.lists(st.sampled_from("abc"), max_size=3),
            items=st.lists(inner, max_size=3),
        ),
        st.builds(
            pb.Value, container=st.integers(1, 3), items=st.lists(inner, max_size=4)
        ),
        st.builds(pb.Value, ext=st.integers(-1, 11), items=st.lists(inner, max_size=3)),
    ),
    max_leaves=12,
)


TOO_DEEP = f"deeper than {MAX_DEPTH} levels"


def refusal(action: Callable[[], object]) -> DataCloneError | None:
    """Return the one error that an action may raise."""
    try:
        action()
    except DataCloneError as error:
        return error
    return None


def sent(value: object) -> Any:
    message = pb.Value()
    encode_value(value, message)
    return decode_value(pb.Value.FromString(message.SerializeToString()))


def same(one: Any, other: Any) -> bool:
    """Compare types, and NaN and errors by what they are."""
    if type(one) is not type(other):
        return False
    match one:
        case float() if math.isnan(one):
            return math.isnan(other)
        case float():
            return (one, math.copysign(1, one)) == (other, math.copysign(1, other))
        case memoryview():
            return (one.format, one.tobytes()) == (other.format, other.tobytes())
        case [*items]:
            pairs = zip(items, other, strict=True)
            return len(items) == len(other) and all(same(a, b) for a, b in pairs)
        case dict():
            return same([*one], [*other]) and same([*one.values()], [*other.values()])
        case RemoteError():
            return same(
                [one.type, one.message, one.details],
                [other.type, other.message, other.details],
            )
        case Opaque():
            return one.ext == other.ext and same(one.items, other.items)
        case _:
            return bool(one == other)


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
    assert again.SerializeToString() == message.SerializeToString()


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
