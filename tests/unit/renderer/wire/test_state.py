from itertools import product

import pytest

from renderer.wire.errors import LocalProtocolError
from renderer.wire.state import (
    ACCEPTS_MESSAGES,
    KEPT,
    RECEIVES,
    TRANSITIONS,
    Input,
    State,
    move,
)

LEGAL = {(state, what) for state, moves in TRANSITIONS.items() for what in moves}


@pytest.mark.parametrize(
    ("state", "what"), sorted(LEGAL, key=str), ids=lambda part: part.value
)
def test_a_legal_move_leads_where_the_table_says(state: State, what: Input) -> None:
    assert move(state, what) is TRANSITIONS[state][what]


def test_any_other_move_is_refused() -> None:
    for state, what in set(product(State, Input)) - LEGAL:
        with pytest.raises(LocalProtocolError) as error:
            move(state, what)
        assert (
            str(error.value) == f"a session that is {state.value} cannot {what.value}"
        )


def test_nothing_leaves_closed() -> None:
    assert TRANSITIONS[State.CLOSED] == {}


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS) == set(State)
    reached = {state for moves in TRANSITIONS.values() for state in moves.values()}
    assert reached == set(State)
    assert all(
        moves for state, moves in TRANSITIONS.items() if state is not State.CLOSED
    )


def test_every_input_means_something() -> None:
    assert {what for _, what in LEGAL} == set(Input)


def test_whoever_said_or_heard_goodbye_puts_no_messages() -> None:
    assert {State.CLOSING, State.DRAINING, State.CLOSED}.isdisjoint(ACCEPTS_MESSAGES)


def test_a_session_is_kept_where_a_cut_detaches_it() -> None:
    assert {state for state, moves in TRANSITIONS.items() if Input.CUT in moves} | {
        State.DETACHED
    } == KEPT


def test_frames_mean_something_only_between_hello_and_the_peers_goodbye() -> None:
    assert {
        state for state, moves in TRANSITIONS.items() if Input.HEAR_GOODBYE in moves
    } == RECEIVES
