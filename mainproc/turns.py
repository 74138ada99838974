"""The order in which one renderer's messages are dispatched: one after the other."""

from __future__ import annotations

import heapq
import itertools
from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, final

from mainproc.home import Home
from mainproc.work import Work
from renderer.wire.events import Arrived
from renderer.wire.session import Session

_LONGEST_TURN: Final = 0.005
"""Seconds after which other renderers get the loop, however much waits here."""
_LOOK_AT_CLOCK_EVERY: Final = 32
_LONGEST_BRAKE: Final = 0.1
"""Seconds without an ack after which dispatch goes on although the window is full."""


@final
class Turns:
    """Messages that wait for dispatch, and the reasons for which they may wait.

    The next message begins when the one before is consumed. It waits besides while too
    much runs for this renderer (sync messages do not: their callers may hold up the
    very replies that would make room), and while the renderer is behind with what it
    is sent but catches up.

    Args:
        home: main's loop.
        session: where messages come from.
        work: what runs for this renderer.
        begin: dispatches a message; returns whether the next one must wait for a turn
            of the loop, so that tasks start in order.
        on_pause: called after a turn: when nothing more is dispatched for now.
    """

    def __init__(
        self,
        home: Home,
        session: Session,
        work: Work,
        *,
        begin: Callable[[Arrived], bool],
        on_pause: Callable[[], object],
    ) -> None:
        self._home = home
        self._session = session
        self._work = work
        self._begin = begin
        self._on_pause = on_pause
        self._queue: deque[Arrived] = deque()
        # Sync messages outside the stream: (number to wait for, order, begin).
        self._unary: list[tuple[int, int, Callable[[], bool]]] = []
        self._order = itertools.count()
        self._calls: set[int] = set()  # ids of calls in the queue …
        self._cancelled: set[int] = set()  # … and of those nobody waits for
        self._scheduled = False  # `_go_on` is called soon, and nothing before it
        self._brake: TimerHandle | None = None
        self._braked_enough = False
        self._stopped = False
        self.dispatching = False
        """A listener or handler is being called right now."""

    @property
    def waiting(self) -> bool:
        """Something still waits for its turn."""
        return bool(self._queue) or self._scheduled

    def feed(self, arrived: Iterable[Arrived]) -> None:
        """Queue messages in their order, and dispatch what can be."""
        if self._stopped:
            return
        for message in arrived:
            self._queue.append(message)
            if message.kind == "call":
                self._calls.add(message.message.id)
        self.advance()

    def cancel(self, id: int) -> bool:
        """Never begin a call that waits here; return whether it does."""
        if id not in self._calls:
            return False
        self._cancelled.add(id)
        return True

    def is_cancelled(self, id: int) -> bool:
        """Tell whether a call that is to begin was cancelled; forget it."""
        self._calls.discard(id)
        if id not in self._cancelled:
            return False
        self._cancelled.remove(id)
        return True

    def feed_unary(self, after: int, begin: Callable[[], bool]) -> None:
        """Begin a sync message when all numbers up to `after` are consumed."""
        heapq.heappush(self._unary, (after, next(self._order), begin))
        self.advance()

    def acked(self) -> None:
        """Note that the renderer catches up."""
        self._braked_enough = False
        self._release_brake()
        self.advance()

    def stop(self) -> None:
        """Dispatch nothing more; what waits here will never be consumed."""
        self._stopped = True
        self._queue.clear()
        self._unary.clear()
        self._release_brake()

    def advance(self) -> None:
        """Dispatch what can be dispatched now."""
        if self._scheduled or self.dispatching:
            return
        clock = self._home.loop.time
        until = clock() + _LONGEST_TURN
        self.dispatching = True
        try:
            count = 0
            while self._dispatch_next():
                count += 1
                if count % _LOOK_AT_CLOCK_EVERY == 0 and clock() > until:
                    self._schedule(self.advance)
                    break
        finally:
            self.dispatching = False
        self._on_pause()

    def _dispatch_next(self) -> bool:
        if self._unary and self._unary[0][0] <= self._session.inbox.ack:
            started = heapq.heappop(self._unary)[2]()
            if started:
                self._schedule(self.advance)
            return not started
        if self._stopped or not self._queue or self._must_wait(self._queue[0]):
            return False
        if self._begin(self._queue.popleft()):
            self._schedule(self._consume_and_advance)
            return False
        self._session.consume()
        return True

    def _schedule(self, step: Callable[[], None]) -> None:
        self._scheduled = True
        self._home.loop.call_soon(self._go_on, step)

    def _go_on(self, step: Callable[[], None]) -> None:
        self._scheduled = False
        step()

    def _consume_and_advance(self) -> None:
        self._session.consume()
        self.advance()

    def _must_wait(self, arrived: Arrived) -> bool:
        if self._work.full and not arrived.is_sync:
            return True
        if self._braked_enough or not self._session.congested:
            return False
        if self._brake is None:
            loop = self._home.loop
            self._brake = loop.call_later(_LONGEST_BRAKE, self._end_brake)
        return True

    def _end_brake(self) -> None:
        self._brake = None
        self._braked_enough = True
        self.advance()

    def _release_brake(self) -> None:
        if self._brake is not None:
            self._brake.cancel()
            self._brake = None
