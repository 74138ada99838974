from dataclasses import replace

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.lanes import Mark
from renderer.wire.limits import KIB, MIB, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel

LIMITS = Limits(batch_bytes=32 * KIB)
CHUNKS = Peer(
    max_frame_bytes=4_096, max_message_bytes=50_000, features=frozenset({"chunks"})
)
PEER = Peer(
    max_frame_bytes=4_096,
    max_message_bytes=50_000,
    features=frozenset({"chunks", "lanes"}),
)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(LIMITS)


def event(name: str, lane: int = 0, size: int = 0) -> Parcel:
    body = pb.Event(channel=name, packed=bytes(size))
    message = pb.Message(lane=lane, event=body)
    return Parcel(message.SerializeToString(), True, False, lane)


def call(id: int, lane: int = 0, size: int = 0) -> Parcel:
    message = pb.Message(id=id, lane=lane, call=pb.Call(packed=bytes(size)))
    return Parcel(message.SerializeToString(), True, False, lane)


def reply(id: int, lane: int = 0, size: int = 0) -> Parcel:
    message = pb.Message(id=id, lane=lane, reply=pb.Reply(packed=bytes(size)))
    return Parcel(message.SerializeToString(), False, True, lane)


def cancel(id: int) -> Parcel:
    message = pb.Message(id=id, cancel=pb.Cancel())
    return Parcel(message.SerializeToString(), False, False)


def put(outbox: Outbox, *parcels: Parcel) -> list[int]:
    return [outbox.put(parcel, PEER) for parcel in parcels]


def write(outbox: Outbox, frames: int = 1) -> list[str]:
    """Take so many frames; return what is in them, in a word each."""
    words: list[str] = []
    for _ in range(frames):
        before = outbox.written
        first, parts = outbox.take(256, 4_000, acks=True)
        assert first == before + 1
        frame = pb.StreamRequest.FromString(b"".join(parts))
        assert outbox.written == before + len(frame.messages)
        words += map(word, frame.messages)
    return words


def word(message: pb.Message) -> str:
    kind = message.WhichOneof("kind")
    if kind == "event":
        return message.event.channel
    if kind != "chunk":
        return f"{kind} {message.id}"
    how = "!" if message.chunk.abort else "." if message.chunk.last else ""
    return f"{message.lane}/{message.chunk.transfer}{how}"


def write_all(outbox: Outbox) -> list[str]:
    words: list[str] = []
    while outbox.has_unwritten():
        words += write(outbox)
    return words


BIG = 9_000  # bytes, which go in 5 chunks


# ---- order -------------------------------------------------------------------------


def test_a_large_message_lets_other_lanes_pass(outbox: Outbox) -> None:
    assert put(outbox, event("big", 1, BIG), event("a"), event("b", 2)) == [-1, 1, 2]
    assert write(outbox) == ["a", "b"]
    assert write(outbox, 2) == ["1/1", "1/1"]
    put(outbox, event("c"))
    assert write_all(outbox) == ["c", "1/1", "1/1", "1/1."]


def test_its_own_lane_waits(outbox: Outbox) -> None:
    put(outbox, event("big", 1, BIG), event("a", 1), reply(7, 1), event("other"))
    write(outbox, 3)
    put(outbox, event("b", 1))
    assert write_all(outbox) == ["1/1", "1/1", "1/1.", "a", "reply 7", "b"]
    assert put(outbox, event("c", 1)) == [10]


def test_large_ones_of_a_lane_follow_each_other(outbox: Outbox) -> None:
    put(outbox, event("1", 3, BIG), event("a", 3), event("2", 3, BIG), event("b", 3))
    one, two = ["3/1"] * 4 + ["3/1."], ["3/2"] * 4 + ["3/2."]
    assert write_all(outbox) == [*one, "a", *two, "b"]


def test_large_ones_of_several_lanes_take_turns(outbox: Outbox) -> None:
    put(outbox, event("1", 1, BIG), event("2", 2, BIG))
    assert write(outbox, 6) == ["1/1", "2/2"] * 3
    put(outbox, event("3", 3, BIG))
    assert write(outbox, 5) == ["1/1", "2/2", "3/3", "1/1.", "2/2."]


def test_a_fifth_waits_until_one_of_four_is_whole(outbox: Outbox) -> None:
    put(outbox, *(event("", lane, BIG) for lane in range(6)))
    assert write(outbox, 16) == ["0/1", "1/2", "2/3", "3/4"] * 4
    assert write(outbox, 5) == ["0/1.", "1/2.", "2/3.", "3/4.", "4/5"]


def test_they_have_no_more_bytes_together_than_the_peer_takes(outbox: Outbox) -> None:
    put(outbox, event("", 1, 30_000), event("", 2, 30_000), event("", 3, BIG))
    words = write_all(outbox)
    assert words.index("2/2") > words.index("1/1.")
    assert words.index("3/3") < words.index("2/2.")


