"""proto/vectors/values.json in its packed form.

`tests.support.packed` makes that form out of trees without the codec, so that the file
and the codec cannot share a mistake.
"""

from collections import Counter
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.packed_encode import pack_args, pack_value
from tests.support.notation import (
    TEXTS,
    VECTORS,
    full_path,
    python,
    same,
    sendable_from_python,
)
from tests.support.packed import NotPackable, bytes_of, packed

ONE_ARGUMENT = b"\x91"


def entries(*sections: str) -> pytest.MarkDecorator:
    found = [e for section in sections for e in VECTORS[section] if "packed" in e]
    return pytest.mark.parametrize("entry", found, ids=[e["name"] for e in found])


@pytest.mark.parametrize("section", VECTORS)
def test_both_forms_say_the_same(section: str) -> None:
    for entry in VECTORS[section]:
        if "hex" not in entry:
            continue
        tree = pb.Value.FromString(bytes.fromhex(entry["hex"]))
        if "packed" in entry:
            assert packed(tree).hex() == entry["packed"], entry["name"]
        elif section != "decode_only":  # where some differ as trees only
            with pytest.raises(NotPackable):
                packed(tree)


@entries("values", "decode_only", "packed_decode_only")
def test_packed_is_decoded(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["packed"])
    assert same(unpack_value(data), python(entry["value"]))
    assert same(unpack_args(ONE_ARGUMENT + data), [python(entry["value"])])


@entries("values")
def test_value_is_packed_or_goes_as_a_tree(entry: dict[str, Any]) -> None:
    if not sendable_from_python(entry["value"]):
        return
    value = python(entry["value"])
    data = bytes_of(pack_value(value))
    assert data is None or data.hex() == entry["packed"]
    args = bytes_of(pack_args((value,)))
    assert args == (None if data is None else ONE_ARGUMENT + data)


def test_most_are_packed() -> None:
    """Count, or a codec that packs nothing would pass."""
    sendable = [e for e in VECTORS["values"] if sendable_from_python(e["value"])]
    done = [
        e["name"]
        for e in sendable
        if bytes_of(pack_value(python(e["value"]))) is not None
    ]
    assert len(done) > len(sendable) / 2


@pytest.mark.parametrize(
    "entry", VECTORS["refused_by_sender"], ids=lambda entry: str(entry["name"])
)
def test_what_a_sender_refuses_is_left_to_the_tree(entry: dict[str, Any]) -> None:
    assert bytes_of(pack_args([python(entry["value"])])) is None
    assert bytes_of(pack_value(python(entry["value"]))) is None


@entries("refused_by_receiver", "packed_refused_by_receiver")
def test_receiver_refuses(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["packed"])
    with pytest.raises(DataCloneError, match=TEXTS[entry["reason"]]) as caught:
        unpack_args(ONE_ARGUMENT + data)
    assert full_path(caught.value.path, entry["path"])
    with pytest.raises(DataCloneError, match=TEXTS[entry["reason"]]) as caught:
        unpack_value(data, "args[0]")
    if entry["path"] != "args":
        assert full_path(caught.value.path, entry["path"])


def test_names_and_bytes_are_unique() -> None:
    found = [entry for section in VECTORS.values() for entry in section]
    for key in ("name", "packed"):
        times = Counter(entry[key] for entry in found if key in entry)
        assert [text for text, count in times.items() if count > 1] == []
