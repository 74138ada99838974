"""Events that give way to newer ones of their channel."""

from __future__ import annotations

import gc

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.droppable import Droppable, Tombstone
from renderer.wire.errors import Overloaded, PayloadTooLarge
from renderer.wire.limits import MIB, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from tests.support.wires import event

LIMITS = Limits(window_messages=4, window_bytes=10_000, batch_bytes=1_024)
PEER = Peer(
    window_messages=4,
    window_bytes=10_000,
    max_frame_bytes=4_096,
    max_message_bytes=50_000,
    features=frozenset({"chunks", "lanes"}),
)


@pytest.fixture
def outbox() -> Outbox:
    """One that holds nothing back, as before a Goodbye."""
    outbox = Outbox(LIMITS)
    outbox.hold_nothing_back()
    return outbox


def on_lane(lane: int, channel: str, size: int = 0) -> Parcel:
    body = pb.Event(channel=channel, packed=bytes(size) if size else None)
    message = pb.Message(lane=lane, event=body).SerializeToString()
    return Parcel(message, counted=True, reply=False, lane=lane)


def drop(outbox: Outbox, *channels: str, size: int = 0, peer: Peer = PEER) -> list[int]:
    """Put droppable events; return how many went for each."""
    return [outbox.put_droppable(event(c, size), peer, c) for c in channels]


def write(outbox: Outbox, count: int = 100) -> tuple[int, list[pb.Message]]:
    first, parts = outbox.take(count, 10 * MIB, acks=True)
    return first, list(pb.StreamRequest.FromString(b"".join(parts)).messages)


def told(messages: list[pb.Message]) -> list[object]:
    """Return what messages say: channels of events, (channel, count) of what went."""
    return [
        (m.dropped.channel, m.dropped.count)
        if m.WhichOneof("kind") == "dropped"
        else m.event.channel
        for m in messages
    ]


# ---- what goes ---------------------------------------------------------------------


def test_the_oldest_of_the_channel_gives_way(outbox: Outbox) -> None:
    assert drop(outbox, "a", "b", "a", "c", "a") == [0, 0, 0, 0, 1]
    assert told(write(outbox)[1]) == [("a", 1), "b", "a", "c", "a"]
    assert (outbox.last, outbox.written, outbox.outstanding) == (5, 5, 4)


def test_while_there_is_room_nothing_goes(outbox: Outbox) -> None:
    assert drop(outbox, *"aaaa") == [0] * 4
    assert told(write(outbox)[1]) == list("aaaa")


def test_what_went_in_a_row_is_one_message(outbox: Outbox) -> None:
    drop(outbox, *"a" * 9)
    assert outbox.last == 9
    first, messages = write(outbox)
    assert (first, told(messages)) == (1, [("a", 5), *"aaaa"])
    assert outbox.written == 9
    assert outbox.ack(9)
    assert (outbox.outstanding, outbox.outstanding_bytes) == (0, 0)


def test_in_a_row_is_one_message_for_each_channel(outbox: Outbox) -> None:
    drop(outbox, *"abab" * 3)
    assert told(write(outbox)[1]) == [("a", 4), ("b", 4), *"abab"]


def test_what_stands_between_stays_where_it_was(outbox: Outbox) -> None:
    drop(outbox, "a")
    outbox.put(event("kept"), PEER)
    drop(outbox, *"aaaaa")
    assert told(write(outbox)[1]) == [("a", 1), "kept", ("a", 2), *"aaa"]


def test_nothing_that_is_written_goes(outbox: Outbox) -> None:
    drop(outbox, *"aa")
    write(outbox)
    assert drop(outbox, *"aaa") == [0, 0, 1]
    assert told(write(outbox)[1]) == [("a", 1), *"aa"]
    with pytest.raises(Overloaded, match="4 messages"):
        drop(outbox, "a")


def test_nothing_that_was_written_on_an_earlier_link_goes(outbox: Outbox) -> None:
    drop(outbox, *"aa")
    write(outbox)
    outbox.resume(0, confirmed=False)
    assert outbox.has_unwritten()
    drop(outbox, *"aaa")
    assert told(write(outbox)[1]) == ["a", "a", ("a", 1), "a", "a"]


def test_a_channel_of_which_nothing_waits_is_refused(outbox: Outbox) -> None:
    drop(outbox, *"aaaa")
    with pytest.raises(Overloaded):
        drop(outbox, "b")
    with pytest.raises(Overloaded):
        outbox.put(event("a"), PEER)
    assert outbox.last == 4
    assert told(write(outbox)[1]) == list("aaaa")


def test_many_small_ones_give_way_to_a_larger_one(outbox: Outbox) -> None:
    drop(outbox, *"aaa", size=3_000)
    assert drop(outbox, "a", size=4_000) == [2]
    assert drop(outbox, "a", size=3_000) == [1]
    assert outbox.outstanding_bytes <= PEER.window_bytes


def test_none_goes_in_vain(outbox: Outbox) -> None:
    outbox.put(event(size=3_900), PEER)
    outbox.put(event(size=3_900), PEER)
    drop(outbox, "a", size=1_000)
    with pytest.raises(Overloaded):
        drop(outbox, "a", size=3_000)
    assert outbox.unconfirmed == 3


def test_one_that_nobody_takes_makes_none_go(outbox: Outbox) -> None:
    drop(outbox, *"aaaa")
    with pytest.raises(PayloadTooLarge):
        drop(outbox, "a", size=50_000)
    assert told(write(outbox)[1]) == list("aaaa")


