"""Values that are deep, odd, malformed, or meant to cost more than they weigh."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.limits import MAX_CONTAINERS
from tests.hostile.house import (
    Intruder,
    call,
    echoing,
    event,
    field,
    intruded,
    packed_call,
    varint,
)
from tests.support.packed import packed_ext

DEEP = 100_000
PACKED: Any = {"encodings": [pb.ENCODING_PACKED]}
LIST, NULL = b"\x38\x01", b"\x08\x01"
ITEMS = 10


def deep_tree(depth: int) -> bytes:
    """Return so many lists, one in the other, as no protobuf library would write it."""
    parts, size = [NULL], len(NULL)
    for _ in range(depth):
        head = LIST + varint(ITEMS << 3 | 2) + varint(size)
        parts.append(head)
        size += len(head)
    return b"".join(reversed(parts))


def nested(code: int, depth: int, inner: bytes = b"\xc0") -> bytes:
    """Return so many exts, each the only item of the one around it."""
    for _ in range(depth):
        inner = packed_ext(code, b"\x91" + inner)
    return inner


async def refusal_of(intruder: Intruder, id: int, packed: bytes) -> pb.Failure:
    await intruder.put(packed_call(id, "echo", packed))
    failure = (await intruder.reply(id)).failure
    assert failure.reason == "DATA_CLONE"
    assert len(failure.message) < 1_000
    return failure


async def echoed(intruder: Intruder, id: int, packed: bytes) -> Any:
    await intruder.put(packed_call(id, "echo", packed))
    return messages.read_result(await intruder.reply(id), "echo")


# ---- deep ones -----------------------------------------------------------------------


async def test_a_tree_that_is_too_deep_for_protobuf() -> None:
    async with intruded(echoing()) as intruder:
        body = field(1, b"echo") + field(2, deep_tree(DEEP))
        await intruder.write(field(2, field(3, body)))
        await intruder.refused("malformed frame")


async def test_a_tree_that_is_too_deep_for_us() -> None:
    async with intruded(echoing()) as intruder:
        body = field(1, b"echo") + field(2, deep_tree(70))
        await intruder.write(field(2, b"\x08\x01" + field(4, body)))
        failure = (await intruder.reply(1)).failure
        assert failure.reason == "DATA_CLONE"
        assert "deeper than 64 levels" in failure.message


@pytest.mark.parametrize(
    "packed",
    [
        b"\x91" * DEEP + b"\xc0",
        b"\x91" + b"\x81\xa1a" * DEEP + b"\xc0",
        b"\x91" + b"\x81" * DEEP + b"\xc0",
        b"\x91" * 500 + b"\xc0",
    ],
    ids=["lists", "objects", "keys", "less"],
)
async def test_a_packed_value_that_is_too_deep(packed: bytes) -> None:
    async with intruded(echoing(), **PACKED) as intruder:
        failure = await refusal_of(intruder, 1, packed)
        assert "deeper than 64 levels" in failure.message or "malformed" in (
            failure.message
        )


@pytest.mark.parametrize("code", [*range(1, 10), 99])
async def test_exts_that_are_too_deep(code: int) -> None:
    async with intruded(echoing(), **PACKED) as intruder:
        await refusal_of(intruder, 1, b"\x91" + nested(code, 5_000))


# ---- very many -----------------------------------------------------------------------

OF_ONE_BYTE: Any = {"maps": b"\x80", "lists": b"\x90", "exts": packed_ext(99, b"\x90")}


@pytest.mark.parametrize("kind", OF_ONE_BYTE)
async def test_more_containers_than_a_message_may_have(kind: str) -> None:
    value = of_length(MAX_CONTAINERS, 0xDD, OF_ONE_BYTE[kind] * MAX_CONTAINERS)
    async with intruded(echoing(), **PACKED) as intruder:
        bad = pb.Message(event=pb.Event(channel="echo", packed=b"\x91" + value))
        await intruder.put(bad, event("echo", "good"))
        failure = await refusal_of(intruder, 1, b"\x91" + value)
        assert "more than 1,000,000 containers" in failure.message
        assert intruder.events() == [("echo", ["good"])]


async def test_a_tree_with_more_containers_than_a_message_may_have() -> None:
    tree = LIST + field(ITEMS, LIST) * MAX_CONTAINERS
    async with intruded(echoing()) as intruder:
        body = field(1, b"echo") + field(2, tree)
        await intruder.write(field(2, b"\x08\x01" + field(4, body)))
        failure = (await intruder.reply(1)).failure
        assert failure.reason == "DATA_CLONE"
        assert "more than 1,000,000 containers" in failure.message


# ---- maps, sets and references -------------------------------------------------------


async def test_a_map_with_nan_for_keys() -> None:
    nan = msgpack.packb(math.nan)
    async with intruded(echoing(), **PACKED) as intruder:
        native = b"\x91\x83" + (nan + b"\x01") * 3
        ((echo,), (other,)) = (
            await echoed(intruder, 1, native),
            await echoed(
                intruder, 2, b"\x91" + packed_ext(9, b"\x94" + nan + b"\x01" + nan * 2)
            ),
        )
        assert [math.isnan(key) for key in echo] == [True] * 3
        assert [math.isnan(key) for key in other] == [True] * 2


async def test_a_tree_with_nan_for_keys() -> None:
    nan, one = pb.Value(double_value=math.nan), pb.Value(int_value=1)
    tree = pb.Value(container=pb.CONTAINER_MAP, items=[nan, one, nan, one])
    async with intruded(echoing()) as intruder:
        await intruder.put(pb.Message(id=1, call=pb.Call(channel="echo", args=[tree])))
        (echo,) = messages.read_result(await intruder.reply(1), "echo")
        assert [math.isnan(key) for key in echo] == [True, True]


def big_integers(count: int) -> list[bytes]:
    """Return integers that have the same hash in Python, each of another value."""
    prime = 2**61 - 1
    numbers = [prime * (2**64 + n) for n in range(count)]
    data = [n.to_bytes(17, "big", signed=True) for n in numbers]
    return [packed_ext(3, b"\x91" + msgpack.packb(item)) for item in data]


def of_length(count: int, head: int, body: bytes) -> bytes:
    return bytes([head]) + count.to_bytes(4, "big") + body


@pytest.mark.parametrize("kind", ["set", "ext map", "native map"])
async def test_keys_that_all_have_the_same_hash(kind: str) -> None:
    keys = big_integers(20_000)
    if kind == "set":
        array = of_length(len(keys), 0xDD, b"".join(keys))
        value = packed_ext(4, array)
    elif kind == "ext map":
        array = of_length(2 * len(keys), 0xDD, b"".join(key + b"\xc0" for key in keys))
        value = packed_ext(9, array)
    else:
        value = of_length(len(keys), 0xDF, b"".join(key + b"\xc0" for key in keys))
    async with intruded(echoing(), **PACKED) as intruder:
        (echo,) = await echoed(intruder, 1, b"\x91" + value)
        # Hashing them would take a minute of main's time: they are only listed.
        assert type(echo) is list
        assert len(echo) == len(keys)


def back_reference(steps: int) -> bytes:
    return packed_ext(8, b"\x91" + msgpack.packb(steps))


async def test_references_that_laugh_a_billion_times() -> None:
    value = b"\xc0"
    for depth in range(60, 0, -1):
        laughs = [back_reference(steps) for steps in range(1, depth + 1)]
        value = of_length(len(laughs) + 1, 0xDD, b"".join(laughs) + value)
    async with intruded(echoing(), **PACKED) as intruder:
        (echo,) = await echoed(intruder, 1, b"\x91" + value)
        assert echo[0] is echo
        assert len(echo[-1]) == 3


@pytest.mark.parametrize("steps", [0, -1, 2, 2**63 - 1, 2**64 - 1, -(2**63)])
async def test_references_that_lead_nowhere(steps: int) -> None:
    async with intruded(echoing(), **PACKED) as intruder:
        failure = await refusal_of(intruder, 1, b"\x91\x91" + back_reference(steps))
        assert "ack-reference" in failure.message or "BACK_REFERENCE" in failure.message


# ---- malformed ones ------------------------------------------------------------------


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x91\xc1",
        b"\x92\x01",
        b"\x91\x01\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\xc0",
        b"\x91\xc6\xff\xff\xff\xff",
        b"\x91\xdb\xff\xff\xff\xff",
        b"\x91\xc9\xff\xff\xff\xff\x02",
        b"\x91\xa1\xff",
        b"\x91\xd4\xfe\x90",
        b"\x91\x81\x90\xc0\x01",
        b"\x01",
        b"\x80",
        b"\x91" + packed_ext(2, b"\x91\xa1a"),
        b"\x91" + packed_ext(7, b"\x92\xa4int8\xa1a"),
        b"\x91" + packed_ext(7, b"\x93\xa4int8\xc4\x01a\x92\x02\x01"),
        b"\x91" + packed_ext(6, b"\x90"),
        b"\x91" + packed_ext(9, b"\x91\x01"),
    ],
    ids=lambda data: data[:8].hex() or "empty",
)
async def test_malformed_messagepack(packed: bytes) -> None:
    async with intruded(echoing(), **PACKED) as intruder:
        await refusal_of(intruder, 1, packed)
        bad = pb.Message(event=pb.Event(channel="echo", packed=packed))
        await intruder.put(bad, event("echo", "good"))
        await intruder.until(intruder.events)
        assert intruder.events() == [("echo", ["good"])]


@pytest.mark.parametrize(
    "tree",
    [
        pb.Value(),
        pb.Value(container=pb.CONTAINER_UNSPECIFIED),
        pb.Value(container=pb.Container.ValueType(99)),
        pb.Value(container=pb.CONTAINER_OBJECT, keys=["a"]),
        pb.Value(container=pb.CONTAINER_MAP, items=[pb.Value(null_value=True)]),
        pb.Value(ext=pb.EXT_UNSPECIFIED),
        pb.Value(ext=pb.EXT_MAP),
        pb.Value(ext=pb.EXT_DATE),
    ],
    ids=["unset", "kind-0", "kind-99", "keys", "odd", "ext-0", "ext-9", "date"],
)
async def test_malformed_trees(tree: pb.Value) -> None:
    async with intruded(echoing()) as intruder:
        await intruder.put(pb.Message(id=1, call=pb.Call(channel="echo", args=[tree])))
        failure = (await intruder.reply(1)).failure
        assert failure.reason == "DATA_CLONE"
        assert failure.details.string_value.startswith("args[0]")


async def test_packed_values_that_were_not_agreed_on() -> None:
    async with intruded(echoing()) as intruder:
        await intruder.put(packed_call(1, "echo", b"\x91\x01"))
        reply = await intruder.reply(1)
        assert messages.read_result(reply, "echo") == [1]
        assert reply.HasField("value")  # what was agreed on binds main all the same


async def test_a_number_with_a_million_digits() -> None:
    number = packed_ext(3, b"\x91\xc6" + (2**19).to_bytes(4, "big") + b"\x01" * 2**19)
    async with intruded(echoing(), **PACKED) as intruder:
        (echo,) = await echoed(intruder, 1, b"\x91" + number)
        assert echo.bit_length() > 4_000_000
        bad = packed_ext(9, b"\x92" + number + b"\xd4\x08\x90")  # as a key, in a path
        await refusal_of(intruder, 2, b"\x91" + bad)


async def test_an_error_that_only_looks_like_ours() -> None:
    lie = pb.Value(ext=pb.EXT_ERROR)
    for text in ("IpcError", "x" * 2**18, "y"):
        lie.items.add(string_value=text)
    async with intruded(echoing()) as intruder:
        await intruder.put(pb.Message(id=1, call=pb.Call(channel="echo", args=[lie])))
        await intruder.reply(1)
        await intruder.put(call(2, "echo", 2))
        assert messages.read_result(await intruder.reply(2), "") == [2]
