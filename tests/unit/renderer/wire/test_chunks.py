import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.chunks import (
    CHUNK_OVERHEAD,
    Piece,
    abort,
    check_size,
    chunk_bytes,
    fits,
    price,
)
from renderer.wire.errors import PayloadTooLarge
from renderer.wire.frames import CONTROL_RESERVE
from renderer.wire.limits import Limits, Peer
from renderer.wire.parcel import Parcel

CHUNKS = Peer(
    max_frame_bytes=4_096, max_message_bytes=20_000, features=frozenset({"chunks"})
)
WHOLE_ONLY = Peer(max_frame_bytes=4_096, max_message_bytes=20_000)
LARGEST = 4_096 - CONTROL_RESERVE  # of a message that fits a frame


def test_what_fits_a_frame_stays_whole() -> None:
    assert fits(LARGEST, CHUNKS)
    assert price(LARGEST, Limits(), CHUNKS) == (1, LARGEST)
    check_size(LARGEST, WHOLE_ONLY)


def test_one_byte_more_goes_in_chunks() -> None:
    assert not fits(LARGEST + 1, CHUNKS)
    assert price(LARGEST + 1, Limits(), CHUNKS)[0] == 2
    check_size(LARGEST + 1, CHUNKS)


def test_one_byte_more_is_refused_without_chunks() -> None:
    with pytest.raises(
        PayloadTooLarge, match="4,033 bytes; the other side takes 4,096"
    ):
        check_size(LARGEST + 1, WHOLE_ONLY)


def test_a_reply_that_is_too_large_is_called_so() -> None:
    text = "^the reply has 20,001 bytes; its caller takes 20,000$"
    with pytest.raises(PayloadTooLarge, match=text):
        check_size(20_001, CHUNKS, reply=True)


def test_the_largest_message() -> None:
    check_size(20_000, CHUNKS)
    with pytest.raises(
        PayloadTooLarge, match="20,001 bytes; the other side takes 20,0"
    ):
        check_size(20_001, CHUNKS)


def test_a_frame_may_be_larger_than_the_largest_message() -> None:
    check_size(1_000, Peer(max_message_bytes=10, features=frozenset({"chunks"})))


@pytest.mark.parametrize(("batch", "expected"), [(1_024, 1_024), (9_999, 2_048)])
def test_a_chunk_is_a_batch_at_most_and_leaves_room_in_a_frame(
    batch: int, expected: int
) -> None:
    assert chunk_bytes(Limits(batch_bytes=batch), CHUNKS) == expected


@pytest.mark.parametrize("lane", [0, 1, 200, 2**32 - 1])
@pytest.mark.parametrize("transfer", [1, 200, 2**63])
@pytest.mark.parametrize("reply", [False, True])
@pytest.mark.parametrize(("start", "end"), [(0, 100), (100, 5_000), (4_999, 5_000)])
def test_a_piece_is_protobufs_own_chunk(
    lane: int, transfer: int, reply: bool, start: int, end: int
) -> None:
    data = bytes(index & 0xFF for index in range(5_000))
    piece = Piece(
        Parcel(data, not reply, reply, lane), transfer, start, end, spared=False
    )
    last = end == 5_000
    chunk = pb.Chunk(transfer=transfer, data=data[start:end], last=last, reply=reply)
    message = pb.Message(lane=lane, chunk=chunk)
    frame = pb.StreamRequest(messages=[message])
    assert b"".join(piece.parts()) == frame.SerializeToString()
    assert piece.last == last
    assert message.ByteSize() <= piece.price == end - start + CHUNK_OVERHEAD


def test_a_piece_holds_no_copy_of_its_bytes() -> None:
    data = bytes(5_000)
    part = Piece(Parcel(data, True, False), 1, 10, 20, spared=True).parts()[1]
    assert isinstance(part, memoryview)
    assert part.obj is data


@pytest.mark.parametrize("reply", [False, True])
def test_the_end_of_a_transfer_that_is_given_up(reply: bool) -> None:
    parcel = abort(Parcel(b"", not reply, reply, 7), 3)
    assert (parcel.counted, parcel.reply, parcel.lane) == (not reply, reply, 7)
    assert pb.Message.FromString(parcel.data) == pb.Message(
        lane=7, chunk=pb.Chunk(transfer=3, abort=True, reply=reply)
    )
