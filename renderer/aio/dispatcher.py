"""What runs on an event loop when main sends something: listeners and handlers."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, final

from renderer.aio.crew import Crew
from renderer.aio.handlers import RAISED, AioHandlers
from renderer.aio.tasks import STARTS_AT_ONCE
from renderer.reports import Reports
from renderer.wire import messages
from renderer.wire.brake import Brake
from renderer.wire.errors import IpcError
from renderer.wire.events import Arrived
from renderer.wire.limits import DEFAULT_LIMITS, LONGEST_TURN, LOOK_AT_CLOCK_EVERY
from renderer.wire.listeners import NO_AWAITABLES, ListenerTable, Registration
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default

logger = logging.getLogger("ipc.renderer")

_TURN: Final = 256
"""Messages after which the program's other tasks get the loop, however quick."""

Notice = Callable[[], object]
"""A function of the program's that is told of the connection."""


class Line(Protocol):
    """What a dispatcher needs of the connection that it serves."""

    @property
    def is_crowded(self) -> bool:
        """Main is behind with what it is sent."""
        ...

    @property
    def packed(self) -> bool:
        """Main reads packed values."""
        ...

    def consume(self) -> None:
        """Count the oldest message that was handed over as consumed."""
        ...

    def answer(self, parcel: Parcel) -> None:
        """Send a reply; it is lost if the session is over."""
        ...

    def paused(self) -> None:
        """Nothing more is dispatched for now, or something has ended."""
        ...


@final
class _Told(NamedTuple):
    """Functions to call between two messages."""

    notices: tuple[Notice, ...]


