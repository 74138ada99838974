"""A hook of `on_disconnect` that connects again, and who waits meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from renderer import ConnectionClosed
from renderer.carrier import LinkBroken
from renderer.deadline import Deadline
from renderer.threads.connected import FOR_EVER
from renderer.threads.connection import Connection
from renderer.threads.dispatcher import ThreadDispatcher
from renderer.wire.link import Fate
from tests.support.memory import Heard, MemoryMain, MemoryRenderer
from tests.support.processes import PATIENCE

REFUSED = LinkBroken("refused", "not-sent", Fate.RESUME)
LONG = PATIENCE * 2


class Returning(MemoryRenderer):
    """Connects again when it is disconnected, to a main that is not there meanwhile.

    Args:
        main: which is there for the first connection.
        timeouts: of the hook's attempts, one after the other.
    """

    def __init__(self, main: MemoryMain, *timeouts: float) -> None:
        super().__init__(main)
        self.outcomes = Heard()
        self._has_line = threading.Event()
        self._main_closed = main.closed
        self.on("x", self.outcomes.listener)
        self.connect()
        self.on_disconnect(lambda: self._again(timeouts))
        main.attempts = [REFUSED] * 10_000

    def _again(self, timeouts: tuple[float, ...]) -> None:
        self._hooks.disconnect.clear()  # or it would come back for ever
        for timeout in timeouts:
            try:
                self.outcomes.put(self.connect(connect_timeout=timeout).id)
            except ConnectionClosed as error:
                self.outcomes.put(str(error)[:15])

    def _line(self, deadline: Deadline = FOR_EVER) -> Connection:
        line = super()._line(deadline)
        self._has_line.set()
        return line

    def begins(
        self,
        helpers: ThreadPoolExecutor,
        wait: Callable[..., object],
        *timeout: float,
    ) -> Future[object]:
        """Have a thread wait, and return when it waits for this very connection."""
        waiting = helpers.submit(wait, *timeout)
        assert self._has_line.wait(PATIENCE)
        return waiting

    def main_is_there(self) -> None:
        with self._main.lock:
            self._main.attempts = []

    def hook_connects(self) -> None:
        """Wait until the hook has found nobody there."""
        # The way that is closed first is that of the connection before.
        self._main.ways_closed(self._main_closed + 2)


@pytest.fixture
def returning(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Returning]:
    """Make one whose hooks' time is over, at first, when one of them is connecting."""
    join, over = ThreadDispatcher.join, -1.0

    def make(*timeouts: float) -> Returning:
        ipc = Returning(main, *timeouts)
        hurried = list[ThreadDispatcher]()

        def joined(dispatcher: ThreadDispatcher, timeout: float) -> None:
            if timeout != over:
                join(dispatcher, timeout)
            elif hurried:
                join(dispatcher, PATIENCE)
            else:
                hurried.append(dispatcher)
                ipc.hook_connects()

        monkeypatch.setattr("renderer.threads.renderer.DRAIN_S", over)
        monkeypatch.setattr(ThreadDispatcher, "join", joined)
        return ipc

    return make


def test_who_waits_goes_on_with_the_new_connection(
    main: MemoryMain, returning: Callable[..., Returning], helpers: ThreadPoolExecutor
) -> None:
    with returning(LONG) as ipc:
        waiting = ipc.begins(helpers, ipc.wait)
        main.drop()
        ipc.hook_connects()
        ipc.main_is_there()
        assert ipc.outcomes.next() == ipc.id
        main.send("x", "again")
        assert ipc.outcomes.next() == "again"
        assert not waiting.done()
        main.goodbye()
        assert waiting.result(PATIENCE) is True


def test_a_page_stays_for_the_new_connection(
    main: MemoryMain, returning: Callable[..., Returning], helpers: ThreadPoolExecutor
) -> None:
    with returning(LONG) as ipc:
        staying = ipc.begins(helpers, ipc._stay)  # noqa: SLF001
        main.goodbye()
        ipc.hook_connects()
        ipc.main_is_there()
        assert ipc.outcomes.next() == ipc.id
        assert not staying.done()
        main.drop()
        assert "broke" in str(staying.result(PATIENCE))


def test_who_waits_has_a_timeout(
    main: MemoryMain, returning: Callable[..., Returning], helpers: ThreadPoolExecutor
) -> None:
    with returning(LONG) as ipc:
        waiting = ipc.begins(helpers, ipc.wait, 0.5)
        main.goodbye()
        assert waiting.result(PATIENCE) is False
        ipc.hook_connects()
        ipc.close()
        assert ipc.outcomes.next() == "closed before t"


@pytest.mark.parametrize("parted", [True, False])
def test_close_ends_it(
    main: MemoryMain,
    returning: Callable[..., Returning],
    helpers: ThreadPoolExecutor,
    *,
    parted: bool,
) -> None:
    with returning(LONG) as ipc:
        waiting = ipc.begins(helpers, ipc.wait)
        main.goodbye() if parted else main.drop()
        ipc.hook_connects()
        ipc.close()
        assert ipc.outcomes.next() == "closed before t"
        assert waiting.result(PATIENCE) is parted


def test_a_hook_that_finds_nobody(
    main: MemoryMain, returning: Callable[..., Returning], helpers: ThreadPoolExecutor
) -> None:
    with returning(0.2) as ipc:
        staying = ipc.begins(helpers, ipc._stay)  # noqa: SLF001
        main.drop()
        assert "broke" in str(staying.result(PATIENCE))
        assert ipc.outcomes.next() == "no main process"


def test_a_hook_of_on_gap_finds_that_it_is_over(
    main: MemoryMain, ipc: MemoryRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(_: ThreadDispatcher, job: Callable[[], None]) -> None:
        job()  # as when the thread of listeners is the quicker one

    main.consuming = False
    found = Heard()
    ipc.on_gap(lambda *_: found.put(ipc.is_connected()))
    ipc.connect()
    ipc.send("x")
    main.hear()
    monkeypatch.setattr(ThreadDispatcher, "post", at_once)
    main.write(b"\xff")
    assert found.next() is False
    main.write(None)


def test_a_hook_that_tries_until_it_finds_one(
    main: MemoryMain, returning: Callable[..., Returning], helpers: ThreadPoolExecutor
) -> None:
    with returning(0.1, 0.1, LONG) as ipc:
        waiting = ipc.begins(helpers, ipc.wait)
        main.drop()
        assert [ipc.outcomes.next() for _ in range(2)] == ["no main process"] * 2
        ipc.main_is_there()
        assert ipc.outcomes.next() == ipc.id
        assert not waiting.done()
        main.goodbye()
        assert waiting.result(PATIENCE) is True
