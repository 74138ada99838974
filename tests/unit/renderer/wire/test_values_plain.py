"""What becomes of Python's own types."""

import array
import collections
import ctypes
import dataclasses
import enum
import re
import sys
import types
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import ext
from renderer.wire.errors import DataCloneError, RemoteError
from renderer.wire.values import Opaque, RegExp, decode_value, encode_value


def name_of(value: object) -> str:
    """Return a name for a case that is the same in every process."""
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(map(repr, value))})"
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def sent(value: object, default: Callable[[Any], object] | None = None) -> Any:
    message = pb.Value()
    encode_value(value, message, default)
    return decode_value(pb.Value.FromString(message.SerializeToString()))


def refusal(value: object) -> str:
    with pytest.raises(DataCloneError) as caught:
        sent(value)
    return caught.value.message


def iter_nothing() -> Iterator[None]:
    yield None


class Future:
    def __await__(self) -> Iterator[None]:
        yield


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Word(str, enum.Enum):  # noqa: UP042 (whose str() is not its value)
    YES = "yes"


class Point(NamedTuple):
    x: int
    y: Any


@dataclasses.dataclass
class User:
    name: str
    tags: list[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: int


class MyInt(int):
    def __int__(self) -> int:
        raise AssertionError("not asked")


class MyStr(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("not asked")


class MyFloat(float):
    pass


class MyBytes(bytes):
    def __bytes__(self) -> bytes:
        raise AssertionError("not asked")


class MyList(list[Any]):
    pass


class MyTuple(tuple[Any, ...]):
    __slots__ = ()


class MyError(Exception):
    details = ("d",)


ARRIVES: list[tuple[object, object]] = [
    (Color.RED, "red"),
    (Color.PAIR, [1, 2]),
    (Level.HIGH, 3),
    (Word.YES, "yes"),
    ({Word.YES: 1}, {"yes": 1}),
    ({Color.RED: 1}, {"red": 1}),
    ((1, (2,)), [1, [2]]),
    (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
    (User("Ada", [Slotted(1)]), {"name": "Ada", "tags": [{"a": 1}]}),
    (MyInt(5), 5),
    (MyInt(2**70), 2**70),
    (MyStr("s"), "s"),
    (MyFloat(1.5), 1.5),
    (MyBytes(b"b"), b"b"),
    (MyList([1]), [1]),
    (MyTuple((1,)), [1]),
    (bytearray(b"b"), b"b"),
    (memoryview(b"abc"), b"abc"),
    (memoryview(b"abcd")[::2], b"ac"),
    (memoryview(b"ab").cast("c"), b"ab"),
    (array.array("B", b"ab"), b"ab"),
    (collections.OrderedDict(a=1), {"a": 1}),
    (collections.defaultdict(list, a=[1]), {"a": [1]}),
    (collections.Counter("aa"), {"a": 2}),
    ({1, 2}, {1, 2}),
    (frozenset([None, "x"]), {None, "x"}),
    ({(1, 2)}, [[1, 2]]),
    (re.compile("a.c"), RegExp("a.c", "")),
    (re.compile("a", re.IGNORECASE | re.M | re.S), RegExp("a", "ims")),
    (re.compile("(?i)a", re.ASCII), RegExp("(?i)a", "i")),
    (RegExp("a", "gy"), RegExp("a", "gy")),
]


@pytest.mark.parametrize(("value", "arrives"), ARRIVES, ids=name_of)
def test_what_arrives(value: object, arrives: object) -> None:
    arrived = sent(value)
    assert arrived == arrives
    assert type(arrived) is type(arrives)


REFUSED: list[tuple[object, str]] = [
    (lambda: 0, "function is not cloneable; convert it or pass default="),
    (print, "function is not cloneable; "),
    (sys.stdout.write, "function is not cloneable; "),
    (User("", []).__repr__, "method is not cloneable; "),
    (sys, "module is not cloneable; "),
    (User, "class User is not cloneable; "),
    (list[int], "GenericAlias is not cloneable; "),
    (object(), "object is not cloneable; "),
    (Decimal(1), "Decimal is not cloneable; "),
    (Path(), f"{type(Path()).__name__} is not cloneable; "),
    (range(3), "range is not cloneable; "),
    ({}.keys(), "dict_keys is not cloneable; "),
    (types.MappingProxyType({}), "mappingproxy is not cloneable; "),
    (Future(), "Future is not cloneable; await it and send its result"),
    (iter_nothing(), "generator is not cloneable; make it a list"),
    (date(2026, 1, 1), "date is not cloneable; send a datetime with a time zone"),
    (time(), "time is not cloneable; "),
    (timedelta(1), "timedelta is not cloneable; "),
    (1j, "complex is not cloneable; "),
    (re.compile(b"a"), "regular expression for bytes is not cloneable; "),
    (re.compile("a", re.X), "verbose regular expression; JavaScript has none"),
    (datetime(2026, 1, 1), "naive datetime; give it a time zone"),
    (
        memoryview((ctypes.c_longdouble * 1)()),
        "memoryview of format '<g' is not cloneable; ",
    ),
    (Opaque(0, ()), "Opaque cannot stand for ext 0"),
    (Opaque(pb.EXT_BACK_REFERENCE, (1,)), "Opaque cannot stand for ext 8"),
    (Opaque(pb.EXT_MAP, ()), "Opaque cannot stand for ext 9"),
    (Opaque(pb.EXT_DATE, ("now",)), "malformed payload of EXT_DATE"),
    (Opaque(2**31, ()), "Opaque.ext is a number of 32 bits"),
    (Opaque(True, ()), "Opaque.ext is a number of 32 bits"),
]


@pytest.mark.parametrize(("value", "text"), REFUSED, ids=name_of)
def test_what_is_refused(value: object, text: str) -> None:
    assert refusal(value).startswith(text)


def test_a_coroutine_wants_to_be_awaited() -> None:
    async def answer() -> int:
        return 42

    coroutine = answer()
    assert refusal(coroutine) == (
        "coroutine is not cloneable; await it and send its result"
    )
    coroutine.close()


def test_an_object_that_cannot_be_read_says_why() -> None:
    slotted = Slotted.__new__(Slotted)
    assert refusal(slotted).startswith("Slotted cannot be read: AttributeError: ")
    view = memoryview(b"x")
    view.release()
    assert refusal(view).startswith("memoryview cannot be read: ValueError: ")


# ---- dates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=-3.5))),
    ],
)
def test_dates_are_exact(moment: datetime) -> None:
    arrived = sent(moment)
    assert arrived == moment
    assert arrived.tzinfo is UTC


def test_a_date_finer_than_microseconds_is_not_cut() -> None:
    class Timestamp(datetime):  # as pandas has it
        nanosecond = 5

    moment = Timestamp(2026, 1, 1, tzinfo=UTC)
    assert refusal(moment).startswith("Timestamp is not cloneable; ")
    moment.__class__.nanosecond = 0
    assert sent(moment) == moment


# ---- errors as values ----------------------------------------------------------------


def test_exceptions_are_values() -> None:
    arrived = sent({"error": MyError("boom")})["error"]
    assert isinstance(arrived, RemoteError)
    assert (arrived.type, arrived.message, arrived.details) == (
        "MyError",
        "boom",
        ["d"],
    )
    assert sent(KeyError("k")).details is None
    assert str(sent(RemoteError("T\ud800", "m", [1]))) == "T\\ud800: m"


# ---- regular expressions -------------------------------------------------------------


def test_a_reg_exp_compiles() -> None:
    assert RegExp("^a.b$", "gims").compile() == re.compile("^a.b$", re.I | re.M | re.S)
    with pytest.raises(re.error):
        RegExp("(").compile()


# ---- typed arrays --------------------------------------------------------------------


@pytest.mark.parametrize("code", "bhilqHILQfd")
def test_arrays(code: str) -> None:
    value: array.array[Any] = array.array(code, [1, 2, 3])
    arrived = sent(value)
    assert type(arrived) is memoryview
    assert (arrived.tolist(), arrived.itemsize) == ([1, 2, 3], value.itemsize)
    assert sent(arrived) == arrived


def test_shapes() -> None:
    view: Any = memoryview(bytes(range(24))).cast("H", [3, 4])
    arrived = sent(view)
    assert (arrived.shape, arrived.tolist()) == (view.shape, view.tolist())
    scalar = memoryview(b"\x07").cast("B", [])
    assert sent(scalar).shape == ()


def test_formats_with_a_byte_order() -> None:
    little, big = ("<", ">") if sys.byteorder == "little" else (">", "<")

    native: Any = np.arange(3, dtype=f"{little}i4")
    view: Any = memoryview(native)
    assert sent(view).tolist() == [0, 1, 2]
    swapped: Any = np.arange(3, dtype=f"{big}i4")
    assert refusal(memoryview(swapped)).startswith(
        f"memoryview of format '{big}i' is not cloneable; "
    )


def test_on_a_big_endian_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ext, "_BIG_ENDIAN", True)
    message = pb.Value()
    encode_value(array.array("H", [0x0102]), message)
    native = (0x0102).to_bytes(2, sys.byteorder)
    assert message.items[1].bytes_value == native[::-1]
    assert decode_value(message).tolist() == [0x0102]
    assert sent(array.array("b", [5])).tolist() == [5]


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u2", "u4", "u8", "f4", "f8", "?", ">i4", "<f8"]
)
def test_numpy_arrays(dtype: str) -> None:
    value: Any = np.array([[0, 1], [1, 0]], dtype=dtype)
    arrived: Any = np.asarray(sent(value))
    assert arrived.dtype == value.dtype.newbyteorder("=")
    assert arrived.tolist() == value.tolist()
    assert np.asarray(sent(value.T)).tolist() == value.T.tolist()
    assert np.asarray(sent(value[0])).tolist() == value[0].tolist()


