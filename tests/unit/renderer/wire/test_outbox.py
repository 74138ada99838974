import gc

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.chunks import Piece
from renderer.wire.errors import Overloaded, PayloadTooLarge, RemoteProtocolError
from renderer.wire.limits import MAX_FRAME_MESSAGES, MIB, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from tests.support.wires import event, reply

LIMITS = Limits(window_messages=4, window_bytes=10_000, batch_bytes=1_024)
PEER = Peer(
    window_messages=4,
    window_bytes=10_000,
    max_frame_bytes=4_096,
    max_message_bytes=50_000,
    features=frozenset({"chunks"}),
)
LONG = 10 * MIB


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(LIMITS)


def put(outbox: Outbox, *parcels: Parcel) -> None:
    for parcel in parcels:
        outbox.put(parcel, PEER)


def write(outbox: Outbox, count: int = 100, size: int = LONG) -> list[pb.Message]:
    """Take what goes in one frame."""
    parts = outbox.take(count, size, acks=True)[1]
    return list(pb.StreamRequest.FromString(b"".join(parts)).messages)


def write_all(outbox: Outbox) -> list[pb.Message]:
    messages: list[pb.Message] = []
    while outbox.has_unwritten():
        messages += write(outbox)
    return messages


def resume(outbox: Outbox, received: int, *, confirmed: bool = True) -> bool:
    outbox.check_received(received)
    return outbox.resume(received, confirmed=confirmed)


# ---- numbers and batches -----------------------------------------------------------


def test_messages_are_numbered_from_1(outbox: Outbox) -> None:
    assert [outbox.put(event(), PEER) for _ in range(3)] == [1, 2, 3]
    assert outbox.take(2, LONG, acks=True)[0] == 1
    assert outbox.take(2, LONG, acks=True)[0] == 3
    assert not outbox.has_unwritten()


def test_a_batch_has_so_many_messages(outbox: Outbox) -> None:
    put(outbox, *[event()] * 4)
    assert len(write(outbox, count=3)) == 3
    assert len(write(outbox, count=3)) == 1


def test_a_batch_has_so_many_bytes_and_a_larger_message_goes_alone(
    outbox: Outbox,
) -> None:
    put(outbox, event(), event(size=500), event(), event())
    assert [len(write(outbox, size=100)) for _ in range(3)] == [1, 1, 2]


def test_the_bytes_of_a_batch_may_be_used_up(outbox: Outbox) -> None:
    put(outbox, event(), event())
    size = 2 + write(outbox)[0].ByteSize()
    put(outbox, event(), event())
    assert len(write(outbox, size=2 * size)) == 2


def test_without_acks_written_is_acked(outbox: Outbox) -> None:
    put(outbox, event(), event())
    outbox.take(1, LONG, acks=False)
    assert (outbox.acked, outbox.outstanding) == (1, 1)
    outbox.take(1, LONG, acks=False)
    assert (outbox.acked, outbox.outstanding) == (2, 0)


# ---- the window --------------------------------------------------------------------


def test_the_window_counts_messages(outbox: Outbox) -> None:
    put(outbox, *[event()] * 4)
    assert not outbox.admits(event(), PEER)
    with pytest.raises(Overloaded, match=r"4 messages \(0.0 MiB\) wait for the other"):
        put(outbox, event())
    assert outbox.last == 4


def test_the_window_counts_bytes_of_messages(outbox: Outbox) -> None:
    first = event(size=3_000)
    put(outbox, first, first, first)
    left = PEER.window_bytes - 3 * len(first.data)
    around = len(event(size=900).data) - 900
    assert outbox.admits(event(size=left - around), PEER)
    assert not outbox.admits(event(size=left - around + 1), PEER)


def test_one_message_may_be_larger_than_the_window(outbox: Outbox) -> None:
    put(outbox, event(size=30_000))
    assert not outbox.admits(event(), PEER)
    write_all(outbox)
    outbox.ack(outbox.last)
    assert outbox.admits(event(), PEER)


def test_a_larger_one_waits_until_nothing_that_counts_is_outstanding(
    outbox: Outbox,
) -> None:
    put(outbox, reply())
    assert outbox.admits(event(size=30_000), PEER)
    put(outbox, event())
    assert not outbox.admits(event(size=30_000), PEER)


