"""What is packed, and that it says what a tree says."""

import array
import ctypes
import dataclasses
import enum
import gc
import sys
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

import msgpack
import numpy as np
import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages, packed_encode
from renderer.wire.ext import RegExp
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.packed_encode import pack_args, pack_value
from renderer.wire.pieces import Pieces, join
from renderer.wire.values import decode_args, encode_args
from tests.support.notation import same
from tests.support.packed import bytes_of


class Point(NamedTuple):
    x: int


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class User:
    name: Any


class MyStr(str):
    __slots__ = ()


class MyDict(dict[Any, Any]):
    pass


def each(values: list[Any]) -> pytest.MarkDecorator:
    names = [f"{place} {type(value).__name__}" for place, value in enumerate(values)]
    return pytest.mark.parametrize("value", values, ids=names)


def nested(depth: int, inner: object) -> object:
    for _ in range(depth):
        inner = [inner]
    return inner


def through_a_tree(*args: object) -> list[Any]:
    field = pb.Event().args
    encode_args(args, field)
    return decode_args(field)


PACKED: list[Any] = [
    None,
    True,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    1.5,
    "text",
    b"bytes",
    bytearray(b"bytes"),
    [],
    (1, (2, [3])),
    {"a": {"b": [1]}},
    {1: "one", None: 2, 2.5: b"x", b"k": [], "s": 1},
    {(1, 2): 3},
    {datetime(2026, 1, 1, tzinfo=UTC): 1},
    {2**70: 1},
    datetime(2026, 1, 1, tzinfo=UTC),
    {"at": [datetime(1, 1, 1, tzinfo=UTC)]},
    {1, "two", 2**70},
    frozenset([b"x"]),
    [{1}, {"a": {2}}],
    np.int64(5),
    np.float32(0.5),
    [np.bool_(True)],
    array.array("B", b"ab"),
    memoryview(b"abc")[::2],
    memoryview(b"abcd").cast("i"),
    nested(50, {"a": {1}}),
    [{"id": n, "score": n * 1.37, "tags": ["a", "b"]} for n in range(200)],
]


@each(PACKED)
def test_what_is_packed_says_the_same_as_a_tree(value: object) -> None:
    args = bytes_of(pack_args([0, value]))
    assert args is not None
    assert unpack_args(args) == through_a_tree(0, value)
    alone = bytes_of(pack_value(value))
    assert alone is not None
    assert same(unpack_value(alone), through_a_tree(value)[0])


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "u8", "f4", "f8", "?", ">i4"])
def test_arrays_are_packed(dtype: str) -> None:
    value: Any = np.array([[0, 1], [1, 0]], dtype=dtype)
    for each in value, value[0], [value], {"a": value.T}, array.array("d", [1.5]):
        args = bytes_of(pack_args([each]))
        assert args is not None
        [arrived], [expected] = unpack_args(args), through_a_tree(each)
        assert repr(type(arrived)) == repr(type(expected))
        np.testing.assert_equal(arrived, expected)


LARGE: list[Any] = [
    bytes(2**16),
    bytearray(b"x" * 70_000),
    memoryview(b"x" * 70_000)[::2],
    memoryview(b"x" * 80_000).cast("i"),
    array.array("H", range(40_000)),
    np.arange(70_000, dtype="u1"),
    np.arange(100_000.0).reshape(2, 50, 1_000),
    np.arange(100_000.0).reshape(1_000, 100).T,
    np.ones((300, 300), dtype="?"),
    np.arange(40_000, dtype=">i2"),
]


@each(LARGE)
def test_what_is_large_says_the_same_as_a_tree(value: Any) -> None:
    for args in [value], ["before", value, {"behind": (1,)}]:
        data = pack_args(args)
        assert isinstance(data, Pieces)
        np.testing.assert_equal(unpack_args(join(b"", data)), through_a_tree(*args))
    alone = pack_value(value)
    assert isinstance(alone, Pieces)
    np.testing.assert_equal(unpack_value(join(b"", alone)), through_a_tree(value)[0])
    parcel = messages.call(1, "c", [value], packed=True)
    call = pb.Message.FromString(parcel.data).call
    np.testing.assert_equal(messages.read_args(call), through_a_tree(value))


def test_what_is_large_is_copied_once() -> None:
    value: Any = np.zeros(2**20)
    tracemalloc.start()
    try:
        parcel = messages.event("c", [value, memoryview(value)], packed=True)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * len(parcel.data)


@pytest.mark.parametrize("odd", [print, {"a": {1: RegExp("a")}}])
def test_one_that_is_no_tree_makes_trees_of_all(odd: object) -> None:
    assert pack_args([bytes(2**16), odd]) is None
    assert pack_args([odd, bytes(2**16)]) is None


def test_large_arrays_that_are_refused() -> None:
    released = memoryview(bytes(2**16))
    released.release()
    masked: Any = np.ma.masked_array(np.arange(10_000))
    for value in released, np.array([None] * 10_000), masked, memoryview(odd_floats()):
        assert pack_value(value) is None
        assert pack_args([value]) is None


def test_nothing_is_asked_of_an_object_of_another_class() -> None:
    class Odd:
        @property
        def nbytes(self) -> int:
            raise AssertionError("not asked")

    assert pack_args([Odd()]) is None
    assert pack_value(Odd()) is None


