"""Calls something when its time has come. One thread for all, and none until needed."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
from collections.abc import Callable
from time import monotonic
from typing import final


@final
class Clock:
    """Runs short jobs, each at its time or a little later, on a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may call what it interrupted
        self._jobs: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()  # jobs of the same time are not compared
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def call_at(self, when: float, job: Callable[[], object]) -> None:
        """Run a job at a time of the monotonic clock; never, if stopped before.

        Raises:
            RuntimeError: the interpreter is ending and starts no thread any more.
        """
        with self._lock:
            if self._stopped:
                return
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name="electron-ipc clock", daemon=True
                )
                thread.start()
                self._thread = thread
            heapq.heappush(self._jobs, (when, next(self._count), job))
            first = self._jobs[0][0] == when
        if first:
            self._bell.put(None)

    def stop(self) -> None:
        """Run nothing any more, and end the thread."""
        with self._lock:
            self._stopped = True
            self._jobs.clear()
        self._bell.put(None)

    def join(self) -> None:
        """Wait for the thread after `stop`."""
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            job, wait = self._next()
            if job is not None:
                job()
                continue
            try:
                self._bell.get(timeout=wait)
            except queue.Empty:
                pass  # it is time

    def _next(self) -> tuple[Callable[[], object] | None, float | None]:
        with self._lock:
            if not self._jobs:
                return None, None
            wait = self._jobs[0][0] - monotonic()
            if wait > 0:
                return None, wait
            return heapq.heappop(self._jobs)[2], None


__all__ = ("Clock",)
