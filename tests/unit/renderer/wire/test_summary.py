"""Values at a glance: short, printable, and never a reason to fail."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteError
from renderer.wire.ext import Opaque
from renderer.wire.summary import summary
from renderer.wire.values import encode_args


def summary_of(*args: object, limit: int = 100) -> str:
    event = pb.Event()
    encode_args(args, event.args)
    return summary(event.args, limit)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        ("it's", '"it\'s"'),
        ("\x1b[31m\n\u202e", r'"\x1b[31m\n\u202e"'),
        ("x" * 61, '"' + "x" * 60 + '…"'),
        (b"xyz", "<3 bytes>"),
        (bytes(12_345), "<12,345 bytes>"),
        ([], "[]"),
        ([1, [2], "x"], '[1, [2], "x"]'),
        ({}, "{}"),
        ({"a": 1, "b\n": [None]}, r'{"a": 1, "b\n": [null]}'),
        ({1: "one"}, '<map 1, "one">'),
        ({7}, "<set 7>"),
        (2**64, "<big_integer <9 bytes>>"),
        (re.compile("a"), '<reg_exp "a", "">'),
        (RemoteError("E", "boom"), '<error "E", "boom", null>'),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "<date 2026-01-31T12:00:00+00:00>"),
        (Opaque(pb.EXT_DATE, (2**62,)), f"<date {2**62}>"),
        (Opaque(77, (1,)), "<77 1>"),
    ],
)
def test_values(value: object, text: str) -> None:
    assert summary_of(value) == text


def test_arguments() -> None:
    assert summary_of() == ""
    assert summary_of("ping", 2) == '"ping", 2'


def test_as_much_as_is_shown() -> None:
    assert summary_of([1] * 1_000, limit=10) == "[1, 1, 1, …"
    deep: list[object] = []
    for _ in range(60):
        deep = [deep]
    assert summary_of(deep, limit=5) == "[[[[[…"
    assert summary_of("ab", limit=4) == '"ab"'


class Watched:
    """Values, of which it is known how many were looked at."""

    def __init__(self) -> None:
        self.seen = 0

    def __iter__(self) -> Watched:
        return self

    def __next__(self) -> pb.Value:
        self.seen += 1
        return pb.Value(int_value=1)


def test_what_is_not_shown_is_not_read() -> None:
    watched = Watched()
    assert summary(watched, 10).endswith("…")
    assert watched.seen < 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pb.Value(), "<nothing set>"),
        (pb.Value(container=pb.CONTAINER_UNSPECIFIED), "<? >"),
        (pb.Value(container=9, items=[pb.Value()]), "<? <nothing set>>"),  # type: ignore[arg-type]  # a newer peer's
        (
            pb.Value(container=pb.CONTAINER_OBJECT, keys=["a"], items=[pb.Value()] * 2),
            '{"a": <nothing set>}',
        ),
        (pb.Value(ext=pb.EXT_DATE), "<date >"),
        (pb.Value(ext=pb.EXT_DATE, items=[pb.Value()]), "<date <nothing set>>"),
    ],
)
def test_what_is_malformed_is_shown_all_the_same(value: pb.Value, text: str) -> None:
    assert summary([value], 100) == text
