"""The order in which one renderer's messages are dispatched: one after the other."""

from __future__ import annotations

import heapq
import itertools
from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, final

from mainproc.home import Home
from mainproc.sessions.aside import Read
from mainproc.sessions.rate import Pace, Rate
from mainproc.sessions.unary import UnaryCall
from mainproc.work import Work
from renderer.wire.brake import Brake
from renderer.wire.events import Arrived
from renderer.wire.limits import LONGEST_TURN, LOOK_AT_CLOCK_EVERY, Limits
from renderer.wire.messages import read_args
from renderer.wire.session import Session

_HELD_TOO_LONG: Final = 1.0
"""Seconds after which somebody is told that messages wait for what runs."""


class _Unary(NamedTuple):
    """A sync message outside the stream that waits for its turn."""

    call: UnaryCall
    size: int
    begin: Callable[[], bool]


@final
class Turns:
    """Messages that wait for dispatch, and the reasons for which they may wait.

    The next message begins when the one before is consumed. It waits besides while too
    much runs for this renderer, and while the renderer is behind with what it is sent
    but catches up.

    Sync messages are not kept waiting by what runs, nor is anything before them: their
    callers may hold up the very events and replies that would make room. That, too, has
    an end, at four times as much.

    Args:
        home: main's loop.
        session: where messages come from.
        work: what runs for this renderer.
        begin: dispatches a message, whose arguments the function beside it returns;
            returns whether the next one must wait for a turn of the loop, so that tasks
            start in order.
        put_aside: has a large message read, which then comes back to `begin_read`; or
            returns false: it is not that large, or must be read at once all the same.
        on_pause: called after a turn: when nothing more is dispatched for now.
        on_held: called once, when messages have waited a second because so much runs.
        on_hasty: called once, when messages wait because too many came in a second.
    """

    def __init__(
        self,
        home: Home,
        session: Session,
        work: Work,
        *,
        begin: Callable[[Arrived, Read], bool],
        put_aside: Callable[[Arrived], bool],
        on_pause: Callable[[], object],
        on_held: Callable[[], object],
        on_hasty: Callable[[], object],
    ) -> None:
        self._home = home
        self._session = session
        self._work = work
        self._begin = begin
        self._put_aside = put_aside
        self._on_pause = on_pause
        self._on_held = on_held
        self._held: TimerHandle | None = None  # the timer for `on_held`; started once
        self._pace: Pace | None = None
        if session.limits.max_rate is not None:
            rate = Rate(session.limits.max_rate, home.loop.time())
            self._pace = Pace(home, rate, on_due=self.advance, on_hasty=on_hasty)
        self._queue: deque[Arrived] = deque()
        # Sync messages outside the stream: (number to wait for, order, what waits).
        self._unary: list[tuple[int, int, _Unary]] = []
        self._unary_bytes = 0
        self._order = itertools.count()
        self._calls: dict[int, float] = {}  # in the queue: id, time of arrival
        self._cancelled: set[int] = set()  # those of them that nobody waits for
        self._syncs = 0  # sync messages in the queue
        self._scheduled = False  # `_go_on` is called soon, and nothing before it
        self._reading = False  # the next one comes by `begin_read`
        self._brake = Brake(home.loop.call_later, self.advance)
        self._stopped = False
        self.dispatching = False
        """A listener or handler is being called right now."""

    @property
    def waiting(self) -> bool:
        """Something still waits for its turn."""
        return bool(self._queue) or self._scheduled or self._reading

    def put(self, arrived: Arrived, now: float) -> None:
        """Queue a message behind the others; `advance` dispatches it.

        Args:
            arrived: the message.
            now: the loop's time at which it arrived.
        """
        if self._stopped:
            return
        self._queue.append(arrived)
        if arrived.kind == "call":
            self._calls[arrived.message.id] = now
            self._syncs += arrived.is_sync

    def cancel(self, id: int) -> None:
        """Never begin a call that waits here, if it does."""
        if id in self._calls:
            self._cancelled.add(id)

    def take_call(self, id: int) -> tuple[float, bool]:
        """Return when a call that is to begin arrived, and whether it was cancelled."""
        at = self._calls.pop(id, None)
        if at is None:  # another one of this id was before it in the queue
            at = self._home.loop.time()
        if not self._cancelled or id not in self._cancelled:
            return at, False
        self._cancelled.discard(id)
        return at, True

    def admits_unary(self, size: int, limits: Limits) -> bool:
        """Tell whether one more sync message outside the stream may wait here."""
        return (
            len(self._unary) < limits.max_running
            and self._unary_bytes + size <= limits.window_bytes
        )

    def put_unary(
        self, after: int, call: UnaryCall, size: int, begin: Callable[[], bool]
    ) -> None:
        """Begin a sync message when all numbers up to `after` are consumed."""
        if self._stopped:
            call.abandon()
            return
        waiting = _Unary(call, size, begin)
        heapq.heappush(self._unary, (after, next(self._order), waiting))
        self._unary_bytes += size
        self.advance()

    def forget_unary(self, call: UnaryCall) -> None:
        """Let a sync message that nobody waits for any more wait no longer."""
        for entry in self._unary:
            if entry[2].call is call:
                self._unary.remove(entry)
                heapq.heapify(self._unary)
                self._unary_bytes -= entry[2].size
                self.advance()
                return

    def acked(self) -> None:
        """Note that the renderer catches up; `advance` makes use of it."""
        self._brake.acked()

    def stop(self) -> None:
        """Dispatch nothing more; what waits here will never be consumed."""
        self._stopped = True
        self._reading = False
        self._queue.clear()
        self._calls.clear()
        self._cancelled.clear()
        self._syncs = 0
        self._brake.release()
        if self._held is not None:
            self._held.cancel()
        if self._pace is not None:
            self._pace.stop()
        unary, self._unary, self._unary_bytes = self._unary, [], 0
        for _, _, waiting in unary:
            waiting.call.abandon()

    def advance(self) -> None:
        """Dispatch what can be dispatched now."""
        if self._scheduled or self.dispatching:
            return
        if (self._queue or self._unary) and not self._reading:
            self.dispatching = True
            try:
                self._take_turn()
            finally:
                self.dispatching = False
        self._on_pause()

    def _take_turn(self) -> None:
        # Once for each message: what does not change meanwhile is looked up before.
        queue, session, begin = self._queue, self._session, self._begin
        work, clock = self._work, self._home.loop.time
        consume = session.inbox.consume  # no other session ever takes its place here
        pace = self._pace
        until = clock() + LONGEST_TURN
        count, look = 0, 1
        while True:
            if self._unary and self._unary[0][0] <= session.inbox.ack:
                if (pace is not None and pace.holds()) or not self._begin_unary():
                    return
            elif (
                not queue
                or ((work.full or session.congested) and self._must_wait())
                or (pace is not None and pace.holds())
            ):
                return
            else:
                arrived = queue.popleft()
                if self._syncs and arrived.is_sync:
                    self._syncs -= 1
                if arrived.large and self._put_aside(arrived):
                    self._reading = True
                    return
                if begin(arrived, read_args):
                    self._schedule(self._consume_and_advance)
                    return
                consume()
            count += 1
            if count == look:
                look += min(count, LOOK_AT_CLOCK_EVERY)
                if clock() > until:
                    self._schedule(self.advance)
                    return

    def begin_read(self, arrived: Arrived, read: Read) -> None:
        """Dispatch a message that was put aside to be read."""
        if self._stopped:
            return
        self._reading = False
        self.dispatching = True
        try:
            self._begin(arrived, read)
        finally:
            self.dispatching = False
        # What was read must not live on while the next ones are dispatched.
        self._schedule(self._consume_and_advance)

    def _begin_unary(self) -> bool:
        waiting = heapq.heappop(self._unary)[2]
        self._unary_bytes -= waiting.size
        started = waiting.begin()
        if started:
            self._schedule(self.advance)
        return not started

    def _schedule(self, step: Callable[[], None]) -> None:
        self._scheduled = True
        self._home.loop.call_soon(self._go_on, step)

    def _go_on(self, step: Callable[[], None]) -> None:
        self._scheduled = False
        step()

    def _consume_and_advance(self) -> None:
        self._session.consume()
        self.advance()

    def _must_wait(self) -> bool:
        if self._work.full and self._is_held():
            return True
        return self._session.congested and self._brake.holds()

    def _is_held(self) -> bool:
        if (self._syncs or self._unary) and not self._work.overfull:
            return False
        if self._held is None:
            loop = self._home.loop
            self._held = loop.call_later(_HELD_TOO_LONG, self._still_held)
        return True

    def _still_held(self) -> None:
        if self._queue and self._work.full:
            self._on_held()
