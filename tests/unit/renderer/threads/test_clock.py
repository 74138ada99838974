"""Jobs at their time, on one thread."""

from __future__ import annotations

import queue
import threading
from time import monotonic

import pytest

from renderer.threads.clock import Clock
from tests.support.processes import PATIENCE


def test_jobs_run_in_the_order_of_their_times() -> None:
    clock, done = Clock(), queue.SimpleQueue[str]()
    now = monotonic()
    with clock._lock:  # noqa: SLF001 - none runs before all are there
        clock.call_at(now + 0.03, lambda: done.put("third"))
        clock.call_at(now + 0.02, lambda: done.put("second"))
        clock.call_at(now, lambda: done.put("first"))
    assert [done.get(timeout=PATIENCE) for _ in range(3)] == [
        "first",
        "second",
        "third",
    ]
    assert monotonic() >= now + 0.03
    clock.stop()


def test_nothing_runs_after_stop() -> None:
    clock, done = Clock(), queue.SimpleQueue[str]()
    clock.call_at(monotonic() + PATIENCE, lambda: done.put("never"))
    clock.stop()
    clock.call_at(monotonic(), lambda: done.put("never"))
    assert done.empty()


def test_a_job_may_stop_the_clock() -> None:
    clock, done = Clock(), threading.Event()

    def job() -> None:
        clock.stop()
        done.set()

    clock.call_at(monotonic(), job)
    assert done.wait(PATIENCE)


def test_many_jobs_that_never_run_leave_with_their_clock() -> None:
    clock = Clock()
    for _ in range(100):
        clock.call_at(monotonic() + PATIENCE, lambda: None)
    clock.stop()


def test_a_cancelled_job_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderer.threads.clock._MOST_CANCELLED", 10)
    clock, done = Clock(), queue.SimpleQueue[str]()
    when = monotonic() + 0.5
    alarms = [clock.call_at(when, lambda: done.put("never")) for _ in range(100)]
    clock.call_at(when + 0.01, lambda: done.put("last"))
    for alarm in alarms[1:]:
        clock.cancel(alarm)
        assert len(clock) < 102
    assert len(clock) < 50
    clock.cancel(alarms[0])
    assert done.get(timeout=PATIENCE) == "last"
    assert done.empty()
    clock.stop()


@pytest.mark.parametrize("count", [1, 50])
def test_jobs_of_the_same_time_all_run(count: int) -> None:
    clock, done = Clock(), queue.SimpleQueue[int]()
    when = monotonic() + 0.01
    for number in range(count):
        clock.call_at(when, lambda number=number: done.put(number))  # type: ignore[misc]
    assert [done.get(timeout=PATIENCE) for _ in range(count)] == list(range(count))
    clock.stop()
