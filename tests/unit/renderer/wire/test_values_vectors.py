"""proto/vectors/values.json against the codec, and against protobuf alone.

The notation of the file stands in proto/vectors/README.md. `tree` writes it as a
protobuf tree without the codec, so that the file and the codec cannot share a mistake.
"""

import base64
import json
import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError, RemoteError
from renderer.wire.ext import FORMATS
from renderer.wire.values import (
    Opaque,
    RegExp,
    decode_args,
    decode_value,
    encode_args,
    encode_value,
)

FILE = Path(__file__).parents[4] / "proto/vectors/values.json"
VECTORS: dict[str, list[dict[str, Any]]] = json.loads(FILE.read_text("utf-8"))

# What our texts say for the file's reason words.
TEXTS = {
    "back-reference": "back-reference to container",
    "container": "unknown container",
    "ext": "cannot stand here",
    "lone-surrogate": "lone surrogate at index",
    "map": "map with a key without value",
    "naive-date": "naive datetime",
    "not-cloneable": "is not cloneable",
    "nothing-set": "a Value with nothing set",
    "object": "object with",
    "payload": "malformed payload of EXT_",
    "too-deep": "deeper than 64 levels",
}

# The file's symbols for what a language has and cannot send.
UNSENDABLE: dict[str, Any] = {
    "function": print,
    "class": Path,
    "object of a class": object(),
    "date without time zone": datetime(2026, 1, 1),
}


def entries(section: str) -> pytest.MarkDecorator:
    names = [str(entry["name"]) for entry in VECTORS[section]]
    return pytest.mark.parametrize("entry", VECTORS[section], ids=names)


def unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


# ---- the notation as a protobuf tree -------------------------------------------------


def tree(notation: Any) -> pb.Value:
    match notation:
        case None:
            return pb.Value(null_value=True)
        case bool():
            return pb.Value(bool_value=notation)
        case str():
            return pb.Value(string_value=notation)
        case [*items]:
            return pb.Value(container=pb.CONTAINER_LIST, items=map(tree, items))
        case {"$int": digits}:
            return integer(int(digits))
        case {"$double": text}:
            return pb.Value(double_value=float(text))
        case {"$bytes": text}:
            return pb.Value(bytes_value=unbase64(text))
        case {"$object": members}:
            return pb.Value(
                container=pb.CONTAINER_OBJECT,
                keys=[key for key, _ in members],
                items=[tree(value) for _, value in members],
            )
        case {"$map": pairs}:
            return pb.Value(
                container=pb.CONTAINER_MAP,
                items=[tree(part) for pair in pairs for part in pair],
            )
        case {"$nest": [depth, inner]}:
            return tree(nested(depth, inner))
        case _:
            return ext_tree(notation)


def ext_tree(notation: Any) -> pb.Value:
    match notation:
        case {"$undefined": True}:
            return ext(pb.EXT_UNDEFINED)
        case {"$date": digits}:
            return ext(pb.EXT_DATE, {"$int": digits})
        case {"$set": members}:
            return ext(pb.EXT_SET, *members)
        case {"$regexp": [source, flags]}:
            return ext(pb.EXT_REG_EXP, source, flags)
        case {"$error": [name, message, details]}:
            return ext(pb.EXT_ERROR, name, message, details)
        case {"$array": [name, dims, data]} if len(dims) == 1:
            return ext(pb.EXT_TYPED_ARRAY, name, {"$bytes": data})
        case {"$array": [name, dims, data]}:
            shape = [{"$int": str(size)} for size in dims]
            return ext(pb.EXT_TYPED_ARRAY, name, {"$bytes": data}, shape)
        case {"$ref": steps}:
            return ext(pb.EXT_BACK_REFERENCE, {"$int": str(steps)})
        case {"$ext": [number, items]}:
            return ext(number, *items)
        case _:
            raise AssertionError(f"not in the notation: {notation}")


def ext(number: int, *items: Any) -> pb.Value:
    return pb.Value(ext=pb.Ext.ValueType(number), items=map(tree, items))


def integer(number: int) -> pb.Value:
    if -(2**63) <= number < 2**63:
        return pb.Value(int_value=number)
    length = 9
    while not -(2 ** (8 * length - 1)) <= number < 2 ** (8 * length - 1):
        length += 1
    data = number.to_bytes(length, "big", signed=True)
    value = pb.Value(bytes_value=data)
    return pb.Value(ext=pb.EXT_BIG_INTEGER, items=[value])


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


