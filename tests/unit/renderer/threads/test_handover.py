"""`dispatch=`: listeners, handlers and callbacks on a loop of the program's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from renderer.threads import handover
from renderer.wire import events
from renderer.wire.errors import ConnectionClosed
from tests.support.memory import Heard, MemoryMain, MemoryRenderer


class Loop(Heard):
    """A loop that the test runs, a visit at a time."""

    def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.next()()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@contextmanager
def rendering(
    main: MemoryMain, dispatch: Callable[..., Any]
) -> Iterator[MemoryRenderer]:
    with MemoryRenderer(main, dispatch=dispatch) as ipc:
        yield ipc


def everything_handed_over(main: MemoryMain, ipc: MemoryRenderer) -> None:
    """Wait until all that main has sent so far waits for the loop."""
    passed = Heard()
    with ipc.once("passed", passed.put, thread=True):
        main.send("passed", True)
        assert passed.next()


def request_ack(main: MemoryMain) -> None:
    with main.lock:
        main.session.request_ack()
        main.flow()


def test_all_that_users_write_runs_there_in_order(main: MemoryMain, loop: Loop) -> None:
    here = threading.get_ident()
    heard: list[object] = []

    def note(what: object) -> None:
        assert threading.get_ident() == here
        heard.append(what)

    with rendering(main, loop.put) as ipc:
        ipc.on("x", note)
        ipc.handle("y", note)
        ipc.on_disconnect(lambda: note("gone"))
        reply = ipc.invoke("z")
        reply.add_done_callback(lambda done: note(done.result()))
        main.send("x", 1)
        main.call(1, "y", 2)
        main.answer(main.hear_call(), "answered")
        main.send("x", 3)
        loop.until(lambda: len(heard) == 4)
        main.wait_for(events.Replied)
    # A reply is handled on receipt, and its callbacks take their place then.
    assert heard == [1, 2, "answered", 3]
    loop.until(lambda: "gone" in heard)


def test_a_message_is_consumed_when_the_loop_is_through_with_it(
    main: MemoryMain, loop: Loop
) -> None:
    heard: list[int] = []
    with rendering(main, loop.put) as ipc:
        ipc.on("x", heard.append)
        ipc.connect()
        main.send("x", 1)
        everything_handed_over(main, ipc)
        request_ack(main)
        ipc.send("y")
        ipc.flush()  # its frame takes an ack along, if one is due
        assert not main.noted_of(events.Acked)
        main.send("x", 2)  # the loop is through with all before when it comes to this
        loop.until(lambda: heard == [1, 2])
        assert main.wait_for(events.Acked)[-1].number > 0


def test_one_visit_does_all_that_waits(
    main: MemoryMain, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_LONGEST_VISIT_S", 60.0)
    heard: list[int] = []
    with rendering(main, loop.put) as ipc:
        ipc.on("x", heard.append)
        ipc.connect()
        for number in range(100):
            main.send("x", number)
        everything_handed_over(main, ipc)
        loop.next()()
        assert heard == list(range(100))


def test_a_visit_ends_when_it_has_taken_long(
    main: MemoryMain, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_LONGEST_VISIT_S", -1.0)
    heard: list[int] = []
    with rendering(main, loop.put) as ipc:
        ipc.on("x", heard.append)
        ipc.connect()
        main.send("x", 1)
        main.send("x", 2)
        everything_handed_over(main, ipc)
        loop.next()()
        assert heard == [1]
        loop.until(lambda: heard == [1, 2])


def test_a_loop_that_does_not_take_jobs_yet_loses_none(
    main: MemoryMain, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []
    running = False

    def dispatch(job: Callable[[], None]) -> None:
        if not running:
            raise RuntimeError("main thread is not in main loop")
        loop.put(job)

    with rendering(main, dispatch) as ipc:
        ipc.on("x", heard.append)
        ipc.connect()
        main.send("x", 1)
        everything_handed_over(main, ipc)
        running = True
        main.send("x", 2)
        loop.until(lambda: heard == [1, 2])
    assert "dispatch= raised; listeners wait for the next message" in caplog.text


def test_a_loop_that_is_gone_holds_nothing_up(main: MemoryMain, loop: Loop) -> None:
    heard: list[int] = []
    with rendering(main, loop.put) as ipc:  # takes jobs, runs none
        ipc.on("x", heard.append)
        ipc.connect()
        main.send("x", 1)
        everything_handed_over(main, ipc)
    loop.next()()  # after the end: not called any more
    assert heard == []


@pytest.mark.usefixtures("caplog")
def test_a_loop_that_refuses_holds_nothing_up(main: MemoryMain) -> None:
    def closed(_: object) -> None:
        raise RuntimeError("Event loop is closed")

    with rendering(main, closed) as ipc:
        ipc.on("x", print)
        ipc.connect()
        main.send("x", 1)
        main.drop()


@pytest.mark.parametrize("end", [MemoryMain.goodbye, MemoryMain.drop])
def test_what_came_before_the_end_is_heard(
    main: MemoryMain, loop: Loop, end: Callable[[MemoryMain], None]
) -> None:
    heard: list[object] = []
    with rendering(main, loop.put) as ipc:
        ipc.on("x", heard.append)
        ipc.on_disconnect(lambda: heard.append("gone"))
        failed: Future[object] = ipc.invoke("y")
        failed.add_done_callback(lambda done: heard.append(type(done.exception())))
        main.send("x", 1)
        main.send("x", 2)
        end(main)
        loop.until(lambda: "gone" in heard)
    assert heard == [1, 2, ConnectionClosed, "gone"]


def test_ctrl_c_in_a_listener_spares_the_next(main: MemoryMain, loop: Loop) -> None:
    heard: list[int] = []

    def listener(number: int) -> None:
        if number == 1:
            raise KeyboardInterrupt
        heard.append(number)

    with rendering(main, loop.put) as ipc:
        ipc.on_error(lambda error, channel: None)
        ipc.on("x", listener)
        ipc.connect()
        main.send("x", 1)
        main.send("x", 2)
        with pytest.raises(KeyboardInterrupt):
            loop.until(lambda: heard)
        loop.until(lambda: heard == [2])


def test_what_comes_too_late_for_the_loop_is_not_consumed(
    main: MemoryMain, loop: Loop
) -> None:
    heard: list[int] = []
    with rendering(main, loop.put) as ipc:

        @ipc.on("x")
        def listener(number: int) -> None:
            heard.append(number)
            assert ipc._dispatcher is not None  # noqa: SLF001
            ipc._dispatcher.stop()  # noqa: SLF001

        ipc.connect()
        for number in range(3):
            main.send("x", number)
        everything_handed_over(main, ipc)
        while not loop.empty():
            loop.next()()
        assert heard == [0]
        assert ipc._line().exchange.session.inbox.ack == 1  # noqa: SLF001