def test_without_acks_what_went_is_acked_when_it_is_written(outbox: Outbox) -> None:
    drop(outbox, *"a" * 9)
    outbox.take(100, MIB, acks=False)
    assert (outbox.acked, outbox.outstanding) == (9, 0)


# ---- memory ------------------------------------------------------------------------


def remembered() -> int:
    gc.collect()
    kinds = Parcel | Droppable | Tombstone
    return sum(isinstance(x, kinds) for x in gc.get_objects())


def test_nobody_holds_a_million_tombstones() -> None:
    outbox = Outbox(Limits())
    peer = Peer(window_messages=100)
    before = remembered()
    for _ in range(10_000):
        drop(outbox, *"ab", peer=peer)
    # The window, and what lies about before it is tidied up.
    assert remembered() - before < 2 * 100 + 2 * 1_024
    assert told(write(outbox)[1])[:3] == [("a", 9_950), ("b", 9_950), "a"]


def test_nothing_acked_is_remembered(outbox: Outbox) -> None:
    before = remembered()
    drop(outbox, *"a" * 9)
    write(outbox)
    outbox.ack(9)
    assert remembered() == before


# ---- acks and resumes --------------------------------------------------------------


def test_an_ack_may_end_within_a_row(outbox: Outbox) -> None:
    drop(outbox, *"a" * 9)
    write(outbox)
    outbox.ack(3)
    assert (outbox.acked, outbox.outstanding) == (3, 4)
    outbox.resume(3, confirmed=True)
    first, messages = write(outbox)
    assert (first, told(messages)) == (4, [("a", 2), *"aaaa"])
    outbox.ack(9)
    assert outbox.outstanding == 0


def test_a_replay_may_begin_within_a_row(outbox: Outbox) -> None:
    drop(outbox, *"a" * 9)
    write(outbox)
    outbox.resume(4, confirmed=True)
    first, messages = write(outbox)
    assert (first, told(messages)) == (5, [("a", 1), *"aaaa"])
    outbox.ack(4)
    assert outbox.outstanding == 4


def test_a_replay_says_the_same_and_what_goes_later_stands_apart(
    outbox: Outbox,
) -> None:
    drop(outbox, *"a" * 6)
    outbox.put(event("kept"), Peer())
    assert told(write(outbox, count=1)[1]) == [("a", 2)]
    outbox.resume(0, confirmed=False)
    drop(outbox, "a")
    assert told(write(outbox)[1])[:2] == [("a", 2), ("a", 2)]


# ---- lanes and large messages ------------------------------------------------------


def test_another_lane_is_no_matter(outbox: Outbox) -> None:
    gone = [outbox.put_droppable(on_lane(3, "a"), PEER, "a") for _ in range(5)]
    assert gone == [0, 0, 0, 0, 1]
    messages = write(outbox)[1]
    assert told(messages) == [("a", 1), *"aaaa"]
    assert {m.lane for m in messages[1:]} == {3}


def test_a_lane_that_the_peer_does_not_know_is_left_out(outbox: Outbox) -> None:
    outbox.put_droppable(on_lane(3, "a"), Peer(), "a")
    assert write(outbox)[1][0].lane == 0


def test_what_waits_behind_a_large_message_gives_way_too(outbox: Outbox) -> None:
    peer = Peer(
        window_messages=9,
        max_frame_bytes=4_096,
        features=frozenset({"chunks", "lanes"}),
    )
    outbox.put(event("large", size=5_000), peer)  # 5 chunks
    drop(outbox, *"aaaa", peer=peer)
    mark = outbox.mark()
    assert drop(outbox, *"aa", peer=peer) == [1, 1]
    outbox.put_droppable(on_lane(1, "b"), Peer(features=peer.features), "b")
    messages = list[pb.Message]()
    while outbox.has_unwritten():
        messages += write(outbox)[1]
    assert told([m for m in messages if not m.HasField("chunk")]) == [
        ("a", 2),
        "b",
        *"aaaa",
    ]
    assert not outbox.settled(mark)
    outbox.ack(outbox.last)
    assert outbox.settled(mark)
    assert (outbox.outstanding, outbox.outstanding_bytes) == (0, 0)


def test_what_no_longer_waits_behind_a_large_message_may_still_go(
    outbox: Outbox,
) -> None:
    peer = Peer(max_frame_bytes=4_096, features=PEER.features, window_messages=7)
    outbox.put(event("large", size=5_000), peer)
    drop(outbox, *"aa", peer=peer)
    while told(write(outbox, count=1)[1])[0] != "a":
        pass  # the chunks, and the first of those behind them
    assert drop(outbox, "a", peer=peer) == [1]
    assert told(write(outbox)[1]) == [("a", 1), "a"]


def test_a_newer_one_on_another_lane_may_be_written_first(outbox: Outbox) -> None:
    peer = Peer(
        window_messages=8,
        max_frame_bytes=4_096,
        features=frozenset({"chunks", "lanes"}),
    )
    outbox.put(event("large", size=5_000), peer)
    drop(outbox, "a", peer=peer)  # waits behind it
    outbox.put_droppable(on_lane(1, "a"), peer, "a")
    assert told(write(outbox, count=1)[1]) == ["a"]
    drop(outbox, "b", peer=peer)
    assert drop(outbox, "a", peer=peer) == [1]


def test_a_large_message_never_goes_but_others_go_for_it(outbox: Outbox) -> None:
    drop(outbox, "a", size=3_000)
    drop(outbox, "a", size=3_000)
    drop(outbox, "a", size=3_000)
    assert drop(outbox, "a", size=4_500) == [3]
    with pytest.raises(Overloaded):
        drop(outbox, "a", size=4_500)
