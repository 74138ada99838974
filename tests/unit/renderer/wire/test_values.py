"""The codec as Python's programs see it; test_values_vectors has the bytes."""

import functools
import gc
import re
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError, RemoteError
from renderer.wire.values import (
    Opaque,
    decode_args,
    decode_value,
    encode_args,
    encode_value,
)


def sent(value: object, default: Callable[[Any], object] | None = None) -> Any:
    """Return what the other side gets."""
    message = pb.Value()
    encode_value(value, message, default)
    return decode_value(pb.Value.FromString(message.SerializeToString()))


def refusal(
    value: object, default: Callable[[Any], object] | None = None
) -> DataCloneError:
    """Return the error that a value is refused with, as the only argument."""
    field = pb.Event().args
    with pytest.raises(DataCloneError) as caught:
        encode_args([value], field, default)
    assert len(field) == 0
    return caught.value


def nested(depth: int, inner: object) -> object:
    for _ in range(depth):
        inner = [inner]
    return inner


# ---- arguments -----------------------------------------------------------------------


def test_arguments_keep_their_order() -> None:
    field = pb.Event().args
    encode_args((1, "two", [3]), field)
    assert decode_args(field) == [1, "two", [3]]


def test_no_arguments() -> None:
    field = pb.Event().args
    encode_args((), field)
    assert decode_args(field) == []


def test_refused_arguments_leave_what_was_there() -> None:
    event = pb.Event(args=[pb.Value(int_value=1)])
    with pytest.raises(DataCloneError) as caught:
        encode_args([2, [print]], event.args)
    assert caught.value.path == "args[1][0]"
    assert decode_args(event.args) == [1]


def test_a_refused_value_leaves_an_empty_message() -> None:
    message = pb.Value()
    with pytest.raises(DataCloneError, match=r"^result\.a: function is not cloneable"):
        encode_value({"a": print}, message, path="result")
    assert message == pb.Value()


def test_the_path_of_a_value_begins_as_told() -> None:
    with pytest.raises(DataCloneError, match=r"^value: a Value with nothing set$"):
        decode_value(pb.Value())
    bad = pb.Value(container=pb.CONTAINER_LIST, items=[pb.Value()])
    with pytest.raises(DataCloneError, match=r"^result\[0\]: "):
        decode_value(bad, path="result")


def test_encoding_changes_nothing() -> None:
    value: dict[str, Any] = {"a": [1, {2}], "b": {"c": bytearray(b"x")}}
    sent([value, value])
    assert value == {"a": [1, {2}], "b": {"c": bytearray(b"x")}}


# ---- texts ---------------------------------------------------------------------------


def test_the_refusal_says_what_and_where() -> None:
    error = refusal({"user": {"callback": lambda: 0}})
    assert str(error) == (
        "args[0].user.callback: function is not cloneable; convert it or pass default="
    )
    assert error.path == "args[0].user.callback"
    assert str(refusal({"price": Decimal("1.5")})) == (
        "args[0].price: Decimal is not cloneable; convert it or pass default="
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([0, [print]], "args[0][1][0]"),
        ({"odd key": print}, "args[0]['odd key']"),
        ({"": print}, "args[0]['']"),
        ({"line\nbreak": print}, "args[0]['line\\nbreak']"),
        ({"k" * 41: print}, "args[0]['" + "k" * 40 + "…']"),
        ({1: print}, "args[0][1]"),
        ({None: print, 2: 1}, "args[0][None]"),
        ({True: print}, "args[0][True]"),
        ({1.5: print}, "args[0][1.5]"),
        ({1: 1, "key": print}, "args[0].key"),
        ({10**400: print}, "args[0]<value 0>"),
        ({0: 0, (1, 2): print}, "args[0]<value 1>"),
        ({0: 0, print: 1}, "args[0]<key 1>"),
        ({print}, "args[0][0]"),
        (RemoteError("E", "m", {"f": print}), "args[0].details.f"),
        (Opaque(99, (0, print)), "args[0][1]"),
    ],
)
def test_paths(value: object, path: str) -> None:
    assert refusal(value).path == path


