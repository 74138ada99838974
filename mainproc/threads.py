"""Threads for listeners and handlers with `thread=True`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import final

Job = Callable[[], object]


@final
class Threads:
    """At most so many daemon threads, started when they are needed.

    Not concurrent.futures: its threads hold up the end of the process for as long as
    a handler of the user's likes to run.

    Args:
        name: of the threads.
        most: how many there may be.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0  # threads that wait, less the jobs that are theirs already
        self._count = 0
        self._stopped = False

    def run(self, job: Job) -> None:
        """Run a job that never raises, as soon as a thread is free; from any thread.

        After `stop` nothing is run.
        """
        with self._lock:
            if self._stopped:
                return
            self._idle -= 1
            start = self._idle < 0 and self._count < self._most
            self._count += start
            number = self._count
        self._jobs.put(job)
        if start:
            name = f"{self._name}-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def stop(self) -> None:
        """Let each thread end after what it is running."""
        with self._lock:
            self._stopped = True
        for _ in range(self._count):
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            if job is None:
                return
            job()
            del job  # its event must not live on while this thread waits
