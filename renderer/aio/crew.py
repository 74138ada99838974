"""What listeners and handlers run on: tasks of an event loop, and threads beside it."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from types import CoroutineType
from typing import Any, Final, final

from renderer.aio.tasks import STARTS_AT_ONCE, start
from renderer.workers import Job, Workers

_HANDLER_THREADS: Final = 32


@final
class Crew:
    """The tasks and threads of one connection's dispatcher.

    Args:
        loop: the loop.
        on_end: called there when one of them is through.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_end: Callable[[], object]
    ) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        """Those that run."""
        self.jobs = 0
        """What runs on threads, or waits for one."""
        self._loop = loop
        self._on_end = on_end
        # The dispatcher's limit keeps their queues short: `run` must never wait here.
        self._in_order = Workers("listener", threads=1, room=sys.maxsize)
        self._at_once = Workers("handler", threads=_HANDLER_THREADS, room=sys.maxsize)

    def start(
        self,
        coroutine: Coroutine[Any, Any, None],
        awaits: Awaitable[object],
        context: Context | None = None,
    ) -> asyncio.Task[None] | None:
        """Run a coroutine as a task; return it unless it has ended already.

        Args:
            coroutine: what to run.
            awaits: what it will await.
            context: what it runs in; None for a copy of the present one.
        """
        task = start(self._hold(coroutine), self._loop, context)
        if task.done():
            self.tasks.discard(task)
            return None
        self.tasks.add(task)
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
            self.tasks.add(task)
        await coroutine

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._on_end()

    def run_in_order(self, job: Job) -> None:
        """Run a job on a thread, after those that were given here before."""
        self._run(self._in_order, job)

    def run_at_once(self, job: Job) -> None:
        """Run a job on a thread as soon as one is free."""
        self._run(self._at_once, job)

    def _run(self, workers: Workers, job: Job) -> None:
        self.jobs += 1
        workers.run(partial(self._run_there, job))

    def _run_there(self, job: Job) -> None:
        try:
            job()
        finally:
            self.tell_loop(self._job_ended)

    def _job_ended(self) -> None:
        self.jobs -= 1
        self._on_end()

    def tell_loop(self, fn: Callable[..., object], *args: object) -> None:
        """Call a function on the loop, from a thread."""
        try:
            self._loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            pass  # the loop is closed: nobody waits

    def stop(self) -> None:
        """Let the threads end after what they run."""
        self._in_order.stop()
        self._at_once.stop()


def _close(held: CoroutineType[Any, Any, Any], _: object) -> None:
    held.close()


__all__ = ("Crew",)
