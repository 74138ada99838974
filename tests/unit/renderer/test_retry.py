"""When to try again."""

from __future__ import annotations

from itertools import islice

from renderer.retry import LONGEST_S, Backoff, attempts, backoff, session_moves
from tests.support.wires import Pair, event


def test_the_bound_doubles_up_to_the_longest() -> None:
    pauses = list(islice(backoff(lambda: 1.0), 9))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_each_pause_is_drawn_anew_below_the_bound() -> None:
    draws = iter([0.0, 0.5, 0.25])
    pauses = list(islice(backoff(draws.__next__, first=1.0, longest=2.0), 3))
    assert pauses == [0.0, 1.0, 0.5]


def test_the_longest_may_be_shorter_than_the_first_doubled() -> None:
    assert list(islice(backoff(lambda: 1.0, first=1.0, longest=1.5), 3)) == [
        1.0,
        1.5,
        1.5,
    ]


def test_each_attempt_may_take_longer_than_the_one_before() -> None:
    assert list(islice(attempts(), 5)) == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert list(islice(attempts(first=3.0, longest=1.0), 2)) == [1.0, 1.0]


def test_links_that_come_to_nothing_do_not_shorten_the_pauses() -> None:
    pauses = Backoff(lambda: 1.0)
    assert [pauses.next_pause(), pauses.next_pause()] == [0.1, 0.2]
    pauses.link_ended(LONGEST_S / 2, moved=False)
    assert pauses.next_pause() == 0.4
    pauses.link_ended(0.0, moved=True)
    assert [pauses.next_pause(), pauses.next_pause()] == [0.1, 0.2]
    pauses.link_ended(LONGEST_S, moved=False)
    assert pauses.next_pause() == 0.1


def test_a_session_moves_by_what_arrives_on_either_side() -> None:
    pair = Pair()
    pair.open()
    moves = session_moves(pair.renderer)
    pair.main.put(event())
    pair.flow()
    assert session_moves(pair.renderer) != moves
    moves = session_moves(pair.renderer)
    pair.renderer.put(event())
    pair.renderer.request_ack()
    pair.flow()
    pair.main.consume()
    pair.flow()
    assert session_moves(pair.renderer) != moves