def test_room_is_taken_for_all_chunks_at_once(outbox: Outbox) -> None:
    put(outbox, event())
    assert outbox.admits(event(size=3_000), PEER), "it fits one frame"
    assert not outbox.admits(event(size=5_000), PEER), "5 chunks, and room for 3"


def test_what_the_chunks_add_is_paid_for(outbox: Outbox) -> None:
    peer = Peer(
        window_messages=100,
        window_bytes=10_000,
        max_frame_bytes=4_096,
        features=frozenset({"chunks"}),
    )
    outbox.put(event(size=20_000), peer)  # the one that is spared
    assert not outbox.admits(event(size=9_900), peer)
    assert outbox.admits(event(size=9_500), peer)
    outbox.put(event(size=9_500), peer)
    assert outbox.outstanding_bytes <= peer.window_bytes


def test_replies_need_no_window(outbox: Outbox) -> None:
    put(outbox, *[event()] * 4)
    put(outbox, *[reply()] * 10)
    assert (outbox.outstanding, outbox.free) == (4, 10)


def test_dispatching_overshoots_to_four_times(outbox: Outbox) -> None:
    for _ in range(16):
        outbox.put(event(), PEER, overshoot=True)
    assert not outbox.admits(event(), PEER, overshoot=True)


def test_too_large_is_told_before_overloaded(outbox: Outbox) -> None:
    put(outbox, event())
    with pytest.raises(PayloadTooLarge, match=r"50,0.. bytes; the other side takes"):
        outbox.put(event(size=50_000), PEER)


def test_half_of_the_window_is_short(outbox: Outbox) -> None:
    put(outbox, event())
    assert not outbox.runs_short(PEER)
    put(outbox, event())
    assert outbox.runs_short(PEER)
    large = Outbox(LIMITS)
    put(large, event(size=5_000))
    assert large.runs_short(PEER)


def test_more_than_the_window_is_unacked(outbox: Outbox) -> None:
    put(outbox, *[event()] * 4)
    put(outbox, *[reply()] * 4)
    assert not outbox.exceeds(PEER)
    put(outbox, reply())
    assert outbox.exceeds(PEER)
    large = Outbox(LIMITS)
    put(large, reply(size=12_000))
    assert large.exceeds(PEER)


def test_a_flood_is_four_windows_of_replies(outbox: Outbox) -> None:
    put(outbox, *[reply()] * 16)
    assert not outbox.floods
    put(outbox, reply())
    assert outbox.floods


def test_events_are_no_flood(outbox: Outbox) -> None:
    put(outbox, event(size=49_000))
    assert not outbox.floods


def test_a_flood_in_bytes_is_four_windows_and_one_largest_message() -> None:
    outbox = Outbox(Limits(window_bytes=1_000, max_message_bytes=10_000))
    for _ in range(3):
        outbox.put(reply(size=4_000), PEER)
        assert not outbox.floods
    outbox.put(reply(size=4_000), PEER)
    assert outbox.floods


# ---- chunks ------------------------------------------------------------------------


def test_a_large_message_is_counted_by_chunk_and_told_as_one(outbox: Outbox) -> None:
    put(outbox, event(size=5_000))
    assert (outbox.total, outbox.outstanding, outbox.unconfirmed) == (5, 5, 1)
    write_all(outbox)
    assert (outbox.last, outbox.outstanding, outbox.unconfirmed) == (5, 5, 1)
    outbox.ack(4)
    assert (outbox.outstanding, outbox.unconfirmed) == (1, 1)
    outbox.ack(5)
    assert (outbox.outstanding, outbox.unconfirmed) == (0, 0)


def test_the_chunks_of_a_reply_are_free(outbox: Outbox) -> None:
    put(outbox, reply(size=5_000))
    assert (outbox.outstanding, outbox.unconfirmed, outbox.free) == (0, 0, 5)


# ---- acks --------------------------------------------------------------------------


def test_an_ack_gives_the_window_back(outbox: Outbox) -> None:
    put(outbox, event(), event(), event())
    write(outbox)
    assert outbox.ack(2)
    assert (outbox.acked, outbox.outstanding) == (2, 1)
    assert not outbox.ack(2)
    assert outbox.ack(3)
    assert outbox.outstanding_bytes == 0


