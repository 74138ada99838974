"""Python's many types, brought down to the few that the codecs write.

Those few are None, bool, int, float, str, bytes, list, tuple and dict (of exactly
these types) and `Payload`. What an object becomes depends on its class alone, so the
way is looked up once for each class.
"""

from __future__ import annotations

import array
import enum
import re
import sys
import types
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, cast

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteError, message_of, printable, quote
from renderer.wire.ext import (
    EPOCH,
    FORMATS,
    MICROSECOND,
    Elements,
    Opaque,
    Payload,
    RegExp,
    is_simple,
    read_payload,
    typed_array,
)
from renderer.wire.paths import Refusal

Default = Callable[[Any], object]
Reader = Callable[[Any], Any]
Array = tuple[str, Elements, tuple[int, ...]]
class_of: Final = cast("Callable[[object], type[object]]", type)
"""`type`, which has no type of its own for an argument that is Any."""

_NUMPY_KINDS: Final = {"i": "int", "u": "uint", "f": "float", "b": "bool"}
_STRUCT_KINDS: Final = {
    **dict.fromkeys("bhilqn", "int"),
    **dict.fromkeys("cBHILQN", "uint"),
    **dict.fromkeys("fd", "float"),
    "?": "bool",
}
_NATIVE_ORDER: Final = ("", "@", "=", "<" if sys.byteorder == "little" else ">")
_FLAGS: Final = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))


def plain(obj: object, default: Default | None) -> Any:
    """Return what stands for an object, one step nearer to the plain types.

    Args:
        obj: a value of none of these types.
        default: what to ask about an object of unknown type.

    Raises:
        Refusal: nothing can stand for it.
    """
    value = _read(obj)
    if value is not NotImplemented:
        return value
    if default is None:
        raise Refusal(f"{_noun(obj)} is not cloneable; {_advice(obj)}")
    try:
        return default(obj)
    except Exception as error:
        raise Refusal(
            f"{_noun(obj)} is not cloneable; default= raised {_summary(error)}"
        ) from error


def _read(obj: object) -> Any:
    # Reading runs code of the object's class, which may raise anything.
    try:
        read = _reader(type(obj))
        return NotImplemented if read is None else read(obj)
    except Refusal:
        raise
    except Exception as error:
        raise Refusal(
            f"{type(obj).__name__} cannot be read: {_summary(error)}"
        ) from error


def _find_reader(cls: type[object]) -> Reader | None:
    for base, read in _READERS:
        if issubclass(cls, base):
            return read
    if hasattr(cls, "__dataclass_fields__"):
        return _read_dataclass
    return _numpy_reader(cls)


def is_numpy(cls: type[object]) -> bool:
    """Tell whether a class is one of numpy's arrays or scalars."""
    return _numpy_reader(cls) is not None


def _numpy_reader(cls: type[object]) -> Reader | None:
    # Whoever has an array has loaded numpy; nobody else should have to.
    numpy = sys.modules.get("numpy")
    ndarray, generic = getattr(numpy, "ndarray", None), getattr(numpy, "generic", None)
    if isinstance(generic, type) and issubclass(cls, generic):
        return _read_numpy_scalar
    if isinstance(ndarray, type) and issubclass(cls, ndarray):
        # The elements that a masked array hides must not travel as numbers.
        return None if hasattr(cls, "mask") else _read_ndarray
    return None


# ---- readers -------------------------------------------------------------------------


def _read_bytes(obj: Any) -> Any:
    return bytes(memoryview(obj))


def _read_tuple(obj: Any) -> Any:
    names = getattr(obj, "_fields", None)  # a NamedTuple has them
    return list(obj) if names is None else dict(zip(names, obj, strict=True))


def _read_set(obj: Any) -> Any:
    return Payload(pb.EXT_SET, tuple(obj))


def _read_dataclass(obj: Any) -> Any:
    return {field.name: getattr(obj, field.name) for field in fields(obj)}