def test_without_lanes_everything_is_on_lane_0(outbox: Outbox) -> None:
    outbox.put(event("big", 1, BIG), CHUNKS)
    outbox.put(event("a", 2), CHUNKS)
    assert write_all(outbox) == ["0/1", "0/1", "0/1", "0/1", "0/1.", "a"]


def test_many_small_ones_let_a_large_one_go_on(outbox: Outbox) -> None:
    put(outbox, event("big", 1, BIG))
    put(outbox, *[event("a")] * 100)  # faster than the link takes them
    words = write_all(outbox)
    places = [place for place, word in enumerate(words) if word == "1/1"]
    assert places[:3] == [32, 65, 98]
    assert words.count("a") == 100


def test_numbers_go_on_after_the_last_transfer(outbox: Outbox) -> None:
    for transfer in (1, 2, 3):
        put(outbox, event("", 1, BIG))
        assert write_all(outbox)[-1] == f"1/{transfer}."
    assert put(outbox, event("a", 1)) == [16]


def test_chunks_come_again_after_a_cut(outbox: Outbox) -> None:
    put(outbox, event("big", 1, BIG), event("a"))
    assert write(outbox, 4) == ["a", "1/1", "1/1", "1/1"]
    outbox.resume(2, confirmed=True)
    put(outbox, event("b"))
    assert write_all(outbox) == ["1/1", "1/1", "b", "1/1", "1/1."]


# ---- the window --------------------------------------------------------------------


def books(outbox: Outbox) -> tuple[int, int, int, int]:
    return outbox.outstanding, outbox.outstanding_bytes, outbox.unconfirmed, outbox.free


def test_room_is_taken_when_it_is_put_and_given_back_by_the_chunk(
    outbox: Outbox,
) -> None:
    put(outbox, event("spared", 9, BIG))
    before = books(outbox)
    assert before == (5, 0, 1, 0)
    write(outbox, 4)
    parcel = event("big", 1, BIG)
    put(outbox, parcel, reply(1, 1, BIG))
    size = len(parcel.data)
    assert books(outbox) == (10, size + 5 * 32, 2, 5)
    write(outbox, 3)
    outbox.ack(7)
    assert books(outbox) == (3, size + 3 * 32 - 4 * KIB, 1, 5)
    write_all(outbox)
    outbox.ack(10)
    assert books(outbox) == (0, 0, 0, 5)
    outbox.ack(15)
    assert books(outbox) == (0, 0, 0, 0)


def test_the_bytes_of_one_large_message_take_no_room(outbox: Outbox) -> None:
    peer = replace(PEER, window_bytes=10_000)
    for large in (event("", 1, 40_000), event("", 2, 40_000)):
        outbox.put(event("small"), peer)
        assert outbox.admits(large, peer)
        outbox.put(large, peer)
        assert outbox.outstanding_bytes < 100
        assert outbox.backlog == "21 messages (0.0 MiB)"
        assert not outbox.admits(event("", 3, 40_000), peer)
        outbox.put(event("", 3, BIG), peer)
        assert BIG < outbox.outstanding_bytes < 10_000
        write_all(outbox)
        outbox.ack(outbox.last)
        assert outbox.outstanding_bytes == 0


def test_nor_do_those_of_one_large_reply(outbox: Outbox) -> None:
    peer = replace(PEER, window_bytes=10_000)
    outbox.put(reply(1, 1, 40_000), peer)
    outbox.put(event("", 1, 40_000), peer)
    assert not outbox.exceeds(peer)
    outbox.put(reply(2, 1, 40_000), peer)
    assert outbox.exceeds(peer)


def test_a_spared_call_that_is_withdrawn_spares_another(outbox: Outbox) -> None:
    for id in (1, 2):
        put(outbox, call(id, 1, BIG))
        assert outbox.outstanding_bytes == 0
        put(outbox, cancel(id))


def test_what_waits_counts_for_the_last_number(outbox: Outbox) -> None:
    put(outbox, event("big", 1, BIG), event("a", 1), event("b"))
    assert (outbox.last, outbox.total) == (1, 7)
    write(outbox, 2)
    assert (outbox.last, outbox.total) == (2, 7)
    write_all(outbox)
    assert (outbox.last, outbox.total) == (7, 7)


# ---- cancelling --------------------------------------------------------------------


def test_a_call_that_has_not_begun_is_withdrawn(outbox: Outbox) -> None:
    put(outbox, call(1, 1, BIG), event("a", 1), event("b", 1), cancel(1))
    assert write_all(outbox) == ["a", "b"]
    outbox.ack(2)
    assert books(outbox) == (0, 0, 0, 0)


def test_a_call_that_has_begun_is_aborted(outbox: Outbox) -> None:
    put(outbox, call(1, 1, BIG), event("a", 1))
    write(outbox, 2)
    put(outbox, cancel(1))
    assert write_all(outbox) == ["1/1!", "a"]
    outbox.ack(4)
    assert books(outbox) == (0, 0, 0, 0)


