"""A peer cannot fill the memory of a Python that never frees what is interned."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack
import pytest
from hypothesis import given, strategies as st

from renderer.wire import packed_decode, packed_keys
from renderer.wire.errors import DataCloneError
from renderer.wire.packed_decode import unpack_args
from renderer.wire.packed_keys import keys_stay, may_have_maps, unpack_slowly
from tests.support.frames import RAW

PAIRS = partial(unpack_slowly, pairs=packed_decode._Pairs)  # noqa: SLF001
MALFORMED = [
    b"",
    b"\x91",
    b"\x81\xa1a",
    b"\xc1",
    b"\x01\x01",
    b"\x91" * 1_025,
    b"\xdd\xff",
]


def is_interned(text: str) -> bool:
    return sys.intern("".join(text)) is text


def outcome(read: Callable[[bytes], Any], data: bytes) -> tuple[str, str]:
    try:
        return "value", repr(read(data))
    except DataCloneError as error:
        return "refusal", str(error)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as where keys are never freed."""
    monkeypatch.setattr(packed_decode, "_read", packed_decode.read_without_maps)
    monkeypatch.setattr(packed_decode, "_unpack_pairs", PAIRS)


@pytest.mark.usefixtures("slow")
def test_keys_are_not_interned() -> None:
    key = os.urandom(9).hex()
    (read,) = unpack_args(msgpack.packb([{key: {key: [{key: 1}]}}]))
    assert read == {key: {key: [{key: 1}]}}
    assert not is_interned(*read)


def test_msgpack_interns_keys() -> None:
    """Otherwise none of this is needed any more."""
    assert is_interned(*msgpack.unpackb(msgpack.packb({os.urandom(9).hex(): 1})))


def test_a_python_is_asked_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    affected = (3, 12) <= sys.version_info < (3, 12, 7)
    assert keys_stay() == (affected or not getattr(sys, "_is_gil_enabled", lambda: 1)())
    monkeypatch.setattr(packed_keys, "_NEVER_FREED", 0)
    assert keys_stay()


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("value", [1, "text", [1, [2, "three"]], b"\x01", 1.5, None])
def test_what_has_no_maps_is_read_at_once(value: object) -> None:
    assert not may_have_maps(msgpack.packb([value]))
    assert unpack_args(msgpack.packb([value])) == [value]


@given(RAW | st.binary(max_size=32) | st.sampled_from(MALFORMED))
def test_both_ways_come_to_the_same(data: bytes) -> None:
    usual = outcome(unpack_args, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_decode, "_read", packed_decode.read_without_maps)
        patch.setattr(packed_decode, "_unpack_pairs", PAIRS)
        assert outcome(unpack_args, data) == usual
