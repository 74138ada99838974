import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import PayloadTooLarge, RemoteProtocolError
from renderer.wire.frames import CONTROL_RESERVE
from renderer.wire.limits import Limits, Peer
from renderer.wire.parcel import Parcel
from renderer.wire.transfers import Cutter, Reassembly
from tests.support.wires import event, reply

CHUNKS = Peer(
    max_frame_bytes=4_096, max_message_bytes=20_000, features=frozenset({"chunks"})
)
WHOLE_ONLY = Peer(max_frame_bytes=4_096, max_message_bytes=20_000)
LARGEST = 4_096 - CONTROL_RESERVE  # of a message that fits a frame


def cut(parcel: Parcel, cutter: Cutter | None = None) -> list[pb.Chunk]:
    pieces = (cutter or Cutter(Limits())).cut(parcel, CHUNKS)
    return [pb.Message.FromString(piece).chunk for piece in pieces]


def exactly(size: int) -> Parcel:
    return Parcel(bytes(size), counted=True, reply=False)


# ---- cutting -----------------------------------------------------------------------


def test_what_fits_a_frame_stays_whole() -> None:
    parcel = exactly(LARGEST)
    cutter = Cutter(Limits())
    assert cutter.cut(parcel, CHUNKS) == [parcel.data]
    assert cutter.price(LARGEST, CHUNKS) == (1, LARGEST)
    cutter.check(LARGEST, WHOLE_ONLY)


def test_one_byte_more_goes_in_chunks() -> None:
    parcel = exactly(LARGEST + 1)
    chunks = cut(parcel)
    assert [len(chunk.data) for chunk in chunks] == [2_048, LARGEST + 1 - 2_048]
    assert [chunk.last for chunk in chunks] == [False, True]
    assert b"".join(chunk.data for chunk in chunks) == parcel.data


def test_one_byte_more_is_refused_without_chunks() -> None:
    with pytest.raises(
        PayloadTooLarge, match="4,033 bytes; the other side takes 4,096"
    ):
        Cutter(Limits()).check(LARGEST + 1, WHOLE_ONLY)


def test_the_largest_message() -> None:
    cutter = Cutter(Limits())
    cutter.check(20_000, CHUNKS)
    with pytest.raises(
        PayloadTooLarge, match="20,001 bytes; the other side takes 20,0"
    ):
        cutter.check(20_001, CHUNKS)


def test_a_frame_may_be_larger_than_the_largest_message() -> None:
    peer = Peer(max_message_bytes=10, features=frozenset({"chunks"}))
    Cutter(Limits()).check(1_000, peer)


def test_each_transfer_has_its_number() -> None:
    cutter = Cutter(Limits())
    numbers = [{c.transfer for c in cut(event(size=9_000), cutter)} for _ in range(3)]
    assert numbers == [{1}, {2}, {3}]


def test_chunks_say_whether_they_carry_a_reply() -> None:
    assert {chunk.reply for chunk in cut(reply(size=9_000))} == {True}
    assert {chunk.reply for chunk in cut(event(size=9_000))} == {False}


@pytest.mark.parametrize("size", [LARGEST + 1, 4_096, 8_191, 8_192, 8_193, 20_000])
@pytest.mark.parametrize("batch", [1_024, 1_500, 1_000_000])
def test_the_price_is_enough(size: int, batch: int) -> None:
    cutter = Cutter(Limits(batch_bytes=batch))
    messages, price = cutter.price(size, CHUNKS)
    pieces = cutter.cut(exactly(size), CHUNKS)
    assert messages == len(pieces)
    assert price >= sum(map(len, pieces))
    assert all(len(piece) + CONTROL_RESERVE <= 4_096 for piece in pieces)


# ---- putting together --------------------------------------------------------------


@pytest.fixture
def reassembly() -> Reassembly:
    return Reassembly(20_000)


def chunk(transfer: int = 1, data: bytes = bytes(1_024), **flags: bool) -> pb.Chunk:
    return pb.Chunk(transfer=transfer, data=data, **flags)


EVENT = event().data


