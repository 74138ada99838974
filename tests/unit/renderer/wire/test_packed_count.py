"""How many containers there are is told before any of them is made."""

from __future__ import annotations

import array as arrays
import struct
import tracemalloc
from collections.abc import Callable

import msgpack
import pytest

from renderer.wire import packed_count
from renderer.wire.errors import DataCloneError
from renderer.wire.limits import MAX_CONTAINERS, MAX_DEPTH
from renderer.wire.packed_count import has_more, has_too_many, size_behind_bytes
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.packed_encode import pack_args, pack_value
from renderer.wire.packed_keys import unpack_slowly
from renderer.wire.pieces import LARGE, Pieces
from tests.support.packed import packed_ext

MOST = 20
OPAQUE = 99


@pytest.fixture(params=["at once", "slowly"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count as on every Python, and as on one that never frees keys."""
    if request.param == "slowly":
        monkeypatch.setattr(packed_count, "_read", unpack_slowly)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_count, "MAX_CONTAINERS", MOST)


def array(*items: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", len(items)) + b"".join(items)


def payload(*items: bytes) -> bytes:
    return packed_ext(OPAQUE, array(*items))


MALFORMED = packed_ext(OPAQUE, b"\x92\x90\xc1")
SPREAD: dict[str, Callable[[int], bytes]] = {
    "lists": lambda n: array(*[b"\x90"] * n),
    "maps": lambda n: array(*[b"\x80"] * n),
    "maps in maps": lambda n: b"\x81\xc0" * n + b"\xc0",
    "keys": lambda n: b"\x81" * n + b"\xc0" * (n + 1),
    "exts": lambda n: array(*[packed_ext(OPAQUE, b"\x90")] * n),
    "exts with scalars": lambda n: array(*[payload(b"\xcf" + b"\x90" * 8)] * n),
    "exts with no payload": lambda n: array(*[packed_ext(OPAQUE, b"\xc0")] * n),
    "in an ext": lambda n: array(payload(*[b"\x80"] * (n - 1))),
    "exts in exts": lambda n: array(payload(*[packed_ext(OPAQUE, b"\x90")] * (n - 1))),
    "behind a malformed ext": lambda n: array(MALFORMED, *[b"\x80"] * (n - 2)),
}


@pytest.mark.usefixtures("few", "reading")
@pytest.mark.parametrize("name", SPREAD)
def test_each_container_and_each_ext_is_one(name: str) -> None:
    inside = MOST - 1 if SPREAD[name](1)[:1] == b"\xdd" else MOST
    assert not has_too_many(SPREAD[name](inside))
    assert has_too_many(SPREAD[name](inside + 1))


@pytest.mark.usefixtures("few")
def test_what_breaks_off_before_there_are_too_many_is_only_malformed() -> None:
    lists = [b"\x90"] * (MOST + 1)
    assert not has_too_many(array(b"\xc1", *lists))
    assert has_too_many(array(*lists, b"\xc1"))


def test_what_is_long_without_any_header_is_not_read() -> None:
    assert not has_too_many(msgpack.packb(bytes(MAX_CONTAINERS)))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("args", [[], [b"\x90" * 300, "x" * 70_000]])
def test_lists_behind_bytes_and_texts_are_counted(args: list[object]) -> None:
    assert not has_too_many(msgpack.packb([*args, [[]] * (MOST - 2)]))
    assert has_too_many(msgpack.packb([*args, [[]] * (MOST - 1)]))


@pytest.mark.usefixtures("few")
def test_bytes_that_end_too_soon_are_only_malformed() -> None:
    assert not has_too_many(b"\xc6\xff\xff\xff\xff" + b"\x90" * 2 * MOST)
    assert not has_too_many(b"\xc4" + bytes([2 * MOST]) + b"\x90" * 2 * MOST)


@pytest.mark.usefixtures("few")
def test_bytes_that_look_like_containers_are_none() -> None:
    assert not has_too_many(msgpack.packb([b"\x80" * 1_000, "\u0080" * 1_000]))
    assert not has_too_many(msgpack.packb([b"\x80" * 1_000] * 15))
    assert not has_too_many(msgpack.packb([b"\x80" * 1_000] * 16))


@pytest.mark.parametrize("args", [[], ["x" * 300], [b"\x90" * 70_000, "x" * 40]])
def test_bytes_and_texts_at_the_beginning_are_not_read(
    args: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image may look like any number of containers, and would be copied."""
    image = b"\x80" * 1_000
    data = msgpack.packb([*args, image])
    read: list[bytes] = []
    monkeypatch.setattr(packed_count, "_read", lambda data, **_: read.append(data))
    assert not has_more(data, MOST)
    assert read == []
    assert not has_more(msgpack.packb([*args, None, image]), MOST)
    assert len(read) == 1


@pytest.mark.parametrize(("behind", "size"), [([], 0), ([None, b"xx"], 5), ([[]], 1)])
@pytest.mark.parametrize("args", [["x" * 300], [b"", bytes(70_000), "x" * 40]])
def test_what_stands_behind_bytes_and_texts_is_told(
    args: list[object], behind: list[object], size: int
) -> None:
    data = msgpack.packb([*args, *behind])
    assert size_behind_bytes(data) == size
    assert size_behind_bytes(data[: -size - 1]) == 0


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_exts_that_nobody_reads_are_not_opened(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each level is copied by whoever opens the one around it."""
    monkeypatch.setattr(packed_count, "MAX_CONTAINERS", 2 * MAX_DEPTH)
    value = payload(*[b"\x90"] * 2 * MAX_DEPTH)
    for _ in range(depth - 1):
        value = payload(value)
    assert has_too_many(value) is (depth == MAX_DEPTH)


def test_one_too_many_is_refused() -> None:
    lists = b"\x80" * (MAX_CONTAINERS - 1)
    most = b"\xdd" + struct.pack(">I", len(lists)) + lists
    one_more = b"\xdd" + struct.pack(">I", len(lists) + 1) + lists + b"\x80"
    assert len(unpack_value(most)) == len(lists)
    with pytest.raises(DataCloneError, match="more than 1,000,000 containers") as info:
        unpack_value(one_more, "result")
    assert info.value.path == "result"


def test_the_array_of_the_arguments_is_none_of_them() -> None:
    """In a tree it is not there."""
    args: list[list[list[object]]] = [[[]] * (MAX_CONTAINERS - 1)]
    assert unpack_args(msgpack.packb(args)) == args
    with pytest.raises(DataCloneError, match="more than 1,000,000 containers"):
        unpack_args(msgpack.packb([*args, []]))


def test_those_that_are_refused_are_not_made() -> None:
    data = b"\x91\xdd" + struct.pack(">I", 8 * 2**20) + b"\x80" * (8 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(DataCloneError) as info:
            unpack_args(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert info.value.path == "args"
    assert peak < 12 * len(data)  # the places in the list; a map has 64 bytes more


@pytest.mark.usefixtures("few")
def test_a_sender_leaves_them_to_the_tree_which_refuses() -> None:
    few: list[object] = [[]] * (MOST - 1)
    assert pack_value(few)
    assert pack_value([*few, []]) is None
    assert pack_args((few,))
    assert pack_args(([*few, []],)) is None


@pytest.mark.usefixtures("few")
def test_those_of_all_arguments_count_together() -> None:
    half: list[object] = [[]] * (MOST // 2 - 1)
    assert pack_args((half, half))
    assert pack_args((half, half, [])) is None


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("large", [bytes(LARGE), arrays.array("d", [1.0])])
def test_those_beside_large_bytes_count_together(large: object) -> None:
    """Such arguments are packed one by one."""
    half: list[object] = [[]] * (MOST // 2 - 2)
    assert isinstance(pack_args((half, large, half)), Pieces)
    assert pack_args((half, large, half, [[]], [[]])) is None