def test_the_middle_of_a_long_path_is_left_out() -> None:
    assert refusal(nested(11, print)).path == "args" + "[0]" * 12
    error = refusal({"a": nested(65, 1)})
    assert str(error) == (
        "args[0].a[0][0][0][0][0][0]…[0][0][0][0]: deeper than 64 levels"
    )


def test_a_lone_surrogate_is_found() -> None:
    assert str(refusal("ab\udc80")) == "args[0]: lone surrogate at index 2"
    error = refusal({"ok": {"good": 1, "b\ud800": 2}})
    assert str(error) == "args[0].ok['b\\ud800']: lone surrogate at index 1 in a key"
    with pytest.raises(DataCloneError, match=r"^value: lone surrogate at index 0$"):
        sent("\ud800")


def test_a_refusal_keeps_no_arguments_alive() -> None:
    class Heavy:
        pass

    heavy = Heavy()
    alive = weakref.ref(heavy)
    error = refusal([[heavy]])
    error.__traceback__ = None  # its frames are the caller's
    del heavy
    gc.collect()
    assert alive() is None
    assert error.path == "args[0][0][0]"


# ---- default -------------------------------------------------------------------------


def test_default_stands_in_for_unknown_types_only() -> None:
    asked: list[object] = []

    def default(obj: object) -> object:
        asked.append(obj)
        return str(obj)

    value = {"price": Decimal("1.50"), "n": 1, "at": datetime(2026, 1, 1, tzinfo=UTC)}
    assert sent(value, default)["price"] == "1.50"
    assert asked == [Decimal("1.50")]


def test_what_default_returns_may_need_default_again() -> None:
    def default(obj: Any) -> object:
        return [Decimal(2)] if isinstance(obj, complex) else float(obj)

    assert sent({"a": 1j}, default) == {"a": [2.0]}


def test_default_may_return_any_plain_value() -> None:
    values = iter([None, True, 5, 10**30, 1.5, "s", b"b", [1], {"a": 1}])
    arrived = sent([1j] * 9, lambda _: next(values))
    assert arrived == [None, True, 5, 10**30, 1.5, "s", b"b", [1], {"a": 1}]


def test_default_that_gives_a_lone_surrogate() -> None:
    error = refusal([1j], lambda _: "\ud800")
    assert str(error) == "args[0][0]: lone surrogate at index 0"


def test_default_that_raises_is_the_cause() -> None:
    def default(obj: object) -> object:
        raise TypeError(f"what is {type(obj).__name__}?")

    error = refusal({"price": Decimal(1)}, default)
    assert str(error) == (
        "args[0].price: Decimal is not cloneable; "
        "default= raised TypeError: what is Decimal?"
    )
    assert isinstance(error.__cause__, TypeError)


def test_default_that_gets_nowhere_ends() -> None:
    assert "default= returned what it was given" in str(refusal(1j, lambda obj: obj))
    assert "after 64 steps of default=" in str(refusal(1j, lambda _: Decimal(1)))
    assert "deeper than 64 levels" in str(refusal(1j, lambda _: [Decimal(1)]))


def test_default_may_change_what_it_is_part_of() -> None:
    items: list[object] = [1j, 2]
    members: dict[str, object] = {"a": 1j, "b": 2}

    def emptied(_: object) -> object:
        items.clear()
        members.clear()
        return "x"

    assert sent([items, members], emptied) == [["x", 2], {}]
    members.update(a=1j, b=2)
    assert sent(members, emptied) == {"a": "x", "b": 2}


# ---- cycles and depth ----------------------------------------------------------------


def test_cycles_are_kept() -> None:
    items: list[Any] = [1]
    items.append({"back": items})
    arrived = sent(items)
    assert arrived[1]["back"] is arrived
    tree: dict[str, Any] = {"name": "root"}
    tree["child"] = {"parent": tree}
    arrived = sent([tree])[0]
    assert arrived["child"]["parent"] is arrived


