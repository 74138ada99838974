"""Threads in fair shares."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from mainproc.threads import Threads
from tests.support.processes import PATIENCE
from tests.support.scarcity import no_more_threads


class Jobs:
    """Jobs that run until they are let go, and what has begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended = 0
        self._changed = threading.Condition()
        self._free: Counter[str] = Counter()

    def job(self, owner: str) -> Callable[[], None]:
        def run() -> None:
            with self._changed:
                self.begun.append(owner)
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self._free[owner], PATIENCE)
                self._free[owner] -= 1
                self.ended += 1
                self._changed.notify_all()

        return run

    def let_go(self, owner: str, count: int = 1) -> None:
        with self._changed:
            self._free[owner] += count
            self._changed.notify_all()

    def wait(self, condition: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), self.begun


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads("test", 2)
    yield threads
    threads.stop()


def test_one_owner_may_have_all(threads: Threads) -> None:
    jobs = Jobs()
    for _ in range(5):
        threads.run(jobs.job("a"), "a")
    jobs.wait(lambda: len(jobs.begun) == 2)
    jobs.let_go("a", 5)
    jobs.wait(lambda: jobs.ended == 5)


def test_who_has_none_gets_one_although_all_are_taken(threads: Threads) -> None:
    jobs = Jobs()
    for _ in range(100):
        threads.run(jobs.job("a"), "a")
    for owner in "bcd":
        threads.run(jobs.job(owner), owner)
        threads.run(jobs.job(owner), owner)
    jobs.wait(lambda: len(jobs.begun) == 5)
    assert Counter(jobs.begun) == {"a": 2, "b": 1, "c": 1, "d": 1}
    for owner in "bcd":
        jobs.let_go(owner, 2)
    jobs.wait(lambda: jobs.ended == 6)  # and none of a's
    assert Counter(jobs.begun) == {"a": 2, "b": 2, "c": 2, "d": 2}
    jobs.let_go("a", 100)
    jobs.wait(lambda: jobs.ended == 106)


def test_there_is_an_end_of_threads(threads: Threads) -> None:
    jobs = Jobs()
    for i in range(20):
        threads.run(jobs.job(str(i)), str(i))
    jobs.wait(lambda: len(jobs.begun) == 8)
    jobs.let_go("0")
    jobs.wait(lambda: len(jobs.begun) == 9)
    assert jobs.begun[-1] == "8", "who came first"
    for i in range(1, 20):
        jobs.let_go(str(i))
    jobs.wait(lambda: jobs.ended == 20)


def test_owners_take_turns(threads: Threads) -> None:
    jobs = Jobs()
    for owner in ("a", "a", "c"):
        threads.run(jobs.job(owner), owner)
    jobs.wait(lambda: len(jobs.begun) == 3)  # all have one; no more come
    for owner in ("a", "a", "a", "c", "c", "c"):
        threads.run(jobs.job(owner), owner)
    for owner in ("a", "c", "a", "c"):
        jobs.let_go(owner)
    jobs.wait(lambda: jobs.ended == 4)
    jobs.let_go("a", 3)
    jobs.let_go("c", 3)
    jobs.wait(lambda: jobs.ended == 9)


def test_an_owners_jobs_begin_in_order() -> None:
    threads = Threads("test", 1)
    ran, done = list[int](), threading.Event()
    for i in range(100):
        threads.run(partial(ran.append, i), "a")
    threads.run(done.set, "a")
    assert done.wait(PATIENCE)
    assert ran == list(range(100))
    threads.stop()


def test_threads_beyond_the_usual_end_when_they_are_free(threads: Threads) -> None:
    jobs = Jobs()
    before = set(threading.enumerate())
    for owner in "abcdef":
        threads.run(jobs.job(owner), owner)
    jobs.wait(lambda: len(jobs.begun) == 6)
    started = [t for t in threading.enumerate() if t not in before]
    assert len(started) == 6
    for owner in "abcdef":
        jobs.let_go(owner)
    deadline = threading.Event()
    while sum(t.is_alive() for t in started) > 2:
        assert not deadline.wait(0.001)
    assert sum(t.is_alive() for t in started) == 2


def test_after_a_stop_nothing_begins_but_what_was_to_run_before() -> None:
    threads = Threads("test", 1)
    jobs, late = Jobs(), list[int]()
    for _ in range(3):
        threads.run(jobs.job("a"), "a")
    jobs.wait(lambda: jobs.begun)
    threads.stop()
    threads.run(lambda: late.append(1), "a")
    jobs.let_go("a", 3)
    jobs.wait(lambda: jobs.ended == 3)
    assert not late


def test_a_job_for_which_no_thread_can_be_started_is_forgotten(
    threads: Threads,
) -> None:
    jobs = Jobs()
    with no_more_threads("test"):
        for _ in range(20):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                threads.run(jobs.job("a"), "a")
    for _ in range(3):
        threads.run(jobs.job("b"), "b")
    jobs.wait(lambda: jobs.begun == ["b", "b"])  # as many as there ever are
    jobs.let_go("b", 3)
    jobs.wait(lambda: jobs.ended == 3)
    assert jobs.begun == ["b", "b", "b"]


def test_an_owners_other_jobs_are_not_forgotten(threads: Threads) -> None:
    jobs = Jobs()
    threads.run(jobs.job("a"), "a")
    with no_more_threads("test"), pytest.raises(RuntimeError):
        threads.run(jobs.job("forgotten"), "a")
    jobs.let_go("a")
    jobs.wait(lambda: jobs.ended == 1)
    for owner in "aab":
        threads.run(jobs.job(owner), owner)
    jobs.let_go("a", 2)
    jobs.let_go("b")
    jobs.wait(lambda: jobs.ended == 4)
    assert "forgotten" not in jobs.begun
