"""The states of a session: one table for both ends.

Theory of operation
===================

A session is NEW until a link carries it. Attaching a link makes it OPENING: a
renderer has said Hello and waits for Welcome, main has said Welcome and waits for
the renderer's next frame. That answer *confirms* the session: OPEN.

A cut (the link ended and nobody said Goodbye) leads to one of three places, and the
session, not this table, knows which: back to NEW when nothing was established yet
(CUT_EARLY), to DETACHED when both ends agreed to resume (CUT), to CLOSED otherwise
(CUT_FINAL). From DETACHED a new link leads through OPENING again, and time leads to
CLOSED (EXPIRE). A link may also be attached while an older one still seems alive:
the higher attempt wins.

Goodbye ends a session in two steps, because each end has messages of the other to
finish. Who said it first is CLOSING and reads on; who heard it first is DRAINING,
consumes what it has, and answers. The answer closes both.

Two rules keep this honest. Everything that decides what is legal *when* stands in
the table. And the table does not know which end it serves: a rule that held for one
role only would let the ends disagree about where they are.
"""

from __future__ import annotations

import enum
from typing import Final

from renderer.wire.errors import LocalProtocolError


class State(enum.Enum):
    """Where a session is in its life."""

    # Each member is there once, and is looked for in sets with every message. Enum's
    # own hash is written in Python.
    __hash__ = object.__hash__

    NEW = "new"
    """No link has carried it yet, or none got as far as Welcome."""
    OPENING = "opening"
    """A link is attached; the other end's answer to our greeting is outstanding."""
    OPEN = "open"
    """Both ends know the session."""
    DETACHED = "detached"
    """The link is gone, the session is kept for a new one."""
    DRAINING = "draining"
    """The other end said Goodbye; what it sent before is still being consumed."""
    CLOSING = "closing"
    """We said Goodbye and read on."""
    CLOSED = "closed"
    """Over."""


class Input(enum.Enum):
    """What moves a session from state to state."""

    ATTACH = "attach"
    CONFIRM = "confirm"
    CUT = "cut"
    CUT_EARLY = "cut early"
    CUT_FINAL = "cut for good"
    EXPIRE = "expire"
    SAY_GOODBYE = "say goodbye"
    HEAR_GOODBYE = "hear goodbye"
    BREAK = "break off"
    """The peer broke the contract, or asks too much: over at once, with a Goodbye."""


TRANSITIONS: Final[dict[State, dict[Input, State]]] = {
    State.NEW: {
        Input.ATTACH: State.OPENING,
        Input.SAY_GOODBYE: State.CLOSED,
        Input.BREAK: State.CLOSED,
    },
    State.OPENING: {
        Input.ATTACH: State.OPENING,
        Input.CONFIRM: State.OPEN,
        Input.CUT: State.DETACHED,
        Input.CUT_EARLY: State.NEW,
        Input.CUT_FINAL: State.CLOSED,
        Input.SAY_GOODBYE: State.CLOSING,
        Input.HEAR_GOODBYE: State.DRAINING,
        Input.BREAK: State.CLOSED,
    },
    State.OPEN: {
        Input.ATTACH: State.OPENING,
        Input.CUT: State.DETACHED,
        Input.CUT_FINAL: State.CLOSED,
        Input.SAY_GOODBYE: State.CLOSING,
        Input.HEAR_GOODBYE: State.DRAINING,
        Input.BREAK: State.CLOSED,
    },
    State.DETACHED: {
        Input.ATTACH: State.OPENING,
        Input.EXPIRE: State.CLOSED,
        Input.SAY_GOODBYE: State.CLOSED,
        Input.BREAK: State.CLOSED,
    },
    State.DRAINING: {
        Input.CUT_FINAL: State.CLOSED,
        Input.SAY_GOODBYE: State.CLOSED,
        Input.BREAK: State.CLOSED,
    },
    State.CLOSING: {
        Input.CUT_FINAL: State.CLOSED,
        Input.HEAR_GOODBYE: State.CLOSED,
        Input.BREAK: State.CLOSED,
    },
    State.CLOSED: {},
}
"""Legal moves. What is not here is a bug of the caller, and changes nothing."""

ACCEPTS_MESSAGES: Final = frozenset(
    {State.NEW, State.OPENING, State.OPEN, State.DETACHED}
)
"""States in which the application may put messages on the session."""

KEPT: Final = frozenset({State.OPENING, State.OPEN, State.DETACHED})
"""States in which a session can outlive its link."""

RECEIVES: Final = frozenset({State.OPENING, State.OPEN, State.CLOSING})
"""States in which a frame of the current link means anything."""


def move(state: State, what: Input) -> State:
    """Return the state that `what` leads to from `state`.

    Raises:
        LocalProtocolError: the move is not in the table.
    """
    try:
        return TRANSITIONS[state][what]
    except KeyError:
        message = f"a session that is {state.value} cannot {what.value}"
        raise LocalProtocolError(message) from None