@pytest.mark.parametrize(
    ("ack", "why"),
    [(1, "fell from 2 to 1"), (4, "exceeds what was sent"), (2**63, "exceeds")],
)
def test_acks_that_cannot_be(outbox: Outbox, ack: int, why: str) -> None:
    put(outbox, *[event()] * 4)
    write(outbox, count=3)
    outbox.ack(2)
    with pytest.raises(RemoteProtocolError, match=why):
        outbox.ack(ack)
    assert outbox.acked == 2


def test_nothing_acked_is_remembered(outbox: Outbox) -> None:
    def remembered() -> int:
        gc.collect()
        return sum(isinstance(x, Parcel | Piece) for x in gc.get_objects())

    before = remembered()  # by who else is still there
    put(outbox, event(), reply(size=5_000), event(), reply())
    written = len(write_all(outbox))
    assert written == 8
    assert remembered() >= before + 4
    outbox.ack(written)
    assert remembered() == before


# ---- resume ------------------------------------------------------------------------


def test_a_resume_sends_again_what_was_not_received(outbox: Outbox) -> None:
    put(outbox, *[event(name) for name in "abcd"])
    written = write(outbox, count=3)
    outbox.ack(1)
    assert resume(outbox, 2)
    again = write(outbox)
    assert again[0] == written[2]
    assert len(again) == 2


def test_a_resume_begins_with_the_first_that_was_not_received(outbox: Outbox) -> None:
    put(outbox, *[event()] * 4)
    write(outbox, count=3)
    outbox.ack(1)
    resume(outbox, 2)
    assert outbox.take(1, LONG, acks=True)[0] == 3


def test_what_was_received_is_kept_until_it_is_acked(outbox: Outbox) -> None:
    put(outbox, event(), event())
    write(outbox)
    resume(outbox, 2)
    assert not outbox.has_unwritten()
    assert outbox.outstanding == 2
    assert outbox.ack(2)


@pytest.mark.parametrize("received", [0, 4, 2**63])
def test_a_resume_within_what_was_acked_and_written(
    outbox: Outbox, received: int
) -> None:
    put(outbox, *[event()] * 4)
    write(outbox, count=3)
    outbox.ack(1)
    with pytest.raises(RemoteProtocolError, match=r"lies outside 1…3"):
        outbox.check_received(received)


# ---- another way than a link ---------------------------------------------------------


def test_what_is_unacked_may_go_another_way(outbox: Outbox) -> None:
    sent = [event(name) for name in "abcd"]
    put(outbox, *sent)
    write(outbox, count=2)
    outbox.ack(1)
    assert outbox.unacked(3, LONG) == [sent[1].data, sent[2].data]
    assert outbox.written == 3
    assert resume(outbox, 3)  # it has arrived
    assert [m.event.channel for m in write_all(outbox)] == ["d"]


def test_what_went_another_way_may_be_lost(outbox: Outbox) -> None:
    put(outbox, event("a"), event("b"))
    assert len(outbox.unacked(2, LONG) or ()) == 2
    assert resume(outbox, 0)
    assert [m.event.channel for m in write_all(outbox)] == ["a", "b"]


def test_what_went_another_way_may_arrive_behind_a_resume(outbox: Outbox) -> None:
    put(outbox, *[event(name) for name in "abc"])
    assert len(outbox.unacked(2, LONG) or ()) == 2
    assert resume(outbox, 0)
    assert not outbox.was_written(3)
    assert outbox.was_written(2), "it may yet be that it was"
    with pytest.raises(RemoteProtocolError, match="exceeds what was sent"):
        outbox.ack(3)
    with pytest.raises(RemoteProtocolError, match="lies outside 0…2"):
        outbox.check_received(3)
    assert outbox.ack(1)
    assert outbox.written == 1
    assert resume(outbox, 2)
    assert [m.event.channel for m in write_all(outbox)] == ["c"]


def test_nothing_is_unacked(outbox: Outbox) -> None:
    assert outbox.unacked(0, 0) == []
    put(outbox, event())
    write(outbox)
    outbox.ack(1)
    assert outbox.unacked(1, 0) == []


