"""Values for property tests, and how to compare them."""

import math
import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError, RemoteError
from renderer.wire.values import Opaque, RegExp

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


def refusal(action: Callable[[], object]) -> DataCloneError | None:
    """Return the one error that an action may raise."""
    try:
        action()
    except DataCloneError as error:
        return error
    return None


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
