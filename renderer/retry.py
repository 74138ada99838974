"""When to try again, and for how long: plain sequences, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, final

from renderer.carrier import LinkBroken, NoHandshake
from renderer.wire.errors import IpcError
from renderer.wire.link import Fate
from renderer.wire.session import Session

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0

FIRST_ATTEMPT_S: Final = 2.0
LONGEST_ATTEMPT_S: Final = 10.0


def backoff(
    draw: Callable[[], float], *, first: float = FIRST_S, longest: float = LONGEST_S
) -> Iterator[float]:
    """Yield the seconds to wait before each attempt, without end.

    Exponential with full jitter: each is drawn at random below a bound that doubles, so
    that a thousand renderers that lost their main together do not return together.

    Args:
        draw: returns a random number in [0, 1), as `random.random`.
        first: seconds below which the first is drawn.
        longest: seconds beyond which the bound does not grow.
    """
    bound = first
    while True:
        yield draw() * bound
        bound = min(2 * bound, longest)


@final
class Backoff:
    """The pauses of one session: they grow until a link was a good one.

    Not until there is a link: a main that welcomes and then cuts, for whatever reason,
    would be asked again and again without a pause.

    Args:
        draw: returns a random number in [0, 1), as `random.random`.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._pauses = backoff(draw)

    def next_pause(self) -> float:
        """Return the seconds to wait before the next attempt."""
        return next(self._pauses)

    def link_ended(self, lasted: float, *, moved: bool) -> None:
        """Begin anew, if the link that has ended was a good one.

        Args:
            lasted: the seconds from its Welcome to its end.
            moved: messages have arrived on it, on either side.
        """
        if moved or lasted >= LONGEST_S:
            self._pauses = backoff(self._draw)


def session_moves(session: Session) -> tuple[int, int]:
    """Return how far a session is: what has arrived here, and at main."""
    return session.inbox.received, session.outbox.acked


def may_help(broken: IpcError | None, *, mortal: bool) -> bool:
    """Tell whether another link may do better after one that ended like this.

    Args:
        broken: how it ended; None: without a status.
        mortal: the address of main ends with it: where nobody answers, nobody will.
    """
    if isinstance(broken, LinkBroken):
        gone = mortal and broken.outcome == "not-sent"
        final = broken.fate is Fate.GIVE_UP and not isinstance(broken, NoHandshake)
        return not (final or gone)
    return broken is None


def attempts(
    *, first: float = FIRST_ATTEMPT_S, longest: float = LONGEST_ATTEMPT_S
) -> Iterator[float]:
    """Yield the seconds that each attempt may take, without end.

    A connection may be swallowed before anybody can notice: the next one may do better.
    A main that is busy, or far away, gets more time from one to the next.

    Args:
        first: seconds for the first.
        longest: seconds beyond which they do not grow.
    """
    limit = first
    while True:
        yield min(limit, longest)
        limit = min(2 * limit, longest)


__all__ = ("Backoff", "attempts", "backoff", "may_help", "session_moves")