@pytest.mark.parametrize(
    ("parcel", "kind"),
    [
        (event(size=9_000), "event"),
        (reply(size=9_000), "reply"),
        (
            Parcel(
                pb.Message(id=5, call=pb.Call(packed=bytes(9_000))).SerializeToString(),
                counted=True,
                reply=False,
            ),
            "call",
        ),
    ],
)
def test_what_was_cut_is_put_together(
    reassembly: Reassembly, parcel: Parcel, kind: str
) -> None:
    *chunks, last = cut(parcel)
    for part in chunks:
        assert reassembly.add(part) is None
        assert reassembly.is_open
    assert reassembly.add(last) == (kind, pb.Message.FromString(parcel.data))
    assert not reassembly.is_open


def test_a_single_chunk_is_a_message(reassembly: Reassembly) -> None:
    whole = reassembly.add(chunk(data=EVENT, last=True))
    assert whole == ("event", pb.Message.FromString(EVENT))


def test_the_last_chunk_may_be_empty(reassembly: Reassembly) -> None:
    data = event(size=2_000).data
    assert reassembly.add(chunk(data=data)) is None
    assert reassembly.add(chunk(data=b"", last=True)) is not None


def test_transfers_follow_each_other(reassembly: Reassembly) -> None:
    for number in (9, 2, 2**64 - 1):
        reassembly.add(chunk(number, event(size=15_000).data))
        assert reassembly.add(chunk(number, b"", last=True)) is not None


@pytest.mark.parametrize("size", [0, 1_023])
def test_a_chunk_before_the_last_carries_a_kibibyte(
    reassembly: Reassembly, size: int
) -> None:
    with pytest.raises(RemoteProtocolError, match=f"a chunk of {size} bytes"):
        reassembly.add(chunk(data=bytes(size)))


def test_a_transfer_is_bounded(reassembly: Reassembly) -> None:
    for _ in range(10):
        reassembly.add(chunk(data=bytes(2_000)))
    with pytest.raises(RemoteProtocolError, match="a large message exceeds 20,000"):
        reassembly.add(chunk(data=b"x", last=True))


def test_a_transfer_has_a_number(reassembly: Reassembly) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot have the number 0"):
        reassembly.add(chunk(0, EVENT, last=True))


def test_a_transfer_has_a_number_of_its_own(reassembly: Reassembly) -> None:
    reassembly.add(chunk(1, EVENT, last=True))
    with pytest.raises(RemoteProtocolError, match="cannot have the number 1"):
        reassembly.add(chunk(1, EVENT, last=True))


def test_a_lane_has_one_transfer_at_a_time(reassembly: Reassembly) -> None:
    reassembly.add(chunk(1))
    with pytest.raises(
        RemoteProtocolError, match="chunk of transfer 2 within transfer 1"
    ):
        reassembly.add(chunk(2))


def test_a_transfer_stays_what_it_is(reassembly: Reassembly) -> None:
    reassembly.add(chunk(1, reply=True))
    with pytest.raises(RemoteProtocolError, match="within transfer"):
        reassembly.add(chunk(1, reply=False))


def test_an_aborted_event_is_lost_and_a_reply_will_follow(
    reassembly: Reassembly,
) -> None:
    reassembly.add(chunk(1))
    assert reassembly.abort(chunk(1, b"", abort=True))
    reassembly.add(chunk(2, reply=True))
    assert not reassembly.abort(chunk(2, b"", abort=True, reply=True))
    assert not reassembly.is_open
    with pytest.raises(RemoteProtocolError, match="cannot have the number 1"):
        reassembly.add(chunk(1))


def test_only_the_open_transfer_can_be_aborted(reassembly: Reassembly) -> None:
    reassembly.add(chunk(1))
    with pytest.raises(RemoteProtocolError, match="within transfer"):
        reassembly.abort(chunk(2, b"", abort=True))


@pytest.mark.parametrize(
    ("data", "flags", "why"),
    [
        (b"\x1a\xff", {}, "malformed large message"),
        (b"", {}, "cannot be a None"),
        (pb.Message(id=1, cancel=pb.Cancel()).SerializeToString(), {}, "be a cancel"),
        (
            pb.Message(chunk=pb.Chunk(transfer=1)).SerializeToString(),
            {},
            "cannot be a chunk",
        ),
        (pb.Message(lane=1, event=pb.Event()).SerializeToString(), {}, "differs"),
        (EVENT, {"reply": True}, "differs"),
        (reply().data, {}, "differs"),
    ],
)
def test_what_a_large_message_cannot_be(
    reassembly: Reassembly, data: bytes, flags: dict[str, bool], why: str
) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        reassembly.add(chunk(data=data, last=True, **flags))