# ---- the notation as Python's value --------------------------------------------------


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


# ---- the file against protobuf and the codec -----------------------------------------


@entries("values")
def test_notation_and_bytes_say_the_same(entry: dict[str, Any]) -> None:
    assert tree(entry["value"]).SerializeToString().hex() == entry["hex"]


@entries("values")
def test_value_is_encoded(entry: dict[str, Any]) -> None:
    if not sendable_from_python(entry["value"]):
        return
    message = pb.Value()
    encode_value(python(entry["value"]), message)
    assert message.SerializeToString().hex() == entry["hex"]


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


@pytest.mark.parametrize("section", ["values", "decode_only"])
def test_bytes_are_decoded(section: str) -> None:
    for entry in VECTORS[section]:
        message = pb.Value.FromString(bytes.fromhex(entry["hex"]))
        assert same(decode_value(message), python(entry["value"])), entry["name"]
        assert same(decode_args([message]), [python(entry["value"])]), entry["name"]


@entries("values")
def test_what_was_decoded_is_sent_on_as_it_came(entry: dict[str, Any]) -> None:
    if not sendable_from_python(entry["value"]):
        return
    received = pb.Value.FromString(bytes.fromhex(entry["hex"]))
    sent = pb.Value()
    encode_value(decode_value(received), sent)
    assert sent.SerializeToString().hex() == entry["hex"]


@entries("refused_by_sender")
def test_sender_refuses(entry: dict[str, Any]) -> None:
    field = pb.Event().args
    with pytest.raises(DataCloneError, match=TEXTS[entry["reason"]]) as caught:
        encode_args([python(entry["value"])], field)
    assert full_path(caught.value.path, entry["path"])
    assert len(field) == 0


@entries("refused_by_receiver")
def test_receiver_refuses(entry: dict[str, Any]) -> None:
    message = pb.Value.FromString(bytes.fromhex(entry["hex"]))
    with pytest.raises(DataCloneError, match=TEXTS[entry["reason"]]) as caught:
        decode_args([message])
    assert full_path(caught.value.path, entry["path"])


def full_path(shown: str, path: str) -> bool:
    """Compare, when the middle of a long path is left out."""
    head, _, tail = shown.partition("…")
    return shown == path or (
        "…" in shown and path.startswith(head) and path.endswith(tail)
    )


# ---- the file itself -----------------------------------------------------------------


def all_entries() -> Iterator[dict[str, Any]]:
    for section in VECTORS.values():
        yield from section


def test_sections_are_those_of_the_readme() -> None:
    sections = "values", "decode_only", "refused_by_sender", "refused_by_receiver"
    assert tuple(VECTORS) == sections
    assert all(VECTORS.values())


def test_names_and_bytes_are_unique() -> None:
    for key in ("name", "hex"):
        found = Counter(entry[key] for entry in all_entries() if key in entry)
        assert [text for text, times in found.items() if times > 1] == []


def test_every_kind_of_value_is_there() -> None:
    kinds, containers, exts, elements = set[str](), set[int](), set[int](), set[str]()
    for entry in VECTORS["values"]:
        for value in walk(pb.Value.FromString(bytes.fromhex(entry["hex"]))):
            kind = value.WhichOneof("kind")
            assert kind
            kinds.add(kind)
            if kind == "container":
                containers.add(value.container)
            elif kind == "ext":
                exts.add(value.ext)
                if value.ext == pb.EXT_TYPED_ARRAY:
                    elements.add(value.items[0].string_value)
    assert kinds == {f.name for f in pb.Value.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert containers == {*pb.Container.values()} - {pb.CONTAINER_UNSPECIFIED}
    assert exts >= {*pb.Ext.values()} - {pb.EXT_UNSPECIFIED, pb.EXT_MAP}
    assert exts - {*pb.Ext.values()}, "an unknown one"
    assert elements == {*FORMATS}


def walk(value: pb.Value) -> Iterator[pb.Value]:
    yield value
    for item in value.items:
        yield from walk(item)


def test_every_reason_is_there() -> None:
    assert {e["reason"] for e in all_entries() if "reason" in e} == {*TEXTS}


def test_nan_and_minus_zero_are_told_apart() -> None:
    assert same(math.nan, math.nan)
    assert not same(0.0, -0.0)
    assert not same(1, True)
