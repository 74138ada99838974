"""Values of a given size, and what they are told apart by."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable
from random import Random
from typing import Any, Final

_PIECE: Final = 1000  # of a nested object: 4 MiB are some thousand values
_PERIOD: Final = 1_000_003  # a prime, so that it meets the ends of no two chunks alike
_PRINTABLE: Final = bytes(32 + byte % 95 for byte in range(256))


def blob(size: int) -> bytes:
    """Return so many bytes, always the same. No two chunks of them are alike."""
    period = Random(size).randbytes(_PERIOD)
    return (period * (size // _PERIOD + 1))[:size]


def string(size: int) -> str:
    """Return a text of so many bytes, none of which needs a second one."""
    return blob(size).translate(_PRINTABLE).decode()


def typed_array(size: int) -> array[int]:
    """Return an array of so many numbers of one byte."""
    return array("b", blob(size))


def nested(size: int) -> dict[str, Any]:
    """Return objects within objects, with strings and bytes of so many together."""
    text, half = string(size), size // 2
    return {
        "size": size,
        "inner": {
            "texts": [
                text[at : min(at + _PIECE, half)] for at in range(0, half, _PIECE)
            ],
            "rest": {"bytes": text[half:].encode(), "none": None},
        },
    }


KINDS: Final[dict[str, Callable[[int], Any]]] = {
    "string": string,
    "typed array": typed_array,
    "nested": nested,
}


def digest(value: object) -> str:
    """Return what two values have in common that have the same content and types."""
    hashed = hashlib.blake2b()
    _feed(hashed.update, value)
    return hashed.hexdigest()


def _feed(update: Callable[[bytes | memoryview], object], value: object) -> None:
    match value:
        case str():
            data = value.encode()
            update(b"s%d:" % len(data))
            update(data)
        case bytes():
            update(b"b%d:" % len(value))
            update(value)
        case array() | memoryview():  # a typed array, before and after the wire
            view = memoryview(value)
            update(f"a{view.format}{len(view)}:".encode())
            update(view)
        case dict():
            update(b"{%d:" % len(value))
            for item in value.items():
                _feed(update, list(item))
        case list():
            update(b"[%d:" % len(value))
            for item in value:
                _feed(update, item)
        case None | int():
            update(repr(value).encode())
        case _:
            raise AssertionError(f"a {type(value).__name__} came out of the wire")
