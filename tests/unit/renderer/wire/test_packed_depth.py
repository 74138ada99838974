import msgpack
import pytest
from msgpack.fallback import Unpacker

from renderer.wire import packed_depth
from renderer.wire.packed_depth import SHALLOW, is_shallow

LISTS = b"\x91"
TEXT = msgpack.packb("x" * 200)
LONG_TEXT = msgpack.packb("x" * 3_000)
# None of these bytes is a header.
BYTES_LIKE_HEADERS = msgpack.packb(LISTS * 200)
MANY_LONG = msgpack.packb(["x" * 100] * 100)


@pytest.mark.parametrize(
    "inner",
    [b"\xc0", TEXT, LONG_TEXT, BYTES_LIKE_HEADERS],
    ids=["nil", "text", "long text", "bytes"],
)
@pytest.mark.parametrize("depth", [0, 1, SHALLOW, SHALLOW + 1, 1_000, 1_024, 5_000])
def test_levels_are_counted(depth: int, inner: bytes) -> None:
    assert is_shallow(LISTS * depth + inner) is (depth <= SHALLOW)


def test_what_is_wide_is_not_deep() -> None:
    assert is_shallow(MANY_LONG)
    assert is_shallow(b"\xdc\x01\x00" + b"\x90" * 256)


def test_maps_are_levels() -> None:
    inner = b"\xa1k" + TEXT
    assert is_shallow(b"\x81\xa1k" * (SHALLOW - 1) + b"\x81" + inner)
    assert not is_shallow(b"\x81\xa1k" * SHALLOW + b"\x81" + inner)
    assert not is_shallow(b"\x81" * (SHALLOW + 1) + b"\xa1k\xc0" + b"\xc0" * SHALLOW)


def test_without_the_extension_in_c_nothing_deep_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packed_depth, "_CAN_COUNT", False)
    assert is_shallow(LISTS * SHALLOW)
    assert is_shallow(LISTS * 3 + LONG_TEXT[:1_000])
    assert not is_shallow(BYTES_LIKE_HEADERS)


def test_python_has_no_stack_of_that_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msgpack, "Unpacker", Unpacker)
    assert not packed_depth.can_count()
