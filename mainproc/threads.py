"""Threads for listeners and handlers with `thread=True`."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, final

Job = Callable[[], object]

_BEYOND: Final = 4
"""So many times as many threads there may be when renderers would have none."""


@final
class _Share:
    """What one owner has: jobs that wait, and threads.

    Args:
        owner: whose it is.
    """

    __slots__ = ("jobs", "owner", "running", "unclaimed")

    def __init__(self, owner: object) -> None:
        self.owner: Final = owner
        self.jobs: deque[Job] = deque()
        """They begin in this order, whichever thread comes first."""
        self.unclaimed = 0
        """So many of them no thread is on its way for."""
        self.running = 0
        """Threads that run one of its jobs, or are on their way."""


@final
class _Worker:
    """A thread that waits. Only this one takes from its inbox."""

    __slots__ = ("inbox",)

    def __init__(self) -> None:
        self.inbox: Final[queue.SimpleQueue[_Share | None]] = queue.SimpleQueue()


@final
class Threads:
    """Daemon threads, started when they are needed, in fair shares.

    A thread that is free goes to an owner who has none, then to the others in turn. If
    all are taken, an owner who has none gets one more all the same, up to four times as
    many: one owner's jobs, however long they take, never hold up those of the others.

    Not concurrent.futures: its threads hold up the end of the process for as long as
    a handler of the user's likes to run.

    Args:
        name: of the threads.
        most: how many there may be, but for owners who have none.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._shares: dict[object, _Share] = {}  # of those that have any jobs
        self._turns: deque[_Share] = deque()  # those with jobs that are unclaimed
        self._idle: list[_Worker] = []
        self._count = 0
        self._started = 0
        self._stopped = False

    def run(self, job: Job, owner: object = None) -> None:
        """Run a job that never raises, as soon as a thread is free; from any thread.

        After `stop` nothing is run.

        Args:
            job: what to run.
            owner: whose it is. One owner's jobs begin in order.

        Raises:
            RuntimeError: it needs one more thread, which could not be started. It is
                forgotten; what runs or waits goes on.
        """
        with self._lock:
            if self._stopped:
                return
            share = self._shares.get(owner)
            if share is None:
                share = self._shares[owner] = _Share(owner)
            share.jobs.append(job)
            if self._idle:
                share.running += 1
                self._idle.pop().inbox.put(share)
                return
            if not self._may_start(share):
                share.unclaimed += 1
                if share.unclaimed == 1:
                    self._turns.append(share)
                return
            self._start(share)

    def stop(self) -> None:
        """Let each thread end after what it runs, and what was to run before this."""
        with self._lock:
            self._stopped = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.inbox.put(None)

    def _may_start(self, share: _Share) -> bool:
        if self._count < self._most:
            return True
        return not share.running and self._count < self._most * _BEYOND

    def _start(self, share: _Share) -> None:
        """Start a thread for the last job, under the lock: nobody else may take it."""
        share.running += 1
        self._count += 1
        self._started += 1
        name = f"{self._name}-{self._started}"
        thread = threading.Thread(
            target=self._work, args=(share,), name=name, daemon=True
        )
        try:
            thread.start()
        except Exception:
            self._count -= 1
            share.jobs.pop()
            self._leave(share)
            raise

    def _work(self, share: _Share | None) -> None:
        worker = _Worker()
        while share is not None:
            with self._lock:
                job = share.jobs.popleft()
            job()
            del job  # its event must not live on while this thread waits
            with self._lock:
                self._leave(share)
                share = self._next()
                if share is None:
                    if self._stopped or self._count > self._most:
                        self._count -= 1
                        return
                    self._idle.append(worker)
            if share is None:
                share = worker.inbox.get()

    def _leave(self, share: _Share) -> None:
        share.running -= 1
        if not share.running and not share.jobs:
            del self._shares[share.owner]

    def _next(self) -> _Share | None:
        """Claim a job for a thread that is free; tell whose."""
        # Who has a thread is passed over: there are no more of those than threads.
        index = next((i for i, s in enumerate(self._turns) if not s.running), 0)
        if not self._turns:
            return None
        share = self._turns[index]
        if share.running and self._count > self._most:
            return None  # this thread is there for those who have none
        del self._turns[index]
        share.running += 1
        share.unclaimed -= 1
        if share.unclaimed:
            self._turns.append(share)
        return share
