"""Packed values: they say what trees say, and nothing worse than a refusal happens."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import example, given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.packed_encode import pack_args, pack_value
from renderer.wire.values import decode_args, decode_value, encode_args
from tests.support.frames import RAW
from tests.support.packed import NotPackable, bytes_of, packed, packed_list
from tests.support.values import ANYTHING, TEXTS, TREES, VALUES, refusal, same

LANES = st.sampled_from([0, 1, 127, 128, 2**32 - 1])
IDS = st.integers(1, 2**63 - 1) | st.integers(1, 300)


def through_trees(args: list[Any]) -> Any:
    field = pb.Event().args
    encode_args(args, field)
    return decode_args(field)


@given(st.lists(VALUES | ANYTHING, max_size=4))
@example([{1: 2, "a": (1, 2)}, 2**63, -(2**63) - 1])
def test_what_is_packed_arrives_as_through_a_tree(args: list[Any]) -> None:
    data = bytes_of(pack_args(args))
    if data is not None:
        assert same(unpack_args(data), through_trees(args))
    for arg in args:
        alone = bytes_of(pack_value(arg))
        if alone is not None:
            assert same([unpack_value(alone)], through_trees([arg]))


@given(st.lists(VALUES | ANYTHING, max_size=4))
def test_what_is_refused_is_refused_alike(args: list[Any]) -> None:
    refusals = [
        refusal(partial(messages.event, "c", args, packed=packed))
        for packed in (False, True)
    ]
    texts = {str(refused) for refused in refusals}
    assert len(texts) == 1


@given(st.lists(VALUES, max_size=3))
def test_every_value_has_a_packed_form_that_is_read_alike(args: list[Any]) -> None:
    field = pb.Event().args
    encode_args(args, field)
    try:
        data = packed_list(field)
    except NotPackable:  # an ext of more than 7 bits
        return
    assert same(unpack_args(data), decode_args(field))


@given(TREES)
def test_both_forms_are_read_alike_or_refused_alike(tree: pb.Value) -> None:
    try:
        data = packed(tree)
    except NotPackable:
        return
    one = refusal(lambda: decode_value(tree))
    other = refusal(lambda: unpack_value(data))
    assert str(one) == str(other)
    if one is None:
        assert same(unpack_value(data), decode_value(tree))


@given(st.binary(max_size=64) | RAW)
def test_bytes_are_a_value_or_refused_with_their_path(data: bytes) -> None:
    for read, root in (unpack_value, "value"), (unpack_args, "args"):
        refused = refusal(partial(read, data))
        assert refused is None or refused.path.startswith(root)


@given(TEXTS, st.lists(VALUES, max_size=2), IDS, LANES, st.none() | st.floats(0, 1e12))
def test_packed_messages_are_what_protobuf_writes(
    channel: str, args: list[Any], id: int, lane: int, timeout: float | None
) -> None:
    for parcel in (
        messages.event(channel, args, lane=lane, packed=True),
        messages.call(id, channel, args, timeout=timeout, lane=lane, packed=True),
        messages.call(id, channel, args, sync=True, lane=lane, packed=True),
        messages.reply(id, args, lane=lane, packed=True),
    ):
        message = pb.Message.FromString(parcel.data)
        assert message.lane == lane
        assert message.SerializeToString(deterministic=True) == parcel.data
