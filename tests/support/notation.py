"""The notation of proto/vectors/values.json, as Python's values.

It stands in proto/vectors/README.md.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteError
from renderer.wire.ext import FORMATS
from renderer.wire.values import Opaque, RegExp

FILE = Path(__file__).parents[2] / "proto/vectors/values.json"
VECTORS: dict[str, list[dict[str, Any]]] = json.loads(FILE.read_text("utf-8"))

# What our texts say for the file's reason words.
TEXTS = {
    "back-reference": "back-reference to container",
    "container": "unknown container",
    "ext": "cannot stand here",
    "lone-surrogate": "lone surrogate at index",
    "map": "map with a key without value",
    "messagepack": "malformed MessagePack: ",
    "naive-date": "naive datetime",
    "not-cloneable": "is not cloneable",
    "nothing-set": "a Value with nothing set",
    "object": "object with",
    "payload": "malformed payload of ",
    "too-deep": "deeper than 64 levels",
}

# The file's symbols for what a language has and cannot send.
UNSENDABLE: dict[str, Any] = {
    "function": print,
    "class": Path,
    "object of a class": object(),
    "date without time zone": datetime(2026, 1, 1),
}


def python(notation: Any, around: tuple[Any, ...] = ()) -> Any:
    match notation:
        case None | bool() | str():
            return notation
        case [*items]:
            result: list[Any] = []
            result.extend(python(item, (result, *around)) for item in items)
            return result
        case {"$int": digits}:
            return int(digits)
        case {"$double": text}:
            return float(text)
        case {"$bytes": text}:
            return unbase64(text)
        case {"$object": members}:
            return python_dict(members, around)
        case {"$map": pairs}:
            return python_map(pairs, around)
        case {"$nest": [depth, inner]}:
            return python(nested(depth, inner), around)
        case {"$utf16": units}:
            return bytes.fromhex(units).decode("utf-16-be", "surrogatepass")
        case {"$unsendable": name}:
            return UNSENDABLE[name]
        case _:
            return python_ext(notation, around)


def python_dict(members: Any, around: tuple[Any, ...]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for key, value in members:
        result[python(key)] = python(value, (result, *around))
    return result


def python_map(pairs: Any, around: tuple[Any, ...]) -> Any:
    keys = [python(key) for key, _ in pairs]
    if not any(isinstance(key, list) for key in keys) and len({*keys}) == len(keys):
        return python_dict(pairs, around)
    return [(python(key), python(value)) for key, value in pairs]


def python_ext(notation: Any, around: tuple[Any, ...]) -> Any:
    match notation:
        case {"$undefined": True}:
            return None
        case {"$date": digits}:
            return python_date(int(digits))
        case {"$set": notations}:
            members = [python(n) for n in notations]
            if any(isinstance(member, list) for member in members):
                return members
            return {*members} if len({*members}) == len(members) else members
        case {"$regexp": [source, flags]}:
            return RegExp(source, flags)
        case {"$error": [name, message, details]}:
            error = RemoteError(name, message)
            error.details = python(details, (error, *around))
            return error
        case {"$array": [name, dims, data]}:
            return python_array(name, dims, unbase64(data))
        case {"$ref": steps}:
            return around[steps - 1]
        case {"$ext": [number, items]}:
            opaque = Opaque(number, ())
            children = tuple(python(item, (opaque, *around)) for item in items)
            object.__setattr__(opaque, "items", children)
            return opaque
        case _:
            raise AssertionError(f"not in the notation: {notation}")


def python_date(microseconds: int) -> Any:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return Opaque(pb.EXT_DATE, (microseconds,))


def python_array(name: str, dims: list[int], data: bytes) -> Any:
    if name in ("uint8", "uint8c") and len(dims) == 1:
        return data
    if len(dims) != 1 and 0 in dims:
        return Opaque(pb.EXT_TYPED_ARRAY, (name, data, dims))
    view: Any = memoryview(data)
    return view.cast(FORMATS[name], dims) if dims != [0] else view.cast(FORMATS[name])


def same(one: Any, other: Any, seen: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Compare like `==`, but types, the sign of 0, NaN and cycles as well."""
    if type(one) is not type(other):
        return False
    if (id(one), id(other)) in seen:
        return True
    seen |= {(id(one), id(other))}
    match one:
        case float():
            return repr(one) == repr(other)
        case memoryview():
            return (one.format, one.shape, one.tobytes()) == (
                other.format,
                other.shape,
                other.tobytes(),
            )
        case [*mine]:
            yours = [*other]
            return len(mine) == len(yours) and all(
                same(a, b, seen) for a, b in zip(mine, yours, strict=True)
            )
        case dict():
            return same([*one.items()], [*other.items()], seen)
        case RemoteError():
            a, b = (vars(error) | {"args": error.args} for error in (one, other))
            return same(a, b, seen)
        case Opaque():
            return one.ext == other.ext and same(one.items, other.items, seen)
        case _:
            return bool(one == other)


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


def unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def sendable_from_python(notation: Any) -> bool:
    """Tell whether Python's value of it is not also that of something else."""
    match notation:
        case {"$undefined": _} | {"$array": ["uint8c", _, _]} | {"$map": []}:
            return False
        case {"$map": _} | {"$set": _}:
            return isinstance(python(notation), dict | set)
        case [*items]:
            return all(map(sendable_from_python, items))
        case _:
            return True


def full_path(shown: str, path: str) -> bool:
    """Compare, when the middle of a long path is left out."""
    head, _, tail = shown.partition("…")
    return shown == path or (
        "…" in shown and path.startswith(head) and path.endswith(tail)
    )