def _read_datetime(obj: datetime) -> Any:
    if obj.utcoffset() is None:
        raise Refusal("naive datetime; give it a time zone, such as tzinfo=UTC")
    if getattr(obj, "nanosecond", 0):  # pandas has them; a date on the wire has not
        return NotImplemented
    return Payload(pb.EXT_DATE, ((obj - EPOCH) // MICROSECOND,))


def _read_exception(obj: BaseException) -> Any:
    return Payload(pb.EXT_ERROR, error_items(obj))


def error_items(error: BaseException) -> tuple[str, str, Any]:
    """Return name, message and details of an exception."""
    if isinstance(error, RemoteError):
        return printable(error.type), printable(error.message), error.details
    try:
        details = getattr(error, "details", None)
    except Exception:  # a property that fails must not hide the error itself
        details = None
    # Some libraries have a method of this name (grpc's errors do).
    found = None if callable(details) else details
    return type(error).__name__, message_of(error), found


def _read_pattern(obj: re.Pattern[Any]) -> Any:
    if not isinstance(obj.pattern, str):
        return NotImplemented
    if obj.flags & re.VERBOSE:
        raise Refusal("verbose regular expression; JavaScript has none")
    flags = "".join(letter for flag, letter in _FLAGS if obj.flags & flag)
    return Payload(pb.EXT_REG_EXP, (obj.pattern, flags))


def _read_reg_exp(obj: RegExp) -> Any:
    return Payload(pb.EXT_REG_EXP, (obj.source, obj.flags))


def _read_opaque(obj: Opaque) -> Any:
    ext, items = obj.ext, obj.items
    if type(ext) is not int or not -(2**31) <= ext < 2**31:
        raise Refusal("Opaque.ext is a number of 32 bits")
    if ext in (pb.EXT_UNSPECIFIED, pb.EXT_BACK_REFERENCE, pb.EXT_MAP):
        raise Refusal(f"Opaque cannot stand for ext {ext}")
    if is_simple(ext):
        read_payload(ext, list(items))
    return Payload(ext, items)


def _read_array(obj: array.array[Any]) -> Any:
    return _read_memoryview(memoryview(obj))


def _read_memoryview(obj: Any) -> Any:
    found = _elements_of_view(obj)
    return NotImplemented if found is None else typed_array(*_copied(found))


def _read_ndarray(obj: Any) -> Any:
    found = _elements_of_ndarray(obj)
    return NotImplemented if found is None else typed_array(*_copied(found))


def elements_of(obj: Any) -> Array | None:
    """Return name, elements and shape of an array of numbers, if possible uncopied.

    Args:
        obj: a memoryview, an array.array or an array of numpy; else it has none.
    """
    cls = class_of(obj)
    if cls is memoryview or cls is array.array:
        return _elements_of_view(memoryview(obj))
    return _elements_of_ndarray(obj) if _reader(cls) is _read_ndarray else None


def _elements_of_view(obj: Any) -> Array | None:
    order, code = obj.format[:-1], obj.format[-1:]
    name = _element_type(_STRUCT_KINDS.get(code), obj.itemsize)
    if name is None or order not in _NATIVE_ORDER:
        return None
    return name, obj if obj.c_contiguous else obj.tobytes(), obj.shape


def _elements_of_ndarray(obj: Any) -> Array | None:
    name = _element_type(_NUMPY_KINDS.get(obj.dtype.kind), obj.dtype.itemsize)
    if name is None:
        return None
    native = obj.astype(obj.dtype.newbyteorder("="), copy=False)
    data = native.data if native.flags.c_contiguous else native.tobytes()
    return name, data, obj.shape


def _copied(found: Array) -> Array:
    name, data, shape = found
    return name, bytes(data), shape


def _read_numpy_scalar(obj: Any) -> Any:
    # What is wider than 8 bytes has no equal on the wire.
    if obj.dtype.kind not in _NUMPY_KINDS or obj.dtype.itemsize > 8:
        return NotImplemented
    return obj.item()


def _element_type(kind: str | None, size: int) -> str | None:
    name = "bool" if kind == "bool" else f"{kind}{8 * size}"
    return name if name in FORMATS else None


# In this order: an IntEnum is an int too, a NamedTuple a tuple.
_READERS: Final[tuple[tuple[type, Reader], ...]] = (
    (enum.Enum, lambda obj: obj.value),
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, _read_bytes),
    (bytearray, _read_bytes),
    (memoryview, _read_memoryview),
    (tuple, _read_tuple),
    (list, list),
    (dict, dict),
    (set, _read_set),
    (frozenset, _read_set),
    (datetime, _read_datetime),
    (BaseException, _read_exception),
    (re.Pattern, _read_pattern),
    (RegExp, _read_reg_exp),
    (Opaque, _read_opaque),
    (array.array, _read_array),
)


# Bounded: a class that is made in a loop must not live for ever.
_reader: Final[Callable[[Any], Reader | None]] = lru_cache(1024)(_find_reader)


# ---- texts ---------------------------------------------------------------------------


_NOUNS: Final = (
    (types.FunctionType, "function"),
    (types.BuiltinFunctionType, "function"),
    (types.MethodType, "method"),
    (types.ModuleType, "module"),
    (re.Pattern, "regular expression for bytes"),
)
_ADVICE: Final = (
    (types.CoroutineType, "await it and send its result"),
    (types.GeneratorType, "make it a list or pass default="),
    (date, "send a datetime with a time zone, or pass default="),
)


def _noun(obj: Any) -> str:
    """Say what an object is. By its class: `isinstance` may run the object's code."""
    cls = class_of(obj)
    for base, noun in _NOUNS:
        if issubclass(cls, base):
            return noun
    if issubclass(cls, type):
        return f"class {obj.__name__}"
    if issubclass(cls, memoryview):
        return f"memoryview of format {quote(obj.format)}"
    if cls.__module__.partition(".")[0] == "numpy":
        return f"{cls.__name__} of dtype {getattr(obj, 'dtype', None)}"
    return cls.__name__


def _advice(obj: object) -> str:
    for base, advice in _ADVICE:
        if issubclass(type(obj), base):
            return advice
    if hasattr(type(obj), "__await__"):
        return "await it and send its result"
    return "convert it or pass default="


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {message_of(error)}"


__all__ = ("Default", "class_of", "elements_of", "error_items", "is_numpy", "plain")
