"""An async hook of `on_disconnect` that connects again, and who waits meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from renderer.aio import ConnectionClosed
from renderer.carrier import LinkBroken
from renderer.wire.link import Fate
from tests.support.memory import MemoryMain
from tests.support.memory_aio import MemoryAioRenderer, renderer_of, until
from tests.support.processes import PATIENCE

REFUSED = LinkBroken("refused", "not-sent", Fate.RESUME)
LONG = PATIENCE * 2


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give hooks no time; those that connect take it."""
    monkeypatch.setattr("renderer.aio.connection.DRAIN_S", 0.0)


class Returning:
    """Connects again when it is disconnected, to a main that is not there meanwhile.

    Args:
        main: which is there for the first connection.
        ipc: not connected yet.
        timeouts: of the hook's attempts, one after the other.
    """

    def __init__(
        self, main: MemoryMain, ipc: MemoryAioRenderer, *timeouts: float
    ) -> None:
        self._ipc = ipc
        self.outcomes: list[object] = []
        self.tries = 0
        self._timeouts = timeouts
        self._main = main

    async def begin(self) -> None:
        await self._ipc.connect()
        self._ipc.on("x", self.outcomes.append)
        self._ipc.on_disconnect(self._again)
        self._main.attempts = [REFUSED] * 10_000

    async def lose_main(self) -> asyncio.Future[bool]:
        """Begin and part; when the hook looks for a main, return who waits."""
        await self.begin()
        waiting = asyncio.ensure_future(self._ipc.wait())
        self._main.goodbye()
        await until(lambda: len(self._main.attempts) < 9_999)
        return waiting

    async def _again(self) -> None:
        self._ipc._hooks.disconnect.clear()  # noqa: SLF001 - else for ever
        for timeout in self._timeouts:
            self.tries += 1
            try:
                ipc = await self._ipc.connect(connect_timeout=timeout)
                self.outcomes.append(ipc.id)
            except ConnectionClosed as error:
                self.outcomes.append(str(error)[:15])


async def test_who_waits_goes_on_with_the_new_connection(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        returning = Returning(main, ipc, LONG)
        waiting = await returning.lose_main()
        assert not waiting.done()
        main.attempts = []
        await until(lambda: returning.outcomes == [ipc.id])
        assert not waiting.done()
        main.goodbye()
        assert await waiting is True


async def test_aclose_ends_it(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        returning = Returning(main, ipc, LONG)
        waiting = await returning.lose_main()
        await ipc.aclose()
        assert await waiting is True
        assert returning.outcomes == ["closed before t"]


async def test_who_is_cancelled_ends_at_once(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        returning = Returning(main, ipc, LONG)
        waiting = await returning.lose_main()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert returning.outcomes == []


async def test_a_hook_that_finds_nobody(main: MemoryMain) -> None:
    """It ends like the connection before."""
    async with renderer_of(main) as ipc:
        returning = Returning(main, ipc, 0.1)
        await returning.begin()
        main.goodbye()
        assert await ipc.wait() is True
        assert returning.outcomes == ["no main process"]


async def test_a_hook_that_tries_until_it_finds_one(main: MemoryMain) -> None:
    async with renderer_of(main) as ipc:
        returning = Returning(main, ipc, 0.05, 0.05, LONG)
        await returning.begin()
        waiting = asyncio.ensure_future(ipc.wait())
        main.goodbye()
        await until(lambda: returning.tries == 3)
        main.attempts = []
        await until(lambda: returning.outcomes[-1] == ipc.id)
        assert not waiting.done()
        main.goodbye()
        assert await waiting is True
