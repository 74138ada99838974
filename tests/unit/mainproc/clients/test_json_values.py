"""Words of a command line to values, and values to JSON."""

from __future__ import annotations

import array
import json
import re
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc.clients.json_values import FORMS, from_json, from_word, to_json
from renderer.wire import messages
from renderer.wire.errors import RemoteError
from renderer.wire.ext import Opaque, RegExp

INT64 = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text().filter(lambda name: not name.startswith("$"))
JSON = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=20,
).filter(lambda value: "Infinity" not in json.dumps(value))


def received(value: object) -> Any:
    """Return a value as it is on the other side."""
    event = messages.event("x", [value])
    (arrived,) = messages.read_args(pb.Message.FromString(event.data).event)
    return arrived


@given(JSON)
def test_what_is_json_comes_back(value: Any) -> None:
    text = to_json(received(from_word(json.dumps(value))))
    assert json.loads(text) == value
    assert text.isprintable()


@given(st.text())
def test_what_is_not_json_is_itself(word: str) -> None:
    try:
        expected = json.loads(word, parse_constant=lambda constant: constant)
    except ValueError:
        expected = word
    assert from_word(word) == expected


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", ""),
        ("12", 12),
        ("012", "012"),
        ('"12"', "12"),
        (" [1] ", [1]),
        ("'a'", "'a'"),
        ("null", None),
        ("None", "None"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[NaN]", "[NaN]"),
        ("1e400", float("inf")),
        (str(2**70), 2**70),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_words(word: str, value: object) -> None:
    assert from_word(word) == value


@pytest.mark.parametrize("word", ["[" * 100_000, "1" * 5_000])
def test_json_of_what_nobody_can_hold(word: str) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|limit"):
        from_word(word)


def test_json_from_a_file() -> None:
    assert from_json(b'["\xc3\xa9"]') == ["é"]
    with pytest.raises(json.JSONDecodeError):
        from_json(b"a word")
    with pytest.raises(ValueError, match="utf-8"):
        from_json(b'"\xff"')


KNOT: list[Any] = [1]
KNOT.append({"back": KNOT})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"hello", '{"$bytes": "aGVsbG8="}'),
        (
            datetime(2026, 1, 31, 12, tzinfo=UTC),
            '{"$date": "2026-01-31T12:00:00+00:00"}',
        ),
        (2**63, '{"$integer": "0x8000000000000000"}'),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63) - 1, '{"$integer": "-0x8000000000000001"}'),
        (float("nan"), '{"$number": "NaN"}'),
        (float("inf"), '{"$number": "Infinity"}'),
        (-float("inf"), '{"$number": "-Infinity"}'),
        (-0.0, "-0.0"),
        (True, "true"),
        ({1}, '{"$set": [1]}'),
        ({}, "{}"),
        ({1: "one"}, '{"$map": [[1, "one"]]}'),
        ({"a": 1, 2: b""}, '{"$map": [["a", 1], [2, {"$bytes": ""}]]}'),
        ({"$set": [1]}, '{"$map": [["$set", [1]]]}'),
        ({"$a": 1, "b": 2}, '{"$a": 1, "b": 2}'),
        (re.compile("a+b", re.IGNORECASE), '{"$regexp": ["a+b", "i"]}'),
        (RegExp("x", "gi"), '{"$regexp": ["x", "gi"]}'),
        (RemoteError("E", "boom", {1}), '{"$error": ["E", "boom", {"$set": [1]}]}'),
        (Opaque(77, (1, b"")), '{"$ext": [77, 1, {"$bytes": ""}]}'),
        (array.array("f", [0.5, float("nan")]), '[0.5, {"$number": "NaN"}]'),
        (KNOT, '[1, {"back": {"$cycle": 2}}]'),
        ([KNOT[:1]] * 2, "[[1], [1]]"),
        ("\x1b \x7f \x9b", r'"\u001b \u007f \u009b"'),
        ("\u202e \U000e0001 é", r'"\u202e \udb40\udc01 é"'),
    ],
)
def test_forms(value: object, text: str) -> None:
    assert to_json(received(value)) == text


def test_an_integer_that_python_writes_in_no_decimals() -> None:
    assert to_json(16**10_000) == '{"$integer": "0x1' + "0" * 10_000 + '"}'


def test_a_map_whose_keys_are_no_keys_here() -> None:
    pairs: list[Any] = []
    pairs.append(([1], pairs))
    assert to_json(pairs) == '[[[1], {"$cycle": 1}]]'


def test_the_forms_in_the_help_are_those_that_are_written() -> None:
    for line in FORMS.splitlines():
        form = json.JSONDecoder().raw_decode(line)[0]
        (name,) = form
        assert name[0] == "$"
        assert set(name[1:]) <= set(string.ascii_lowercase)
        assert to_json(form) == json.dumps({"$map": [[name, form[name]]]})
