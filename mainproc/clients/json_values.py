"""JSON for the command line: a word to a value, and a value to JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from renderer.wire.errors import RemoteError
from renderer.wire.ext import INT64_MAX, INT64_MIN, Opaque, RegExp
from renderer.wire.plain import class_of

_Around = tuple[Any, ...]
"""The containers in which a value stands, the innermost last."""
_Writer = Callable[[Any, _Around], Any]

FORMS: Final = """\
{"$bytes": "aGVsbG8="}                      bytes, as base64
{"$date": "2026-01-31T12:00:00+00:00"}      a point in time
{"$integer": "0x10000000000000000"}         an integer beyond 64 bits
{"$number": "NaN"}                          or "Infinity", "-Infinity"
{"$set": [1, 2]}                            a set
{"$map": [[1, "one"], [2, "two"]]}          a map with keys that are no strings
{"$regexp": ["a+b", "gi"]}                  a regular expression, its flags
{"$error": ["ValueError", "boom", null]}    type, message and details
{"$ext": [77, 1, 2]}                        what is not known here, its payload
{"$cycle": 2}                               the second container around this"""
"""How values are written that JSON lacks."""


def from_word(word: str) -> Any:
    """Return what a word of a command line stands for: JSON's value, or itself.

    Raises:
        ValueError: it is JSON of a value that nobody can hold.
    """
    try:
        return from_json(word)
    except json.JSONDecodeError:
        return word


def from_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is none (`json.JSONDecodeError`), or one of a value that nobody
            can hold.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    # Python reads NaN and Infinity, but they are not JSON.
    raise json.JSONDecodeError("not JSON", constant, 0)


def to_json(value: Any) -> str:
    """Return the JSON of a value that came from the other side, on one printable line.

    Args:
        value: what a listener is called with, or a result.
    """
    text = json.dumps(_plain(value, ()), ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    # All that is left of such characters stands in strings: JSON itself has none.
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _plain(value: Any, around: _Around) -> Any:
    """Return what json writes in the place of a value.

    Args:
        value: a value.
        around: what it stands in.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return _number(value)
    for steps, container in enumerate(reversed(around), 1):
        if container is value:
            return {"$cycle": steps}
    return _container(value, (*around, value))


def _number(value: float) -> Any:
    if isinstance(value, int):
        return value if INT64_MIN <= value <= INT64_MAX else {"$integer": hex(value)}
    if math.isnan(value):
        return {"$number": "NaN"}
    if math.isinf(value):
        return {"$number": "Infinity" if value > 0 else "-Infinity"}
    return value


def _container(value: Any, around: _Around) -> Any:
    write: _Writer = _WRITERS.get(class_of(value), _list)
    return write(value, around)


def _list(items: Iterable[Any], around: _Around) -> list[Any]:
    return [_plain(item, around) for item in items]


def _pair(items: Iterable[Any], around: _Around) -> list[Any]:
    # Of a map whose keys cannot be those of a dict: a place in it, no container.
    return _list(items, around[:-1])


def _mapping(items: Mapping[Any, Any], around: _Around) -> Any:
    names = [key for key in items if isinstance(key, str)]
    is_object = len(names) == len(items)
    if is_object and not (len(names) == 1 and names[0].startswith("$")):
        return {name: _plain(items[name], around) for name in names}
    return {"$map": [_list(pair, around) for pair in items.items()]}


def _error(error: RemoteError, around: _Around) -> Any:
    return {"$error": [error.type, error.message, _plain(error.details, around)]}


_WRITERS: Final[dict[type[object], _Writer]] = {
    bytes: lambda data, _: {"$bytes": base64.b64encode(data).decode()},
    datetime: lambda time, _: {"$date": time.isoformat()},
    memoryview: lambda view, _: _list(view.tolist(), ()),
    dict: _mapping,
    set: lambda members, around: {"$set": _list(members, around)},
    tuple: _pair,
    RegExp: lambda regexp, _: {"$regexp": [regexp.source, regexp.flags]},
    RemoteError: _error,
    Opaque: lambda what, around: {"$ext": [what.ext, *_list(what.items, around)]},
}

__all__ = ("FORMS", "from_json", "from_word", "to_json")
