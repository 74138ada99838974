"""A few daemon threads that run jobs: for listeners and handlers with `thread=True`.

Not concurrent.futures: its threads would hold up the end of the interpreter, and its
queue has no bound.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import final

Job = Callable[[], None]


@final
class Workers:
    """Starts jobs in order, on at most so many threads; with one, they run in order.

    Args:
        name: of the threads.
        threads: how many there may be. They are started when needed.
        room: how many jobs may wait.
    """

    def __init__(self, name: str, *, threads: int, room: int) -> None:
        self._name = name
        self._most = threads
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(room)
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._stopped = False
        self._unfinished = 0
        self._finished = threading.Condition()

    def run(self, job: Job) -> None:
        """Put a job in the queue; wait while it is full. One thread may call this.

        Args:
            job: it must not raise. It is dropped if `stop` comes first.
        """
        self._room.acquire()
        if self._stopped:
            self._room.release()  # the next one shall not wait, either
            return
        with self._finished:
            self._unfinished += 1
        self._jobs.put(job)
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
            name = f"electron-ipc {self._name} {len(self._threads) + 1}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def rest(self, timeout: float) -> bool:
        """Wait until every job has ended or will never begin; return whether it is so.

        Args:
            timeout: seconds to wait.
        """
        with self._finished:
            return self._finished.wait_for(self._is_at_rest, timeout)

    def _is_at_rest(self) -> bool:
        return self._stopped or not self._unfinished

    def stop(self) -> None:
        """Begin no job any more; each thread ends after the one that it runs."""
        self._stopped = True
        self._room.release()
        for _ in range(self._most):
            self._jobs.put(None)
        with self._finished:
            self._finished.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None and not self._stopped:
            self._room.release()
            job()
            del job
            with self._finished:
                self._unfinished -= 1
                self._finished.notify_all()

    def _next(self) -> Job | None:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            self._idle.release()
            return self._jobs.get()


__all__ = ("Job", "Workers")
