"""Events that may be given up are held back while half of the window is on its way."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from renderer.wire.limits import MIB, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from renderer.wire.state import State
from tests.support.wires import Pair, event, reply
from tests.unit.renderer.wire.test_droppable import LIMITS, drop, told, write


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(LIMITS)


WIDE = Peer(window_messages=10, window_bytes=10_000, max_frame_bytes=4_096)


def fill(outbox: Outbox, count: int, size: int = 0) -> None:
    """Put droppable events one by one, and write each at once if it may go."""
    for _ in range(count):
        drop(outbox, "a", size=size, peer=WIDE)
        if outbox.has_unwritten():
            write(outbox)


@pytest.mark.parametrize(
    ("size", "written"), [(0, 5), (900, 5), (1_200, 5), (1_700, 3)]
)
def test_half_of_the_window_is_held_back(
    outbox: Outbox, size: int, written: int
) -> None:
    fill(outbox, 20, size)
    assert outbox.written == written
    assert outbox.holds_back
    assert drop(outbox, "a", size=size, peer=WIDE) == [1], "there is one to give up"


def test_acks_let_go_what_is_held_back(outbox: Outbox) -> None:
    fill(outbox, 20)
    assert not outbox.has_unwritten()
    outbox.ack(2)
    assert told(write(outbox)[1]) == [("a", 10), *"aa"]
    assert outbox.holds_back
    outbox.ack(17)
    assert told(write(outbox)[1]) == [*"aaa"]
    assert outbox.written == outbox.last


def test_whatever_is_put_behind_takes_it_along(outbox: Outbox) -> None:
    fill(outbox, 9)
    assert not outbox.has_unwritten()
    outbox.put(reply(), WIDE)
    assert not outbox.holds_back
    assert len(write(outbox)[1]) == 5
    fill(outbox, 1)
    assert outbox.holds_back


def test_what_is_put_between_does_not_wait_for_what_follows(outbox: Outbox) -> None:
    fill(outbox, 9)
    assert outbox.holds_back
    outbox.put(reply(), WIDE)
    drop(outbox, "a", peer=WIDE)
    assert not outbox.holds_back
    assert outbox.has_unwritten()


def test_who_does_not_ack_gets_all(outbox: Outbox) -> None:
    for _ in range(20):
        drop(outbox, "a", peer=WIDE)
        outbox.take(100, MIB, acks=False)
    assert outbox.acked == 20


def test_what_a_cut_may_have_lost_is_not_held_back(outbox: Outbox) -> None:
    fill(outbox, 9)
    outbox.resume(2, confirmed=True)
    assert outbox.has_unwritten()
    assert len(write(outbox)[1]) == 3
    assert outbox.holds_back, "the peer has five again"
    drop(outbox, *"aaa", peer=WIDE)
    assert outbox.holds_back
    outbox.hold_nothing_back()
    assert told(write(outbox)[1]) == [("a", 2), *"aaaaa"]


def test_a_tombstone_in_front_is_held_back_with_the_rest(outbox: Outbox) -> None:
    fill(outbox, 20)
    assert outbox.holds_back
    outbox.ack(1)
    write(outbox, count=1)
    assert not outbox.holds_back
    outbox.resume(5, confirmed=True)
    assert not outbox.holds_back, "it was written before"
    assert told(write(outbox)[1]) == [("a", 10), "a"]
    assert outbox.holds_back


@pytest.mark.parametrize(
    ("size", "fit", "written"), [(0, 10, 5), (900, 10, 5), (1_700, 5, 3)]
)
def test_a_batch_is_no_more_than_half_of_a_small_window(
    outbox: Outbox, size: int, fit: int, written: int
) -> None:
    drop(outbox, *"a" * fit, size=size, peer=WIDE)
    assert told(write(outbox)[1]) == ["a"] * written
    assert outbox.holds_back
    assert drop(outbox, *"a" * 9, size=size, peer=WIDE) == [1] * 9
    outbox.ack(written)
    assert told(write(outbox)[1]) == [("a", 9), *"a" * (fit - written)]


def test_a_batch_takes_along_what_others_wait_behind(outbox: Outbox) -> None:
    drop(outbox, *"aaaa", peer=WIDE)
    outbox.put(event("kept"), WIDE)
    drop(outbox, *"aaaa", peer=WIDE)
    assert told(write(outbox)[1]) == [*"aaaa", "kept"]
    assert outbox.holds_back
    outbox.put(event("kept"), WIDE)
    assert told(write(outbox)[1]) == [*"aaaa", "kept"]


def test_a_row_of_what_went_waits_with_the_rest(outbox: Outbox) -> None:
    drop(outbox, *"aaaaa", *"bb", *"aaa", peer=WIDE)
    assert drop(outbox, *"bb", peer=WIDE) == [1, 1]
    assert told(write(outbox)[1]) == [*"aaaaa"]
    assert drop(outbox, "b", peer=WIDE) == [1]
    outbox.ack(1)
    assert told(write(outbox)[1]) == [("b", 2), "a"]


@given(st.integers(2, 9), st.lists(st.sampled_from("dddwa"), max_size=60))
def test_of_one_channel_there_is_always_one_to_give_up(window: int, does: str) -> None:
    outbox, peer = Outbox(LIMITS), Peer(window_messages=window)
    for what in does:
        if what == "d":
            drop(outbox, "a", peer=peer)  # never raises Overloaded
        elif what == "a":
            outbox.ack((outbox.acked + outbox.written + 1) // 2)
        elif outbox.has_unwritten():
            assert write(outbox)[1]
    while outbox.acked < outbox.last:
        if outbox.has_unwritten():
            assert write(outbox)[1]
        else:
            assert outbox.acked < outbox.written, "an ack will come"
        outbox.ack(outbox.written)
    assert outbox.outstanding == 0


# ---- in a session ------------------------------------------------------------------


class Held(Pair):
    """Main has sent what may be dropped, and the renderer has consumed nothing."""

    def __init__(self) -> None:
        super().__init__(renderer=Limits(window_messages=8))
        self.open()
        for _ in range(8):
            self.send()
            self.flow()
        assert self.main.outbox.holds_back

    def send(self) -> None:
        self.main.outbox.put_droppable(event("news"), self.main.peer, "news")


def test_acks_do_not_wait_for_what_is_held_back() -> None:
    pair = Held()
    pair.renderer.put(event())
    pair.renderer.request_ack()
    pair.flow()
    pair.main.consume()
    pair.flow()
    assert pair.renderer.outbox.acked == 1
    assert pair.main.outbox.holds_back


def test_a_goodbye_goes_behind_what_is_held_back() -> None:
    pair = Held()
    pair.main.goodbye()
    pair.flow()
    assert pair.renderer.inbox.received == 8
    assert pair.renderer.state is State.DRAINING


def test_who_holds_back_in_a_part_of_a_window_asks_for_acks() -> None:
    """The peer does not know how little of it is used, and would take its time."""
    pair = Pair(main=Limits(window_messages=8))
    pair.open()
    assert pair.main.peer.narrowed

    def send(parcel: Parcel) -> None:
        if parcel is news:
            pair.main.outbox.put_droppable(news, pair.main.peer, "news")
        else:
            pair.main.put(parcel)
        pair.flow()

    def consume(count: int) -> None:
        for _ in range(count):
            pair.renderer.consume()
        pair.flow()

    news, kept = event("news"), event("kept")
    for parcel in [news] * 4 + [kept] * 4:
        send(parcel)  # with the fourth it asks for an ack
    consume(4)
    assert pair.main.outbox.acked == 4
    send(news)
    assert pair.main.outbox.holds_back, "four are on their way"
    consume(4)
    assert pair.main.outbox.acked == 8
    assert pair.main.outbox.written == 9
