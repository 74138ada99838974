"""Kinds of value that need a payload: dates, sets, typed arrays and the like.

PROTOCOL.md, "Values", has the payload of each. This module turns a payload that has
been read into a Python value; `plain` goes the other way. Neither knows how values
are encoded, so that trees and packed values are the same values.
"""

from __future__ import annotations

import array
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import calcsize
from typing import Any, Final, final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.paths import Refusal

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

FORMATS: Final = {
    "int8": "b",
    "uint8": "B",
    "uint8c": "B",  # JavaScript's Uint8ClampedArray
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
    "bool": "?",
}
"""The element types of typed arrays, and Python's format of each."""
Elements = bytes | memoryview
"""The bytes of an array, or the place where they are."""
MAX_DIMS: Final = 64
"""Dimensions of a typed array, at most; a memoryview and numpy have no more."""

_BIG_ENDIAN = sys.byteorder == "big"
_REG_EXP_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


@final
@dataclass(frozen=True, slots=True)
class RegExp:
    """A regular expression as JavaScript writes it."""

    source: str
    """The pattern."""
    flags: str = ""
    """JavaScript's flags, such as "gi"."""

    def compile(self) -> re.Pattern[str]:
        """Compile it for Python, as far as the two languages write the same.

        Of the flags i, m and s have a meaning in Python; the others are left out.

        Raises:
            re.error: the pattern is none in Python.
        """
        flags = re.NOFLAG
        for letter in self.flags:
            flags |= _REG_EXP_FLAGS.get(letter, re.NOFLAG)
        return re.compile(self.source, flags)


@final
@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that this side cannot make anything of, kept as it came.

    Sent on, it is what it was: a kind of value from a newer peer, a date outside of
    Python's calendar, a typed array with elements that Python lacks.
    """

    ext: int
    """Its number in the contract."""
    items: tuple[Any, ...]
    """Its payload."""


@dataclass(slots=True)
class Payload:
    """What the codecs write for a value that is not a plain one."""

    ext: int
    items: Sequence[Any]


def read_payload(ext: int, items: list[Any]) -> Any:
    """Return the Python value of a payload without containers of its own.

    Raises:
        Refusal: the payload is not what the contract says.
    """
    value = _READERS[ext](items)
    if value is NotImplemented:
        raise malformed(ext)
    return value


def malformed(ext: int) -> Refusal:
    """Return the refusal of a payload that is not what the contract says."""
    known = ext in pb.Ext.values()
    name = pb.Ext.Name(pb.Ext.ValueType(ext)) if known else f"ext {ext}"
    return Refusal(f"malformed payload of {name}")


def is_simple(ext: int) -> bool:
    """Tell whether `read_payload` knows a number."""
    return ext in _READERS


def big_integer(number: int) -> Payload:
    """Return the payload of an integer beyond 64 bits."""
    magnitude = number if number >= 0 else ~number
    length = magnitude.bit_length() // 8 + 1  # with room for the sign
    return Payload(pb.EXT_BIG_INTEGER, (number.to_bytes(length, "big", signed=True),))


def typed_array(name: str, data: Elements, shape: Sequence[int]) -> Payload | Elements:
    """Return what stands for an array of numbers on the wire.

    Args:
        name: a key of `FORMATS`.
        data: the elements, in this machine's byte order, one behind the other.
        shape: its dimensions.
    """
    if name == "uint8" and len(shape) == 1:
        return data  # every language's bytes
    items: list[Any] = [name, _little_endian(data, FORMATS[name])]
    if len(shape) != 1:
        items.append(list(shape))
    return Payload(pb.EXT_TYPED_ARRAY, items)


def _little_endian(data: Elements, code: str) -> Elements:
    # Its own inverse: from this machine's byte order to the wire's, and back.
    if not _BIG_ENDIAN or calcsize(code) == 1:
        return data
    swapped = array.array(code, data)
    swapped.byteswap()
    return swapped.tobytes()


# ---- readers -------------------------------------------------------------------------
# A payload to its value, or NotImplemented if it is malformed.


def _read_undefined(items: list[Any]) -> Any:
    return NotImplemented if items else None


def _read_date(items: list[Any]) -> Any:
    match items:
        case [int() as microseconds] if _is_int64(microseconds):
            try:
                return EPOCH + timedelta(microseconds=microseconds)
            except OverflowError:
                return Opaque(pb.EXT_DATE, (microseconds,))
        case _:
            return NotImplemented


def _read_big_integer(items: list[Any]) -> Any:
    match items:
        case [bytes() as data] if data:
            return int.from_bytes(data, "big", signed=True)
        case _:
            return NotImplemented


def _read_reg_exp(items: list[Any]) -> Any:
    match items:
        case [str() as source, str() as flags]:
            return RegExp(source, flags)
        case _:
            return NotImplemented


def _read_typed_array(items: list[Any]) -> Any:
    match items:
        case [str() as name, bytes() as data]:
            return _view(name, data, None)
        case [str() as name, bytes() as data, list()]:
            return _view(name, data, items[2])
        case _:
            return NotImplemented


def _view(name: str, data: bytes, dims: list[Any] | None) -> Any:
    if dims is not None and not _are_dims(dims):
        return NotImplemented
    code = FORMATS.get(name)
    if code is None:  # an element type of a newer peer
        return _opaque_array(name, data, dims)
    count, rest = divmod(len(data), calcsize(code))
    if rest or (dims is not None and math.prod(dims) != count):
        return NotImplemented
    native = _little_endian(data, code)
    view: Any = memoryview(native)
    if dims is None or len(dims) == 1:
        return native if code == "B" else view.cast(code)
    if count == 0:  # a memoryview has no dimension of 0
        return _opaque_array(name, data, dims)
    return view.cast(code, dims)


def _are_dims(dims: list[Any]) -> bool:
    if len(dims) > MAX_DIMS:
        return False
    return all(_is_int64(size) and size >= 0 for size in dims)


def _opaque_array(name: str, data: bytes, dims: list[Any] | None) -> Opaque:
    items = (name, data) if dims is None else (name, data, dims)
    return Opaque(pb.EXT_TYPED_ARRAY, items)


def _is_int64(number: object) -> bool:
    return type(number) is int and INT64_MIN <= number <= INT64_MAX


_READERS: Final[dict[int, Callable[[list[Any]], Any]]] = {
    pb.EXT_UNDEFINED: _read_undefined,
    pb.EXT_DATE: _read_date,
    pb.EXT_BIG_INTEGER: _read_big_integer,
    pb.EXT_REG_EXP: _read_reg_exp,
    pb.EXT_TYPED_ARRAY: _read_typed_array,
}


__all__ = (
    "EPOCH",
    "FORMATS",
    "INT64_MAX",
    "INT64_MIN",
    "MAX_DIMS",
    "MICROSECOND",
    "Elements",
    "Opaque",
    "Payload",
    "RegExp",
    "big_integer",
    "is_simple",
    "malformed",
    "read_payload",
    "typed_array",
)
