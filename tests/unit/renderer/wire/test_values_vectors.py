"""proto/vectors/values.json against the codec, and against protobuf alone.

The notation of the file stands in proto/vectors/README.md. `tree` writes it as a
protobuf tree without the codec, so that the file and the codec cannot share a mistake.
"""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError
from renderer.wire.ext import FORMATS
from renderer.wire.values import decode_args, decode_value, encode_args, encode_value
from tests.support.notation import (
    TEXTS,
    VECTORS,
    full_path,
    nested,
    python,
    same,
    sendable_from_python,
    unbase64,
)


def entries(section: str) -> pytest.MarkDecorator:
    names = [str(entry["name"]) for entry in VECTORS[section]]
    return pytest.mark.parametrize("entry", VECTORS[section], ids=names)


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


# ---- the file itself -----------------------------------------------------------------


def all_entries() -> Iterator[dict[str, Any]]:
    for section in VECTORS.values():
        yield from section


def test_sections_are_those_of_the_readme() -> None:
    assert tuple(VECTORS) == (
        "values",
        "decode_only",
        "refused_by_sender",
        "refused_by_receiver",
        "packed_decode_only",
        "packed_refused_by_receiver",
    )
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