def test_cycles_through_maps() -> None:
    table: dict[Any, Any] = {1: []}
    table[1].append(table)
    arrived = sent(table)
    assert arrived[1][0] is arrived
    with_list_key = pb.Value(
        container=pb.CONTAINER_MAP,
        items=[
            pb.Value(container=pb.CONTAINER_LIST),
            pb.Value(ext=pb.EXT_BACK_REFERENCE, items=[pb.Value(int_value=1)]),
        ],
    )
    pairs = decode_value(with_list_key)
    assert pairs[0][0] == []
    assert pairs[0][1] is pairs


def test_a_set_that_holds_itself_is_a_list() -> None:
    class Node:
        members: frozenset[Any]

    node = Node()
    node.members = frozenset([node])
    arrived = sent(node.members, lambda obj: [obj.members])
    assert arrived[0][0] is arrived


def test_cycles_through_stand_ins() -> None:
    class Node:
        def __init__(self) -> None:
            self.next: Any = self

    node = Node()
    arrived = sent(node, vars)
    assert arrived["next"] is arrived
    error = RemoteError("E", "m")
    error.details = [error]
    arrived = sent(error)
    assert arrived.details[0] is arrived
    assert str(arrived) == "E: m"


def test_shared_is_not_a_cycle() -> None:
    shared = [1]
    assert sent([shared, shared, {"a": shared}]) == [[1], [1], {"a": [1]}]
    stand_in = 1j
    assert sent([stand_in, stand_in], str) == ["1j", "1j"]


def test_depth_is_counted_to_64() -> None:
    assert sent(nested(64, 1)) == nested(64, 1)
    assert sent(nested(63, {"a": 1})) == nested(63, {"a": 1})
    for value in (
        nested(65, 1),
        nested(64, {}),
        nested(64, {1: 1}),
        nested(64, 2**63),
        nested(64, {1}),
        nested(64, datetime(2026, 1, 1, tzinfo=UTC)),
    ):
        assert refusal(value).message == "deeper than 64 levels"


def test_depth_of_a_cycle() -> None:
    inner: list[Any] = []
    outer = nested(63, inner)
    inner.append(outer)
    assert refusal(outer).message == "deeper than 64 levels"


# ---- keys ----------------------------------------------------------------------------


def test_keys_keep_their_order() -> None:
    value = {"b": 1, "a": 2, "10": 3, "9": 4}
    assert list(sent(value).items()) == list(value.items())


def test_subclasses_of_str_are_keys_of_objects() -> None:
    class Name(str):
        __slots__ = ()

    message = pb.Value()
    encode_value({Name("a"): 1}, message)
    assert list(message.keys) == ["a"]


def test_keys_of_equal_text_make_a_map() -> None:
    class Odd(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return self is other

        __hash__ = str.__hash__

    assert sent({Odd("a"): 1, "a": 2}) == [("a", 1), ("a", 2)]


def test_bytes_are_no_keys_of_an_object() -> None:
    message = pb.Value()
    encode_value({b"a": 1}, message)
    assert message.container == pb.CONTAINER_MAP
    assert decode_value(message) == {b"a": 1}


def test_keys_that_are_one_in_python_stay_apart() -> None:
    pairs = pb.Value(container=pb.CONTAINER_MAP)
    for key in (pb.Value(int_value=1), pb.Value(bool_value=True)):
        pairs.items.extend([key, pb.Value(string_value="x")])
    assert decode_value(pairs) == [(1, "x"), (True, "x")]


@functools.cache
def numbered_ext(number: int) -> bytes:
    return pb.Value(ext=pb.Ext.ValueType(number)).SerializeToString()


@pytest.mark.parametrize("number", [10, 127, 2**31 - 1, -1, -(2**31)])
def test_what_is_unknown_goes_on_as_it_came(number: int) -> None:
    opaque = decode_value(pb.Value.FromString(numbered_ext(number)))
    assert opaque == Opaque(number, ())
    message = pb.Value()
    encode_value(opaque, message)
    assert message.SerializeToString() == numbered_ext(number)


def test_the_error_for_a_malformed_payload_names_the_kind() -> None:
    message = pb.Value(ext=pb.EXT_DATE)
    with pytest.raises(DataCloneError, match=re.escape("payload of EXT_DATE")):
        decode_value(message)
