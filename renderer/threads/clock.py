"""Calls something when its time has come. One thread for all, and none until needed."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, final

Job = Callable[[], object]

_MOST_CANCELLED: Final = 1_000


@final
class Alarm:
    """A job and its time."""

    __slots__ = ("job", "when")

    def __init__(self, when: float, job: Job) -> None:
        self.when = when
        self.job: Job | None = job


@final
class Clock:
    """Runs short jobs, each at its time or a little later, on a thread of its own."""

    def __init__(self) -> None:
        # A signal handler may call what it interrupted.
        self._lock = threading.RLock()
        # The number keeps alarms of the same time from being compared.
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._count = itertools.count()
        self._cancelled = 0  # of these
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def call_at(self, when: float, job: Job) -> Alarm:
        """Run a job at a time of the monotonic clock; never, if stopped before.

        Raises:
            RuntimeError: the interpreter is ending and starts no thread any more.
        """
        alarm = Alarm(when, job)
        with self._lock:
            if self._stopped:
                return alarm
            if self._thread is None:
                name = "electron-ipc clock"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                thread.start()
                self._thread = thread
            heapq.heappush(self._alarms, (when, next(self._count), alarm))
            first = self._alarms[0][2] is alarm
        if first:
            self._bell.put(None)
        return alarm

    def call_later(self, seconds: float, job: Job) -> Alarm | None:
        """Run a job after so many seconds; never, if stopped before.

        Returns:
            None if the interpreter is ending: whoever ends it keeps the time.
        """
        try:
            return self.call_at(monotonic() + seconds, job)
        except RuntimeError:
            return None

    def cancel(self, alarm: Alarm) -> None:
        """Do not run a job after all."""
        with self._lock:
            alarm.job = None
            self._cancelled += 1
            # Most calls are answered long before their time is over.
            if self._cancelled > max(_MOST_CANCELLED, len(self._alarms) // 2):
                self._alarms = [entry for entry in self._alarms if entry[2].job]
                heapq.heapify(self._alarms)
                self._cancelled = 0

    def stop(self) -> None:
        """Run nothing any more, and end the thread."""
        with self._lock:
            self._stopped = True
            self._alarms.clear()
        self._bell.put(None)

    def __len__(self) -> int:
        return len(self._alarms)

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

    def _next(self) -> tuple[Job | None, float | None]:
        """Return the job whose time has come, or how long there is to wait."""
        with self._lock:
            while self._alarms:
                when, _, alarm = self._alarms[0]
                if alarm.job is not None and when > (now := monotonic()):
                    return None, when - now
                heapq.heappop(self._alarms)
                if alarm.job is not None:
                    return alarm.job, None
                self._cancelled = max(0, self._cancelled - 1)
        return None, None


__all__ = ("Alarm", "Clock")
