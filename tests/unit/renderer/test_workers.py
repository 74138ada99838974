"""Jobs on a few daemon threads."""

from __future__ import annotations

import queue
import threading

from renderer.workers import Workers
from tests.support.processes import PATIENCE


def test_one_worker_keeps_the_order() -> None:
    workers, done = Workers("x", threads=1, room=10), queue.SimpleQueue[int]()
    for number in range(100):
        workers.run(lambda number=number: done.put(number))  # type: ignore[misc]
    assert [done.get(timeout=PATIENCE) for _ in range(100)] == list(range(100))
    workers.stop()


def test_several_workers_run_at_the_same_time() -> None:
    workers, together = Workers("x", threads=4, room=10), threading.Barrier(5)

    def wait() -> None:
        together.wait(PATIENCE)

    for _ in range(4):
        workers.run(wait)
    together.wait(PATIENCE)
    workers.stop()


def test_an_idle_worker_is_used_again() -> None:
    workers, names = Workers("x", threads=4, room=10), queue.SimpleQueue[str]()
    seen = set[str]()
    for _ in range(10):
        workers.run(lambda: names.put(threading.current_thread().name))
        seen.add(names.get(timeout=PATIENCE))
    assert len(seen) < 10
    assert all(name.startswith("electron-ipc x ") for name in seen)
    workers.stop()


def test_a_full_queue_holds_up_who_fills_it() -> None:
    workers, gate = Workers("x", threads=1, room=1), threading.Event()
    begun, filled = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait(PATIENCE)

    def fill() -> None:
        for _ in range(3):
            workers.run(lambda: None)
        filled.set()

    workers.run(hold)
    begun.wait(PATIENCE)
    filler = threading.Thread(target=fill)
    filler.start()
    assert not filled.is_set()
    gate.set()
    assert filled.wait(PATIENCE)
    filler.join()
    workers.stop()


def test_stop_lets_go_of_who_waits_and_drops_what_has_not_begun() -> None:
    workers, gate = Workers("x", threads=1, room=1), threading.Event()
    begun, ran = threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        gate.wait(PATIENCE)

    def fill() -> None:
        for _ in range(2):
            workers.run(lambda: ran.append("late"))

    workers.run(hold)
    begun.wait(PATIENCE)
    filler = threading.Thread(target=fill)
    filler.start()
    workers.stop()
    filler.join(PATIENCE)
    assert not filler.is_alive()
    gate.set()
    workers.run(lambda: ran.append("after"))
    assert ran == []


def test_they_rest_when_every_job_has_ended() -> None:
    workers, gate, done = (
        Workers("x", threads=2, room=10),
        threading.Event(),
        list[int](),
    )

    def job() -> None:
        gate.wait(PATIENCE)
        done.append(1)

    assert workers.rest(0.0)
    for _ in range(5):
        workers.run(job)
    assert not workers.rest(0.01)
    gate.set()
    assert workers.rest(PATIENCE)
    assert len(done) == 5
    workers.stop()


def test_what_will_never_begin_holds_up_nobody_who_waits_for_rest() -> None:
    workers, gate = Workers("x", threads=1, room=10), threading.Event()
    resting = threading.Thread(target=workers.rest, args=(PATIENCE,))

    def hold() -> None:
        gate.wait(PATIENCE)

    workers.run(hold)
    workers.run(lambda: None)
    resting.start()
    workers.stop()
    resting.join(PATIENCE / 2)
    assert not resting.is_alive()
    gate.set()