@final
class AioDispatcher:
    """Runs the listeners and handlers of one connection, in the order of messages.

    The next message is dispatched when the listeners before have returned or, if they
    are `async def`, run to their first await. It waits besides while so much runs that
    nothing more should be begun, and for a moment while main is behind with what it is
    sent: a listener that answers each message would overrun its window.

    Args:
        table: the listeners and handlers.
        reports: told of what they raise.
        line: the connection.
        loop: the loop that they run on.
        default: converts results that cannot be sent.
        before: the dispatcher of an earlier connection; what it has comes first.
    """

    def __init__(
        self,
        table: ListenerTable,
        reports: Reports,
        line: Line,
        loop: asyncio.AbstractEventLoop,
        *,
        default: Default | None = None,
        before: AioDispatcher | None = None,
    ) -> None:
        self._table = table
        self._reports = reports
        self._line = line
        self._loop = loop
        self._default = default
        self._before = before
        self._after: AioDispatcher | None = None
        if before is not None:
            before._after = self  # noqa: SLF001 - one of us
        self._crew = Crew(loop, self.advance)
        self._handlers = self._new_handlers()
        self._queue: deque[Arrived | _Told] = deque()
        self._limit = DEFAULT_LIMITS.max_running
        self._dispatching = False
        self._scheduled = False  # something goes on soon, and nothing before it
        self._stopped = False
        self._brake = Brake(loop.call_later, self.advance)

    def _new_handlers(self) -> AioHandlers:
        return AioHandlers(
            self._table,
            self._reports,
            self._line,
            self._loop,
            self._crew,
            self._default,
        )

    # ---- from the connection ---------------------------------------------------------

    def arrived(self, event: Arrived) -> None:
        """Take an event or a call; `advance` dispatches it."""
        if self._stopped:
            return
        if event.kind == "call":
            self._handlers.arrived(event)
        elif self._reports.tap is not None:
            self._reports.tap(event)
        self._queue.append(event)

    def told(self, notices: Sequence[Notice]) -> None:
        """Call functions of the program's, plain or async, when it is their turn."""
        if notices and not self._stopped:
            self._queue.append(_Told(tuple(notices)))

    def cancelled(self, id: int) -> None:
        """Answer a call that main no longer waits for, and stop its handler."""
        self._handlers.cancelled(id)

    def start_over(self) -> None:
        """Give up main's calls: their session is lost, and a new one begins.

        What arrived on the old one is dispatched all the same, but for calls.
        """
        for place, item in enumerate(self._queue):
            if type(item) is Arrived and item.kind == "call":
                self._queue[place] = _Told((self._line.consume,))
        self._handlers.lose()
        self._handlers = self._new_handlers()

    def acked(self) -> None:
        """Note that main catches up; `advance` makes use of it."""
        self._brake.acked()

    @property
    def is_through(self) -> bool:
        """All that arrived has been dispatched."""
        return not (self._queue or self._scheduled or self._dispatching)

    @property
    def is_idle(self) -> bool:
        """Besides, nothing of it runs any more."""
        return self.is_through and not (self._crew.tasks or self._crew.jobs)

    def is_current(self) -> bool:
        """Tell whether a listener or handler asks that runs as a task."""
        return asyncio.current_task() in self._crew.tasks

    def stop(self) -> None:
        """Begin nothing any more, and cancel the handlers: nobody hears the results."""
        self._stopped = True
        self._handlers.spare_closer()
        self._queue.clear()
        self.abandon()
        self._brake.release()

    def abandon(self) -> None:
        """Cancel the handlers that run: main is gone."""
        self._handlers.abandon()

    def end(self) -> None:
        """Let the threads end after what they run."""
        self.stop()
        self._crew.stop()
        self._let_next()

    def run_hook(self, hook: Notice) -> bool:
        """Call a function of the program's; return whether that started a task."""
        try:
            result = hook()
        except Exception:
            logger.exception("a callback raised")
            return False
        if not inspect.isawaitable(result):
            return False
        return self._crew.start(_await_hook(result), result) is not None

    # ---- one after the other ---------------------------------------------------------

    def advance(self) -> None:
        """Dispatch what can be dispatched now."""
        if self._scheduled or self._dispatching:
            return
        if self._queue:
            self._dispatching = True
            try:
                self._take_turn()
            finally:
                self._dispatching = False
        if self._after is not None:
            self._let_next()
        self._line.paused()

    def _take_turn(self) -> None:
        # Once for each message: what does not change meanwhile is looked up before.
        queue, dispatch, consume = self._queue, self._dispatch, self._line.consume
        clock = self._loop.time
        until = clock() + LONGEST_TURN
        look = 1
        for count in range(1, _TURN + 1):
            if not queue or self._must_wait():
                return
            item = queue.popleft()
            if type(item) is _Told:
                if self._tell_program(item):
                    return
            elif dispatch(item) and not STARTS_AT_ONCE:
                # The task runs to its first await in the loop's next turn.
                self._schedule(self._consume_and_advance)
                return
            else:
                consume()
            if count == look:
                look += min(count, LOOK_AT_CLOCK_EVERY)
                if clock() > until:
                    break
        self._schedule(self.advance)

    def _tell_program(self, told: _Told) -> bool:
        """Call functions; return whether what follows has to wait for them."""
        started = False
        for notice in told.notices:
            started |= self.run_hook(notice)
        if started and not STARTS_AT_ONCE:
            self._schedule(self.advance)
            return True
        return False

    def _schedule(self, step: Callable[[], None]) -> None:
        self._scheduled = True
        self._loop.call_soon(self._go_on, step)

    def _go_on(self, step: Callable[[], None]) -> None:
        self._scheduled = False
        step()

    def _consume_and_advance(self) -> None:
        self._line.consume()
        self.advance()

    def _must_wait(self) -> bool:
        if self._before is not None:
            return True
        crew = self._crew
        if (crew.tasks or crew.jobs) and len(crew.tasks) + crew.jobs >= self._limit:
            return True
        return self._line.is_crowded and self._brake.holds()

    def _let_next(self) -> None:
        if self._after is not None and self.is_through:
            after, self._after = self._after, None
            after._before = None  # noqa: SLF001 - one of us
            after.advance()

    def _dispatch(self, event: Arrived) -> bool:
        """Dispatch a message; return whether that started a task."""
        if event.kind == "event":
            body = event.message.event
            channel = body.channel
            try:
                args = messages.read_args(body)
            except IpcError as error:
                self._reports.raised("listener", channel, error)
                return False
            listeners = self._table.take(channel)
            if len(listeners) == 1 and not listeners[0].thread:
                return self._call(listeners[0], args)
            return self._tell(channel, listeners, args)
        return self._handlers.begin(event)

    # ---- events ----------------------------------------------------------------------

    def _tell(
        self, channel: str, listeners: Sequence[Registration], args: Sequence[Any]
    ) -> bool:
        if not listeners:
            self._reports.not_heard(channel)
        started = False
        for listener in listeners:
            if listener.thread:
                job = partial(self._call_on_thread, listener, args)
                self._crew.run_in_order(job)
            else:
                started |= self._call(listener, args)
        return started

    def _call(self, listener: Registration, args: Sequence[Any]) -> bool:
        try:
            result = listener.fn(*args)
        except RAISED as error:
            self._reports.failed(listener, args, error)
            return False
        if type(result) in NO_AWAITABLES or not inspect.isawaitable(result):
            return False
        running = self._await_listener(listener, args, result)
        return self._crew.start(running, result) is not None

    async def _await_listener(
        self, listener: Registration, args: Sequence[Any], running: Awaitable[Any]
    ) -> None:
        try:
            await running
        except Exception as error:
            self._reports.failed(listener, args, error)

    def _call_on_thread(self, listener: Registration, args: Sequence[Any]) -> None:
        try:
            listener.fn(*args)
        except BaseException as error:  # there is nobody else to see it on a thread
            self._reports.failed(listener, args, error)


async def _await_hook(running: Awaitable[Any]) -> None:
    try:
        await running
    except Exception:
        logger.exception("a callback raised")


__all__ = ("AioDispatcher", "Line", "Notice")