def test_numpy_bytes_and_shapes() -> None:
    assert sent(np.array([1, 2], dtype="u1")) == b"\x01\x02"
    assert sent(np.array(1.5)).tolist() == 1.5
    empty = sent(np.zeros((0, 3)))
    assert empty == Opaque(pb.EXT_TYPED_ARRAY, ("float64", b"", [0, 3]))
    assert sent(empty) == empty
    assert sent(np.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.int8(-1), -1),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.True_, True),
        (np.str_("s"), "s"),
        (np.bytes_(b"b"), b"b"),
    ],
    ids=repr,
)
def test_numpy_scalars(value: object, arrives: object) -> None:
    arrived = sent([value])[0]
    assert arrived == arrives
    assert type(arrived) is type(arrives)


@pytest.mark.parametrize(
    ("value", "noun"),
    [
        (np.zeros(1, dtype=complex), "ndarray of dtype complex128"),
        (np.zeros(1, dtype="f2"), "ndarray of dtype float16"),
        (np.array(["x"]), "ndarray of dtype <U1"),
        (np.array([None]), "ndarray of dtype object"),
        (np.ma.masked_array([1, 2], mask=[False, True]), "MaskedArray of dtype int64"),
        (np.datetime64(1, "s"), "datetime64 of dtype datetime64[s]"),
        (np.complex64(1), "complex64 of dtype complex64"),
        (np.longdouble(1), "longdouble of dtype "),
    ],
    ids=repr,
)
def test_numpy_that_is_refused(value: object, noun: str) -> None:
    assert refusal(value).startswith(noun)
    assert sent([value], lambda _: "instead") == ["instead"]


def test_numpy_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numpy")

    class New:
        pass

    assert refusal(New()).startswith("New is not cloneable")
    monkeypatch.setitem(sys.modules, "numpy", types.ModuleType("numpy"))

    class Newer:
        pass

    assert refusal(Newer()).startswith("Newer is not cloneable")