def test_what_has_no_room_goes_no_other_way(outbox: Outbox) -> None:
    small = event()
    put(outbox, small, small)
    size = 2 * (len(small.data) + 2)
    assert outbox.unacked(2, size - 1) is None
    assert outbox.written == 0
    assert outbox.unacked(2, size) is not None


def test_what_no_frame_may_have_goes_no_other_way() -> None:
    outbox = Outbox(Limits())
    for _ in range(MAX_FRAME_MESSAGES + 1):
        outbox.put(event(), Peer())
    assert outbox.unacked(MAX_FRAME_MESSAGES + 1, LONG) is None
    assert outbox.written == 0
    found = outbox.unacked(MAX_FRAME_MESSAGES, LONG)
    assert found is not None
    assert len(found) == MAX_FRAME_MESSAGES


def test_chunks_go_no_other_way(outbox: Outbox) -> None:
    put(outbox, event(size=5_000))
    write(outbox)
    assert outbox.unacked(outbox.last, LONG) is None


def test_three_fruitless_links_are_the_end(outbox: Outbox) -> None:
    put(outbox, event())
    for _ in range(2):
        write(outbox)
        assert resume(outbox, 0)
    write(outbox)
    assert not resume(outbox, 0)


def test_progress_begins_the_count_anew(outbox: Outbox) -> None:
    put(outbox, event(), event())
    for received in (0, 0, 1, 1, 1):
        write(outbox)
        assert resume(outbox, received)
    write(outbox)
    assert not resume(outbox, 1)


def batches(outbox: Outbox, most: int = 100) -> list[int]:
    """Write everything, and tell how many messages each frame had."""
    sizes: list[int] = []
    while outbox.has_unwritten():
        sizes.append(len(write(outbox, most)))
    return sizes


@pytest.fixture
def crowded() -> Outbox:
    crowded = Outbox(LIMITS)
    for _ in range(20):
        crowded.put(event(), Peer())
    return crowded


def test_after_a_fruitless_link_frames_are_small_at_first(crowded: Outbox) -> None:
    assert batches(crowded) == [20]
    assert resume(crowded, 0)
    assert batches(crowded) == [1, 2, 4, 8, 5]
    assert resume(crowded, 3)
    assert batches(crowded) == [17], "it got on"


def test_small_frames_grow_up_to_a_whole_batch(crowded: Outbox) -> None:
    batches(crowded)
    assert resume(crowded, 0)
    assert batches(crowded, 3) == [1, 2, 3, 3, 3, 3, 3, 2]


def test_a_link_too_short_for_a_batch_gets_on(crowded: Outbox) -> None:
    links = 0
    while crowded.written < 20:
        received, frame = crowded.written, write(crowded)
        received += len(frame) if len(frame) <= 2 else 0
        assert resume(crowded, received)
        links += 1
    assert links <= 2 * 20


def carry(outbox: Outbox, poison: int) -> int:
    """Write on a link that ends with a certain message; return what arrives."""
    received = outbox.written
    while outbox.has_unwritten():
        frame = write(outbox)
        if received + len(frame) >= poison:
            break
        received += len(frame)
    return received


def test_the_message_that_kills_is_the_one_that_is_named(crowded: Outbox) -> None:
    links = 1
    while resume(crowded, carry(crowded, poison=14)):
        links += 1
    assert crowded.written == 14 - 1
    assert links <= 12


def test_a_link_that_carried_nothing_is_not_counted(outbox: Outbox) -> None:
    assert all(resume(outbox, 0) for _ in range(9))
    put(outbox, event())
    assert all(resume(outbox, 0) for _ in range(9)), "put, but not written"


def test_a_link_that_was_not_confirmed_is_not_counted(outbox: Outbox) -> None:
    put(outbox, event())
    for _ in range(9):
        write(outbox)
        assert resume(outbox, 0, confirmed=False)


def test_the_backlog_for_people(outbox: Outbox) -> None:
    put(outbox, event(size=2 * MIB // 50))
    assert outbox.backlog == "41 messages (0.0 MiB)"


def test_a_message_is_put_as_it_was_made(outbox: Outbox) -> None:
    put(outbox, event("channel"))
    (message,) = write(outbox)
    assert message.event.channel == "channel"