def odd_floats() -> Any:
    return (ctypes.c_longdouble * 10_000)()


TREES: list[Any] = [
    Color.RED,
    {Color.RED: 1},
    {MyStr("a"): 1},
    [MyStr("a")],
    MyDict(a=1),
    Point(1),
    User("Ada"),
    ValueError("boom"),
    {(1,): {frozenset([1]): {Point(1)}}},
    [memoryview(b"x")],
    [{"a": memoryview(b"abcd").cast("i")}],
    {memoryview(b"a").cast("b"): 1},
    [msgpack.ExtType(2, b"\x91\x01")],
    {"t": msgpack.Timestamp(1)},
    nested(62, 1),
    nested(64, 1),
]


@each(TREES)
def test_what_needs_a_second_look_goes_as_a_tree(value: object) -> None:
    assert bytes_of(pack_args([0, value])) is None
    assert bytes_of(pack_value(value)) is None


REFUSED: list[Any] = [
    print,
    Decimal(1),
    "\ud800",
    {"\ud800": 1},
    datetime(2026, 1, 1),
    np.datetime64(1, "s"),
    np.array([object()]),
    {Decimal(1)},
    {"\ud800"},
    nested(65, 1),
    nested(2_000, 1),
    [memoryview(b"abcdefgh")[::2]],
]


@each(REFUSED)
def test_what_may_be_refused_is_left_to_the_tree(value: object) -> None:
    assert bytes_of(pack_args([value])) is None
    assert bytes_of(pack_value(value)) is None


def test_a_cycle_goes_as_a_tree() -> None:
    items: list[Any] = [1]
    items.append({"back": items})
    assert bytes_of(pack_value(items)) is None
    assert bytes_of(pack_args([items])) is None


def test_packing_changes_nothing() -> None:
    value = [{"a": (1, {2})}, b"x"]
    bytes_of(pack_args(value))
    assert value == [{"a": (1, {2})}, b"x"]


def test_the_dict_of_an_object_is_a_dict() -> None:
    user = User("Ada")
    args = bytes_of(pack_args([{"user": vars(user)}]))
    # CPython 3.13 hides the values: then it goes as a tree.
    assert (args is None) == packed_encode.VALUES_HIDE
    read = unpack_args(args) if args else through_a_tree({"user": vars(user)})
    assert read == [{"user": {"name": "Ada"}}]


@pytest.mark.parametrize("beside", [{}, {1: 2}, {(1, 2): 3}], ids=str)
def test_what_the_dict_of_an_object_holds_is_looked_at(beside: dict[Any, Any]) -> None:
    user = User(memoryview(array.array("i", [1])))
    assert bytes_of(pack_value([beside, vars(user)])) is None
    user = User(nested(65, 1))
    assert bytes_of(pack_value([beside, vars(user)])) is None


def test_values_that_are_hidden_are_not_vouched_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where an object keeps the values of its `__dict__` to itself."""
    hidden, found = {"a": 1}, gc.get_referents

    def get_referents(*objects: object) -> list[Any]:
        return found(*(each for each in objects if each is not hidden))

    monkeypatch.setattr(gc, "get_referents", get_referents)
    monkeypatch.setattr(packed_encode, "VALUES_HIDE", True)
    assert bytes_of(pack_value(hidden)) is None
    assert bytes_of(pack_value([{1: 2}, hidden])) is None
    assert bytes_of(pack_value([{1: 2}, {"b": 3}, {}])) is not None


def test_a_python_is_asked_whether_it_hides_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert packed_encode.values_hide() == packed_encode.VALUES_HIDE
    monkeypatch.setattr(gc, "get_referents", lambda *_: [])
    assert packed_encode.values_hide()


def test_it_may_be_called_while_it_runs() -> None:
    inner = list[bytes | None]()

    class Zone(tzinfo):
        """A time zone that sends something whenever it is asked."""

        def utcoffset(self, _: datetime | None) -> timedelta:
            inner.append(bytes_of(pack_args(["inner", (1, 2)])))
            return timedelta(0)

        def dst(self, _: datetime | None) -> None:
            raise AssertionError("not asked")

        def tzname(self, _: datetime | None) -> str:
            raise AssertionError("not asked")

    moment = datetime(2026, 1, 1, tzinfo=Zone())
    args = bytes_of(pack_args(["before", moment, "behind"]))
    assert args is not None
    assert unpack_args(args) == ["before", moment.replace(tzinfo=UTC), "behind"]
    assert inner
    assert all(data and unpack_args(data) == ["inner", [1, 2]] for data in inner)


def test_threads_do_not_mix() -> None:
    wrong = list[object]()

    def work(number: int) -> None:
        value = [(number, (number,)) for _ in range(50)]
        for _ in range(100):
            data = bytes_of(pack_args(value))
            if data is None or unpack_args(data) != [[number, [number]]] * 50:
                wrong.append(data)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_large_message_leaves_no_room_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packers = list[object]()
    monkeypatch.setattr(packed_encode, "_packers", packers)
    assert bytes_of(pack_args([[b"x" * 300_000]])) is not None
    assert packers == []
    assert bytes_of(pack_args(["x"])) is not None
    assert len(packers) == 1
