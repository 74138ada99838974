"""What packed values become; test_packed_vectors has the contract's examples."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta
from typing import Any

import msgpack
import pytest
from msgpack import fallback

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import packed_decode, packed_depth
from renderer.wire.errors import DataCloneError
from renderer.wire.ext import EPOCH, Opaque, RegExp
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.values import encode_args
from tests.support.notation import VECTORS, python, same
from tests.support.packed import packed_ext, packed_list

NESTED_SET = packed_ext(pb.EXT_SET, b"\x91\x93" + b"\x01\x02\x03")


def packed_map(key: bytes, value: bytes = b"\xc3") -> bytes:
    return b"\x81" + key + value


def packed_array(name: str, data: bytes, *dims: int) -> bytes:
    items: list[Any] = [name, data, *([[*dims]] if dims else [])]
    return packed_ext(pb.EXT_TYPED_ARRAY, msgpack.packb(items))


def through_a_tree(*args: object) -> bytes:
    """Return arguments as they are packed without the codec."""
    event = pb.Event()
    encode_args(args, event.args)
    return packed_list(event.args)


def refusal(data: bytes) -> DataCloneError:
    with pytest.raises(DataCloneError) as caught:
        unpack_args(data)
    return caught.value


def test_arguments() -> None:
    assert unpack_args(b"\x90") == []
    assert unpack_args(b"\x93\x01\xa3two\x91\x03") == [1, "two", [3]]


@pytest.mark.parametrize("data", [b"\x01", b"\x80", b"\xa1x", NESTED_SET])
def test_arguments_are_an_array(data: bytes) -> None:
    error = refusal(data)
    assert str(error) == "args: packed arguments are an array"


def test_the_path_of_a_value_begins_as_told() -> None:
    with pytest.raises(DataCloneError, match=r"^result\[0\]: ext 0 cannot stand here"):
        unpack_value(b"\x91" + packed_ext(0, b"\x90"), "result")
    with pytest.raises(DataCloneError, match=r"^value: malformed MessagePack"):
        unpack_value(b"\xc1")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "Unpack failed: incomplete input"),
        (b"\x91", "Unpack failed: incomplete input"),
        (b"\xc1", "a byte that begins no value"),
        (b"\x90\x00" + b"secret", "bytes behind the end"),
    ],
)
def test_what_is_no_message_pack(data: bytes, text: str) -> None:
    assert str(refusal(data)) == f"args: malformed MessagePack: {text}"


@pytest.mark.parametrize("depth", [1_025, 100_000])
def test_what_is_much_too_deep(depth: int) -> None:
    assert str(refusal(b"\x91" * depth)) == "args: deeper than 64 levels"


def test_depth_is_counted_through_exts() -> None:
    def nested(depth: int) -> bytes:
        data = b"\xc0"
        for level in range(depth):
            data = packed_ext(99, b"\x91" + data) if level % 2 else b"\x91" + data
        return b"\x91" + data

    [value] = unpack_args(nested(64))
    assert type(value) is Opaque
    assert refusal(nested(65)).message == "deeper than 64 levels"
    assert refusal(nested(300)).message == "deeper than 64 levels"


# What Python's dict may take for a key, and our maps do not.
KEYS = [
    packed_array("int8", b"ab"),
    packed_array("uint8", b"ab", 1, 2),
    packed_ext(pb.EXT_REG_EXP, b"\x92\xa1a\xa0"),
    packed_ext(pb.EXT_DATE, b"\x91" + msgpack.packb(2**62)),
    packed_ext(pb.EXT_ERROR, b"\x93\xa1a\xa0\xc0"),
    packed_ext(99, b"\x90"),
    b"\x91\x01",
    b"\x81\x01\x01",
    packed_array("float32", bytes(4)),
    NESTED_SET,
]


@pytest.mark.parametrize("key", KEYS, ids=bytes.hex)
def test_a_key_that_is_no_scalar_makes_pairs(key: bytes) -> None:
    for data in packed_map(key), packed_ext(pb.EXT_MAP, b"\x92" + key + b"\xc3"):
        value = unpack_value(data)
        assert type(value) is list
        assert [pair[1] for pair in value] == [True]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (packed_ext(pb.EXT_UNDEFINED, b"\x90"), None),
        (packed_ext(pb.EXT_SET, b"\x93\x01\xa1a\xc0"), {1, "a", None}),
        (packed_ext(pb.EXT_SET, b"\x92\x01\xc3"), [1, True]),
        (packed_ext(pb.EXT_SET, b"\x91\x91\x01"), [[1]]),
        (packed_ext(pb.EXT_REG_EXP, b"\x92\xa1a\xa1g"), RegExp("a", "g")),
        (packed_map(packed_ext(pb.EXT_BIG_INTEGER, b"\x91\xc4\x01\x05")), {5: True}),
        (b"\xcf" + b"\xff" * 8, 2**64 - 1),
        (b"\xa2\xd6\xbf", "\u05bf"),
        (b"\x92\xa1a\xd0\xff", ["a", -1]),
        (b"\x92\xcd\xd6\xff\x81\x01\x02", [0xD6FF, {1: 2}]),  # as a timestamp begins
    ],
    ids=lambda part: part.hex() if type(part) is bytes else "",
)
def test_values(data: bytes, value: object) -> None:
    assert same(unpack_value(data), value)
    assert same(unpack_args(b"\x91" + data), [value])


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        (b"\xd6\xff\x00\x00\x00\x01", EPOCH + timedelta(seconds=1)),
        (
            b"\xd7\xff" + ((1_999 << 34) + 2).to_bytes(8, "big"),
            EPOCH + timedelta(seconds=2, microseconds=1),
        ),
        (
            b"\xc7\x0c\xff" + bytes(4) + (-1).to_bytes(8, "big", signed=True),
            EPOCH - timedelta(seconds=1),
        ),
    ],
    ids=["32 bits", "64 bits", "96 bits"],
)
def test_timestamps_are_dates(timestamp: bytes, moment: datetime) -> None:
    assert same(unpack_value(timestamp), moment)
    assert same(unpack_value(b"\x81\x91\x01" + timestamp), [([1], moment)])  # slowly


def test_timestamps_count_as_deep_as_dates() -> None:
    assert unpack_args(b"\x91" * 64 + b"\xd6\xff" + bytes(4))
    assert "levels" in refusal(b"\x91" * 65 + b"\xd6\xff" + bytes(4)).message


@pytest.mark.parametrize(
    "timestamp",
    [
        b"\xc7\x0c\xff" + bytes(4) + b"\x7f" * 8,
        b"\xd7\xff" + b"\xff" * 8,
        b"\xd4\xff\x01",
    ],
    ids=["after year 9999", "too many nanoseconds", "of one byte"],
)
def test_timestamps_that_tell_no_time(timestamp: bytes) -> None:
    assert refusal(b"\x91" + timestamp).message.startswith("malformed MessagePack: ")


def test_much_is_read_below_what_fills_the_stack() -> None:
    wide = [{"n": n, "of": [n]} for n in range(1_000)]
    assert unpack_args(msgpack.packb([wide])) == [wide]
    assert unpack_value(msgpack.packb(wide)) == wide
    deep: Any = "x" * 3_000
    for _ in range(64):
        deep = [deep]
    assert unpack_value(msgpack.packb(deep)) == deep
    assert "levels" in refusal(msgpack.packb([[deep]])).message


def test_dimensions_are_a_list() -> None:
    data = packed_ext(pb.EXT_TYPED_ARRAY, b"\x93\xa4int8\xc4\x01\x05\x80")
    assert refusal(b"\x91" + data).message == "malformed payload of EXT_TYPED_ARRAY"


def test_an_ext_in_a_payload() -> None:
    date = packed_ext(pb.EXT_DATE, b"\x91" + packed_ext(pb.EXT_BIG_INTEGER, b"\x90"))
    error = refusal(b"\x91" + date)
    assert str(error) == "args[0][0]: malformed payload of EXT_BIG_INTEGER"


@pytest.mark.parametrize("payload", [b"\x90", b"\x91\xc3", b"\x91\xa1a", b"\x92\1\1"])
def test_a_back_reference_is_a_number(payload: bytes) -> None:
    error = refusal(b"\x91\x91" + packed_ext(pb.EXT_BACK_REFERENCE, payload))
    assert str(error) == "args[0][0]: malformed payload of EXT_BACK_REFERENCE"


def test_cycles_are_kept() -> None:
    items: list[Any] = [1]
    items.append({"back": items})
    [arrived] = unpack_args(through_a_tree(items))
    assert arrived[1]["back"] is arrived


def test_levels_keep_no_copies_of_those_below() -> None:
    data = b"\xc6" + (2**20).to_bytes(4) + bytes(2**20)
    for _ in range(60):
        data = packed_ext(99, b"\x91" + data)
    tracemalloc.start()
    try:
        unpack_value(data)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_without_the_extension_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_decode, "_unpack", fallback.unpackb)
    monkeypatch.setattr(packed_depth, "_CAN_COUNT", False)
    for section in VECTORS.values():
        for entry in section:
            if "packed" not in entry:
                continue
            args = b"\x91" + bytes.fromhex(entry["packed"])
            if "value" in entry:
                assert same(unpack_args(args), [python(entry["value"])])
            else:
                refusal(args)
    assert refusal(b"\x91" * 100_000).message == "deeper than 64 levels"
