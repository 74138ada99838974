"""What runs for one renderer: tasks, thread jobs, calls that are not settled."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from mainproc.home import Home
from mainproc.threads import Job, Threads

if TYPE_CHECKING:
    from mainproc.calls import Call

STARTS_AT_ONCE: Final = sys.version_info >= (3, 12)
"""A new task runs to its first await before `Work.start` returns."""

_OVERFULL: Final = 4

serving: Final[contextvars.ContextVar[object]] = contextvars.ContextVar(
    "serving", default=None
)
"""The renderer on whose behalf a task or thread job of main runs."""


class Work:
    """Tasks, thread jobs and open calls of one renderer.

    Args:
        home: main's loop.
        owner: what `serving` says inside the tasks and jobs.
        handlers: threads for jobs that run concurrently.
        listeners: threads for jobs that run in order. Not the same ones: a listener may
            be what all the handlers wait for.
        limit: how much may run at once before `full`.
        on_room: called on the loop when something has ended or a call is settled.
    """

    def __init__(
        self,
        home: Home,
        owner: object,
        *,
        handlers: Threads,
        listeners: Threads,
        limit: int,
        on_room: Callable[[], object],
    ) -> None:
        self.calls: dict[object, Call] = {}
        """Calls without reply, by their key."""
        self.full = False
        """So much runs that nothing more should be begun."""
        self._home = home
        self._owner = owner
        self._base: contextvars.Context | None = None  # from the first one on
        self._handlers = handlers
        self._listeners = listeners
        self._limit = limit
        self._on_room = on_room
        self._running: dict[object, str] = {}  # tasks and tickets of jobs: channels
        self._abandoned = False
        self._in_order: deque[tuple[object, Job]] | None = None  # tickets, jobs
        self._order_lock = threading.Lock()
        self._order_running = False

    @property
    def running(self) -> int:
        """How many tasks and jobs there are."""
        return len(self._running)

    @property
    def channels(self) -> set[str]:
        """The channels of messages for which something runs, or a reply is due."""
        # Copies at once: somebody may ask on another thread, because this one is held.
        waiting = [call.channel for call in list(self.calls.values())]
        return {*self._running.values(), *waiting}

    @property
    def overfull(self) -> bool:
        """So much runs that nothing more may be begun, for whatever reason."""
        return self.running >= self._limit * _OVERFULL

    @property
    def idle(self) -> bool:
        """Nothing runs."""
        return not self._running

    def start(
        self,
        coroutine: Coroutine[Any, Any, None],
        channel: str,
        awaits: Awaitable[object],
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[None]:
        """Run a coroutine that never raises, and hold it until it has ended.

        Args:
            coroutine: what to run.
            channel: what it is for.
            awaits: what it awaits; closed if it is cancelled before that begins.
            context: what it runs in, made of `context`; None for a new one.
        """
        context = self.context() if context is None else context.copy()
        loop = self._home.loop
        if sys.version_info >= (3, 12):
            task = asyncio.Task(coroutine, loop=loop, context=context, eager_start=True)
        else:
            task = asyncio.Task(coroutine, loop=loop, context=context)
        if not task.done():
            self._note(task, channel)
            task.add_done_callback(self._ended)
            if inspect.iscoroutine(awaits) and not STARTS_AT_ONCE:
                # Otherwise it would warn that nobody has awaited it.
                task.add_done_callback(lambda _: awaits.close())
        return task

    def run(self, job: Job, channel: str) -> None:
        """Run a job that never raises on a thread; jobs run concurrently.

        Raises:
            RuntimeError: no thread can be started for it.
        """
        ticket, job = self._admit(job, channel)
        try:
            self._handlers.run(job, self._owner)
        except RuntimeError:
            self._drop(ticket)
            raise

    def run_in_order(self, job: Job, channel: str) -> None:
        """Run a job that never raises on a thread, after the last such job.

        Raises:
            RuntimeError: no thread can be started for it.
        """
        ticket, job = self._admit(job, channel)
        with self._order_lock:
            if self._in_order is None:
                self._in_order = deque()
            self._in_order.append((ticket, job))
            if self._order_running:
                return
            self._order_running = True
        try:
            self._listeners.run(self._run_ordered, self._owner)
        except RuntimeError:
            with self._order_lock:
                self._in_order = None  # it was the only one: nothing was running
                self._order_running = False
            self._drop(ticket)
            raise

    def watch(self, call: Call) -> None:
        """Keep a call that is not settled, so that it can be cancelled."""
        if self._abandoned:  # by its own handler, which has closed the renderer
            call.abandon()
            return
        self.calls[call.key] = call
        call.on_settled = self._forget
        call.watch()

    def abandon(self) -> None:
        """Cancel all calls and their handlers: the renderer is gone.

        Listeners of plain messages run on to their end, as in Electron.
        """
        self._abandoned = True
        for call in list(self.calls.values()):
            call.abandon()

    def cancel(self) -> None:
        """Cancel every task, and forget the thread jobs that have not begun."""
        self.abandon()
        with self._order_lock:
            for ticket, _ in self._in_order or ():
                del self._running[ticket]
            self._in_order = None
        for running in list(self._running):
            if isinstance(running, asyncio.Task):
                running.cancel()

    def _forget(self, call: Call) -> None:
        self.calls.pop(call.key, None)
        self._on_room()

    def _admit(self, job: Job, channel: str) -> tuple[object, Job]:
        ticket = object()  # not the job itself: nothing here may keep its event alive
        context = self.context()

        def run() -> None:
            context.run(job)
            self._home.call(self._ended, ticket)

        self._note(ticket, channel)
        return ticket, run

    def context(self) -> contextvars.Context:
        """Return what a task or job begins with."""
        if self._base is None:
            self._base = contextvars.copy_context()
            self._base.run(serving.set, self._owner)
        return self._base.copy()

    def _note(self, what: object, channel: str) -> None:
        self._running[what] = channel
        self.full = self.running >= self._limit

    def _run_ordered(self) -> None:
        # One job a turn, so that no renderer keeps a thread of the pool to itself, but
        # where there are no others to be had.
        while self._run_next():
            try:
                self._listeners.run(self._run_ordered, self._owner)
            except RuntimeError:
                continue
            return

    def _run_next(self) -> bool:
        """Run the next job in order; tell whether there are more."""
        with self._order_lock:
            job = self._in_order.popleft()[1] if self._in_order else None
        if job is not None:
            job()
            del job  # its event must not live on until the next one
        with self._order_lock:
            if self._in_order:
                return True
            self._order_running = False
            return False

    def _ended(self, what: object) -> None:
        self._drop(what)
        self._on_room()

    def _drop(self, what: object) -> None:
        self._running.pop(what, None)
        self.full = self.running >= self._limit