def test_a_call_that_waits_behind_another_message_is_withdrawn(outbox: Outbox) -> None:
    put(outbox, event("big", 1, BIG), call(1, 1), call(2, 1, BIG), event("a", 1))
    put(outbox, cancel(1), cancel(2))
    assert write_all(outbox) == ["1/1"] * 4 + ["1/1.", "a"]
    outbox.ack(6)
    assert books(outbox) == (0, 0, 0, 0)


def test_one_that_waits_for_its_turn_is_withdrawn(outbox: Outbox) -> None:
    put(outbox, *(call(lane, lane, BIG) for lane in range(1, 7)))
    write(outbox)
    put(outbox, cancel(5))
    assert "5/5" not in (words := write_all(outbox))
    assert words[-1] == "6/5."


def test_a_call_that_is_written_gets_its_cancel(outbox: Outbox) -> None:
    put(outbox, call(1), call(2, 1, BIG))
    write_all(outbox)
    put(outbox, event("big", 0, BIG), cancel(1), cancel(2), cancel(3))
    assert write(outbox) == ["cancel 1", "cancel 2", "cancel 3"]


def test_events_and_replies_are_not_cancelled(outbox: Outbox) -> None:
    put(outbox, reply(1, 1, BIG), event("a", 1), call(1, 2, BIG), reply(1, 2))
    put(outbox, cancel(1))
    assert write_all(outbox)[-2:] == ["1/1.", "a"]


def test_a_reply_leaves_the_call_of_the_same_id_alone(outbox: Outbox) -> None:
    put(outbox, reply(1, 1, BIG), call(1, 2, 2 * BIG))
    words: list[str] = []
    while "1/1." not in words:
        words += write(outbox)
    put(outbox, cancel(1))
    assert write_all(outbox) == ["2/2!"]


# ---- receipts and marks ------------------------------------------------------------


def test_a_message_is_written_with_its_last_chunk(outbox: Outbox) -> None:
    big, behind, small = put(outbox, event("", 1, BIG), event("", 1), event(""))
    seen: list[tuple[bool, ...]] = []
    while outbox.has_unwritten():
        write(outbox)
        seen.append(tuple(map(outbox.was_written, (big, behind, small))))
    assert seen == [(False, False, True)] * 5 + [(True, True, True)]


def test_a_mark_is_settled_when_all_before_it_is_acked(outbox: Outbox) -> None:
    put(outbox, event("big", 1, BIG), event("a"))
    mark = outbox.mark()
    put(outbox, event("b", 1), event("c"))
    write(outbox, 5)
    outbox.ack(6)
    assert not outbox.settled(mark)
    write_all(outbox)
    assert not outbox.settled(mark)
    outbox.ack(7)
    assert outbox.settled(mark)
    assert outbox.acked < outbox.last


def test_a_mark_does_not_wait_for_what_comes_later(outbox: Outbox) -> None:
    put(outbox, event("", 1, BIG))
    mark = outbox.mark()
    put(outbox, event("", 2, BIG // 2))
    words = write_all(outbox)
    assert words[-1] == "1/1."
    outbox.ack(7)
    assert not outbox.settled(mark)
    outbox.ack(8)
    assert outbox.settled(mark)


def test_a_mark_where_nothing_waits(outbox: Outbox) -> None:
    assert outbox.settled(outbox.mark())
    put(outbox, event("a"))
    mark = outbox.mark()
    assert (mark.number, mark.waits) == (1, set())
    assert outbox.settled(Mark(0))


def test_what_is_withdrawn_settles_its_mark(outbox: Outbox) -> None:
    put(outbox, event("a"), call(1, 1, BIG))
    mark = outbox.mark()
    put(outbox, event("b"), cancel(1))
    write(outbox)
    outbox.ack(1)
    assert outbox.settled(mark)


def test_an_aborted_transfer_settles_its_mark(outbox: Outbox) -> None:
    put(outbox, call(1, 1, BIG))
    write(outbox)
    mark = outbox.mark()
    put(outbox, cancel(1))
    write_all(outbox)
    outbox.ack(1)
    assert not outbox.settled(mark)
    outbox.ack(2)
    assert outbox.settled(mark)


def test_64_mib_are_not_copied() -> None:
    outbox = Outbox(Limits())
    peer = Peer(features=frozenset({"chunks", "lanes"}))
    parcel = event("big", 1, 63 * MIB)
    outbox.put(parcel, peer)
    while outbox.has_unwritten():
        parts = outbox.take(256, 256 * KIB, acks=True)[1]
        views = [part for part in parts if isinstance(part, memoryview)]
        assert all(view.obj is parcel.data for view in views)
        assert sum(map(len, parts)) - sum(map(len, views)) < KIB
