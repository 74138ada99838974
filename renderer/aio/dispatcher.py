"""What runs on an event loop when main sends something: listeners and handlers."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from types import CoroutineType
from typing import Any, Final, NamedTuple, Protocol, final

from renderer.aio.tasks import STARTS_AT_ONCE, start
from renderer.asked import Asked, reply_with
from renderer.reports import Reports
from renderer.wire import messages
from renderer.wire.errors import IpcError, IpcTimeout, quote
from renderer.wire.events import Arrived
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.listeners import NO_AWAITABLES, ListenerTable, Registration
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default
from renderer.workers import Job, Workers

logger = logging.getLogger("ipc.renderer")

_HANDLER_THREADS: Final = 32
_TURN: Final = 256
"""Messages after which the program's other tasks get the loop."""
_LONGEST_BRAKE: Final = 0.1
"""Seconds without an ack after which dispatch goes on although main is behind."""
_RAISED: Final = (Exception, asyncio.CancelledError)
"""What a plain function may raise: one that looks at a cancelled future lets that out.
SystemExit and KeyboardInterrupt end the program."""


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


class _Running(NamedTuple):
    """A handler that runs as a task."""

    task: asyncio.Task[None]
    timer: asyncio.TimerHandle | None


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
        self._asked = Asked(line.answer)
        self._queue: deque[Arrived] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[int, _Running] = {}  # of these, the handlers
        self._jobs = 0  # on threads
        self._limit = DEFAULT_LIMITS.max_running
        self._dispatching = False
        self._scheduled = False  # something goes on soon, and nothing before it
        self._stopped = False
        self._closer: asyncio.Task[Any] | None = None  # maybe one of the handlers
        self._brake: asyncio.TimerHandle | None = None
        self._braked_enough = False
        # The limit keeps their queues short: `run` must never wait here.
        self._in_order = Workers("listener", threads=1, room=sys.maxsize)
        self._at_once = Workers("handler", threads=_HANDLER_THREADS, room=sys.maxsize)

    # ---- from the connection ---------------------------------------------------------

    def arrived(self, event: Arrived) -> None:
        """Take an event or a call; `advance` dispatches it."""
        if self._stopped:
            return
        if event.kind == "call":
            self._asked.arrived(event)
        elif self._reports.tap is not None:
            self._reports.tap(event)
        self._queue.append(event)

    def cancelled(self, id: int) -> None:
        """Answer a call that main no longer waits for, and stop its handler."""
        running = self._running.get(id)
        if running is None:
            self._asked.cancelled(id)
        else:
            self._asked.cancel(id)
            running.task.cancel()

    def acked(self) -> None:
        """Note that main catches up; `advance` makes use of it."""
        self._braked_enough = False
        self._release_brake()

    @property
    def is_through(self) -> bool:
        """All that arrived has been dispatched."""
        return not (self._queue or self._scheduled or self._dispatching)

    @property
    def is_idle(self) -> bool:
        """Besides, nothing of it runs any more."""
        return self.is_through and not (self._tasks or self._jobs)

    def is_current(self) -> bool:
        """Tell whether a listener or handler asks that runs as a task."""
        return asyncio.current_task() in self._tasks

    def stop(self) -> None:
        """Begin nothing any more, and cancel the handlers: nobody hears the results."""
        self._stopped = True
        self._closer = self._closer or asyncio.current_task()
        self._queue.clear()
        self.abandon()
        self._release_brake()

    def abandon(self) -> None:
        """Cancel the handlers that run: main is gone."""
        for running in tuple(self._running.values()):
            if running.task is not self._closer:
                running.task.cancel()

    def end(self) -> None:
        """Let the threads end after what they run."""
        self.stop()
        self._in_order.stop()
        self._at_once.stop()
        self._let_next()

    def run_hook(self, hook: Callable[[], object]) -> None:
        """Call a function of the program's, plain or async."""
        try:
            result = hook()
        except Exception:
            logger.exception("a callback raised")
            return
        if inspect.isawaitable(result):
            self._start(_await_hook(result), result)

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
        for _ in range(_TURN):
            if not queue or self._must_wait():
                return
            if dispatch(queue.popleft()) and not STARTS_AT_ONCE:
                # The task runs to its first await in the loop's next turn.
                self._schedule(self._consume_and_advance)
                return
            consume()
        self._schedule(self.advance)

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
        if (self._tasks or self._jobs) and (
            len(self._tasks) + self._jobs >= self._limit
        ):
            return True
        if self._braked_enough or not self._line.is_crowded:
            return False
        if self._brake is None:
            self._brake = self._loop.call_later(_LONGEST_BRAKE, self._end_brake)
        return True

    def _end_brake(self) -> None:
        self._brake = None
        self._braked_enough = True
        self.advance()

    def _release_brake(self) -> None:
        if self._brake is not None:
            self._brake.cancel()
            self._brake = None

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
        if self._asked.is_waiting(event.message.id):
            return self._ask(event.message.id, event)
        return False

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
                self._run(self._in_order, job)
            else:
                started |= self._call(listener, args)
        return started

    def _call(self, listener: Registration, args: Sequence[Any]) -> bool:
        try:
            result = listener.fn(*args)
        except _RAISED as error:
            self._reports.failed(listener, args, error)
            return False
        if type(result) in NO_AWAITABLES or not inspect.isawaitable(result):
            return False
        running = self._await_listener(listener, args, result)
        return self._start(running, result) is not None

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

    # ---- calls -----------------------------------------------------------------------

    def _ask(self, id: int, event: Arrived) -> bool:
        served = self._asked.served_by(event, self._table)
        if served is None:
            return False
        handler, args = served
        if handler.thread:
            job = partial(self._handle_on_thread, id, handler, args)
            self._run(self._at_once, job)
            return False
        return self._handle(id, handler, args)

    def _handle(self, id: int, handler: Registration, args: Sequence[Any]) -> bool:
        left = self._asked.left(id)
        if not self._asked.begin(id):
            return False
        try:
            result = handler.fn(*args)
        except _RAISED as error:
            self._failed(id, handler, args, error)
            return False
        if type(result) in NO_AWAITABLES or not inspect.isawaitable(result):
            self._asked.answer(id, self._reply(id, handler, args, result))
            return False
        task = self._start(self._await_handler(id, handler, args, result), result)
        if task is None:
            return False
        timer = None
        if left is not None:
            timer = self._loop.call_later(left, self._expire, id, handler.channel)
        self._running[id] = _Running(task, timer)
        task.add_done_callback(partial(self._handler_ended, id))
        return True

    async def _await_handler(
        self,
        id: int,
        handler: Registration,
        args: Sequence[Any],
        running: Awaitable[Any],
    ) -> None:
        try:
            result = await running
        except asyncio.CancelledError as error:
            # By us: it has its reply. Otherwise the handler did that itself.
            reply = messages.raised(id, error, lane=self._asked.lane(id))
            self._asked.answer(id, reply)
        except Exception as error:
            self._failed(id, handler, args, error)
        else:
            self._asked.answer(id, self._reply(id, handler, args, result))

    def _handler_ended(self, id: int, _: asyncio.Task[None]) -> None:
        timer = self._running.pop(id).timer
        if timer is not None:
            timer.cancel()

    def _expire(self, id: int, channel: str) -> None:
        text = f"{quote(channel)} took longer than its caller waits"
        self._asked.refuse(id, IpcTimeout(text))
        self._running[id].task.cancel()

    def _handle_on_thread(
        self, id: int, handler: Registration, args: Sequence[Any]
    ) -> None:
        if not self._asked.begin(id):
            return
        try:
            result = handler.fn(*args)
        except BaseException as error:  # there is nobody else to see it on a thread
            reply = self._failure(id, handler, args, error)
        else:
            reply = self._reply(id, handler, args, result)
        self._there(self._asked.answer, id, reply)

    def _reply(
        self, id: int, handler: Registration, args: Sequence[Any], result: object
    ) -> Parcel:
        try:
            packed, lane = self._line.packed, self._asked.lane(id)
            return reply_with(id, result, self._default, packed=packed, lane=lane)
        except Exception as error:
            return self._failure(id, handler, args, error)

    def _failure(
        self,
        id: int,
        handler: Registration,
        args: Sequence[Any],
        error: BaseException,
    ) -> Parcel:
        raised = self._reports.failed(handler, args, error)
        lane = self._asked.lane(id)
        return messages.raised(id, raised, self._default, lane=lane)

    def _failed(
        self,
        id: int,
        handler: Registration,
        args: Sequence[Any],
        error: BaseException,
    ) -> None:
        self._asked.answer(id, self._failure(id, handler, args, error))

    # ---- tasks and threads -----------------------------------------------------------

    def _start(
        self, coroutine: Coroutine[Any, Any, None], awaits: Awaitable[object]
    ) -> asyncio.Task[None] | None:
        """Run a coroutine as a task; return it unless it has ended already."""
        task = start(self._hold(coroutine), self._loop)
        if task.done():
            self._tasks.discard(task)
            return None
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        if not STARTS_AT_ONCE:
            # Cancelled before they began, they would warn that nobody awaited them.
            for held in filter(inspect.iscoroutine, (coroutine, awaits)):
                task.add_done_callback(partial(_close, held))
        return task

    async def _hold(self, coroutine: Coroutine[Any, Any, None]) -> None:
        # It may ask where it runs before `start` has returned.
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        await coroutine

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.advance()

    def _run(self, workers: Workers, job: Job) -> None:
        self._jobs += 1
        workers.run(partial(self._run_there, job))

    def _run_there(self, job: Job) -> None:
        try:
            job()
        finally:
            self._there(self._job_ended)

    def _job_ended(self) -> None:
        self._jobs -= 1
        self.advance()

    def _there(self, fn: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            pass  # the loop is closed: nobody waits


async def _await_hook(running: Awaitable[Any]) -> None:
    try:
        await running
    except Exception:
        logger.exception("a callback raised")


def _close(held: CoroutineType[Any, Any, Any], _: object) -> None:
    held.close()


__all__ = ("AioDispatcher", "Line")
