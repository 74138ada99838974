import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.parcel import Parcel
from renderer.wire.transfers import Reassembly
from tests.support.wires import event, reply


@pytest.fixture
def reassembly() -> Reassembly:
    return Reassembly(20_000)


def cut(parcel: Parcel, size: int = 2_000) -> list[pb.Chunk]:
    starts = range(0, len(parcel.data), size)
    chunks = [
        pb.Chunk(transfer=1, data=parcel.data[start : start + size], reply=parcel.reply)
        for start in starts
    ]
    chunks[-1].last = True
    return chunks


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
        assert reassembly.add(0, part) is None
        assert reassembly.holds(0)
    assert reassembly.add(0, last) == (kind, pb.Message.FromString(parcel.data))
    assert not reassembly.holds(0)


def test_a_single_chunk_is_a_message(reassembly: Reassembly) -> None:
    whole = reassembly.add(0, chunk(data=EVENT, last=True))
    assert whole == ("event", pb.Message.FromString(EVENT))


def test_the_last_chunk_may_be_empty(reassembly: Reassembly) -> None:
    data = event(size=2_000).data
    assert reassembly.add(0, chunk(data=data)) is None
    assert reassembly.add(0, chunk(data=b"", last=True)) is not None


def test_transfers_follow_each_other(reassembly: Reassembly) -> None:
    for number in (9, 2, 2**64 - 1):
        reassembly.add(0, chunk(number, event(size=15_000).data))
        assert reassembly.add(0, chunk(number, b"", last=True)) is not None


@pytest.mark.parametrize("size", [0, 1_023])
def test_a_chunk_before_the_last_carries_a_kibibyte(
    reassembly: Reassembly, size: int
) -> None:
    with pytest.raises(RemoteProtocolError, match=f"a chunk of {size} bytes"):
        reassembly.add(0, chunk(data=bytes(size)))


def test_a_transfer_is_bounded(reassembly: Reassembly) -> None:
    for _ in range(10):
        reassembly.add(0, chunk(data=bytes(2_000)))
    with pytest.raises(RemoteProtocolError, match="large messages exceed 20,000"):
        reassembly.add(0, chunk(data=b"x", last=True))


def test_a_transfer_has_a_number(reassembly: Reassembly) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot have the number 0"):
        reassembly.add(0, chunk(0, EVENT, last=True))


def test_a_transfer_has_a_number_of_its_own(reassembly: Reassembly) -> None:
    reassembly.add(0, chunk(1, EVENT, last=True))
    with pytest.raises(RemoteProtocolError, match="cannot have the number 1"):
        reassembly.add(0, chunk(1, EVENT, last=True))


def test_a_lane_has_one_transfer_at_a_time(reassembly: Reassembly) -> None:
    reassembly.add(0, chunk(1))
    with pytest.raises(
        RemoteProtocolError, match="chunk of transfer 2 within transfer 1"
    ):
        reassembly.add(0, chunk(2))


def test_a_transfer_stays_what_it_is(reassembly: Reassembly) -> None:
    reassembly.add(0, chunk(1, reply=True))
    with pytest.raises(RemoteProtocolError, match="within transfer"):
        reassembly.add(0, chunk(1, reply=False))


def test_an_aborted_event_is_lost_and_a_reply_will_follow(
    reassembly: Reassembly,
) -> None:
    reassembly.add(0, chunk(1))
    assert reassembly.abort(0, chunk(1, b"", abort=True))
    reassembly.add(0, chunk(2, reply=True))
    assert not reassembly.abort(0, chunk(2, b"", abort=True, reply=True))
    assert not reassembly.holds(0)
    with pytest.raises(RemoteProtocolError, match="cannot have the number 1"):
        reassembly.add(0, chunk(1))


def test_an_aborted_call_is_missed_by_nobody(reassembly: Reassembly) -> None:
    call = pb.Message(id=300, call=pb.Call(packed=bytes(2_000)))
    reassembly.add(0, chunk(1, call.SerializeToString()))
    assert not reassembly.abort(0, chunk(1, b"", abort=True))


def test_only_the_open_transfer_can_be_aborted(reassembly: Reassembly) -> None:
    reassembly.add(0, chunk(1))
    with pytest.raises(RemoteProtocolError, match="within transfer"):
        reassembly.abort(0, chunk(2, b"", abort=True))


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
        reassembly.add(0, chunk(data=data, last=True, **flags))


# ---- lanes -------------------------------------------------------------------------


def on_lane(lane: int, size: int) -> bytes:
    body = pb.Event(packed=bytes(size))
    return pb.Message(lane=lane, event=body).SerializeToString()


def test_lanes_have_transfers_of_their_own(reassembly: Reassembly) -> None:
    data = [on_lane(lane, 3_000) for lane in range(4)]
    for lane in range(4):
        assert reassembly.add(lane, chunk(lane + 1, data[lane][:2_000])) is None
    for lane in (2, 0, 3, 1):
        assert reassembly.holds(lane)
        last = chunk(lane + 1, data[lane][2_000:], last=True)
        assert reassembly.add(lane, last) == (
            "event",
            pb.Message.FromString(data[lane]),
        )
        assert not reassembly.holds(lane)


def test_four_transfers_may_be_open(reassembly: Reassembly) -> None:
    for lane in range(4):
        reassembly.add(lane, chunk(lane + 1))
    reassembly.add(9, chunk(9, on_lane(9, 10), last=True))
    with pytest.raises(RemoteProtocolError, match="more than 4 open transfers"):
        reassembly.add(9, chunk(10))


def test_transfers_are_bounded_together(reassembly: Reassembly) -> None:
    reassembly.add(1, chunk(1, bytes(15_000)))
    reassembly.add(2, chunk(2, bytes(5_000)))
    with pytest.raises(RemoteProtocolError, match="large messages exceed 20,000"):
        reassembly.add(1, chunk(1, b"x", last=True))


def test_what_is_whole_or_aborted_makes_room(reassembly: Reassembly) -> None:
    for number in range(1, 20, 2):
        reassembly.add(1, chunk(number, on_lane(1, 15_000), last=True))
        reassembly.add(2, chunk(number + 1, bytes(19_000)))
        reassembly.abort(2, chunk(number + 1, b"", abort=True))


def test_a_transfer_does_not_change_its_lane(reassembly: Reassembly) -> None:
    reassembly.add(1, chunk(1))
    with pytest.raises(RemoteProtocolError, match="cannot have the number 1"):
        reassembly.add(2, chunk(1))


def test_what_is_inside_is_on_the_same_lane(reassembly: Reassembly) -> None:
    with pytest.raises(RemoteProtocolError, match="differs from its chunks"):
        reassembly.add(2, chunk(1, on_lane(1, 10), last=True))
