"""What becomes of events for a renderer that does not keep up."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any, cast

import pytest

from mainproc import ConnectionClosed, IpcMain, Overloaded
from mainproc.overflow import Overflow
from renderer.wire import reasons
from renderer.wire.limits import Limits
from renderer.wire.state import State
from tests.unit.mainproc.page import connected, main_with

SMALL = Limits(window_messages=4)


# ---- policies ----------------------------------------------------------------------


def test_the_longest_pattern_counts() -> None:
    overflow = Overflow(
        {"prices/*": "drop_oldest", "*": "disconnect", "prices/eur": "raise"}
    )
    assert overflow.of("prices/usd") == "drop_oldest"
    assert overflow.of("prices/eur") == "raise"
    assert overflow.of("news") == "disconnect"
    assert overflow.of("prices/") == "drop_oldest"
    assert Overflow({"x": "disconnect", "*": "drop_oldest"}).of("x") == "disconnect"


def test_without_a_pattern_that_matches_it_raises() -> None:
    overflow = Overflow({"a*": "drop_oldest"})
    assert overflow.of("b") == "raise"
    assert Overflow("drop_oldest").of("b") == "drop_oldest"


def test_only_a_star_is_more_than_itself() -> None:
    overflow = Overflow({"a[1].?*\n": "drop_oldest"})
    assert overflow.of("a[1].?x\n") == "drop_oldest"
    assert overflow.of("a1x?\n") == "raise"


def test_a_policy_may_be_set_later() -> None:
    ipc = IpcMain()
    assert not ipc.overflows.given
    assert ipc.overflows.of("x") == "raise"
    ipc.overflow("x", "disconnect")
    assert ipc.overflows.given
    assert ipc.overflows.of("x") == "disconnect"
    ipc.overflow("x", "raise")
    assert not ipc.overflows.given


def test_a_policy_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="'drop'; it is one of 'raise', 'drop_oldest'"):
        IpcMain(overflow=cast("Any", "drop"))


def test_not_every_channel_is_remembered() -> None:
    overflow = Overflow({"*": "drop_oldest"})
    for i in range(20_000):
        assert overflow.of(str(i)) == "drop_oldest"
    assert len(overflow.__dict__["_known"]) <= 10_000


# ---- drop_oldest -------------------------------------------------------------------


async def test_the_oldest_give_way_and_everybody_knows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = main_with()
    ipc.overflow("prices/*", "drop_oldest")
    async with connected(ipc, limits=SMALL, slow=True) as page:
        contents = page.contents
        assert [contents.send("prices/eur", i) for i in range(9)] == [True] * 9
        assert contents.dropped == 5
        assert caplog.text.count("oldest events on 'prices/eur' give way") == 1
        with pytest.raises(Overloaded, match="4 messages"):
            contents.send("news")
        await page.hears("prices/eur", 2)
        page.catch_up()
        page.flush()
        await page.hears("prices/eur", 4)
        assert page.events("prices/eur") == [[5], [6], [7], [8]]
        assert page.session.inbox.received == 9


async def test_what_is_on_its_way_stays() -> None:
    ipc = IpcMain(overflow="drop_oldest")
    async with connected(ipc, limits=SMALL, slow=True) as page:
        for i in range(4):
            page.contents.send("x", i)
        await page.hears("x", 2)
        for i in range(4, 9):
            page.contents.send("x", i)
        assert page.contents.dropped == 5
        with pytest.raises(Overloaded):
            page.contents.send("y")  # of which nothing waits
        page.catch_up()
        page.flush()
        await page.hears("x", 4)
        assert page.events("x") == [[0], [1], [7], [8]]


async def test_they_give_way_also_while_its_own_message_is_dispatched() -> None:
    ipc = main_with()
    ipc.overflow("x", "drop_oldest")

    @ipc.on("go")
    def _(event: Any) -> None:
        for i in range(9):
            event.sender.send("x", i)

    async with connected(ipc, limits=SMALL, slow=True) as page:
        page.send("go")
        await page.hears("x", 2)
        page.catch_up()
        page.flush()
        await page.hears("x", 4)
        assert page.events("x") == [[5], [6], [7], [8]]


async def test_a_broadcast_obeys(caplog: pytest.LogCaptureFixture) -> None:
    ipc = main_with()
    ipc.overflow("x", "drop_oldest")
    async with connected(ipc) as quick, connected(ipc, limits=SMALL, slow=True) as slow:
        assert [ipc.broadcast("x", i) for i in range(6)] == [2] * 6
        assert await quick.hears("x", 6) == [[i] for i in range(6)]
        assert await slow.hears("x", 2) == [[2], [3]]
        slow.catch_up()
        slow.flush()
        assert await slow.hears("x", 4) == [[2], [3], [4], [5]]
        assert (quick.contents.dropped, slow.contents.dropped) == (0, 2)
    assert "left out" not in caplog.text


async def test_from_any_thread() -> None:
    ipc = IpcMain(overflow="drop_oldest")
    async with connected(ipc, limits=SMALL, slow=True) as page:

        def flood(channel: str) -> None:
            for i in range(500):
                page.contents.send(channel, i)

        page.contents.send("a")
        page.contents.send("b")
        threads = [threading.Thread(target=flood, args=(c,)) for c in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # the loop writes nothing meanwhile
        assert page.contents.dropped == 2 + 2 * 500 - 4
        await page.until(lambda: len(page.heard) == 2)
        page.catch_up()
        page.flush()
        await page.until(lambda: page.session.inbox.received == 2 + 2 * 500)
        assert len(page.heard) == 4
        assert {page.events("a")[-1][0], page.events("b")[-1][0]} == {499}


async def test_a_renderer_that_is_away_misses_only_what_gave_way() -> None:
    ipc = IpcMain(overflow="drop_oldest")
    async with connected(ipc, limits=SMALL, slow=True, resume=True) as page:
        page.contents.send("x", 0)
        await page.hears("x", 1)
        page.send("hello")
        await page.until(lambda: page.connection.session.state is State.OPEN)
        await page.cut()
        for i in range(1, 100):
            page.contents.send("x", i)
        assert page.contents.dropped == 96
        assert page.connection.session.outbox.outstanding == 4


async def test_who_is_gone_gets_nothing() -> None:
    ipc = IpcMain(overflow="drop_oldest")
    async with connected(ipc) as page:
        page.contents.close()
        assert not page.contents.send("x")
        assert page.contents.dropped == 0


async def test_a_finalizer_may_send_what_may_be_dropped() -> None:
    ipc = IpcMain(overflow="drop_oldest")
    async with connected(ipc) as page:
        with page.connection._outlet.lock:  # noqa: SLF001
            assert page.contents.send("x", 1)
        assert await page.hears("x", 1) == [[1]]


# ---- disconnect --------------------------------------------------------------------


async def test_one_that_does_not_keep_up_is_sent_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    ipc = main_with()
    ipc.overflow("x", "disconnect")
    reasons_told = list[str]()
    async with connected(ipc, limits=SMALL, slow=True) as page:
        page.contents.on("destroyed", reasons_told.append)
        for i in range(4):
            assert page.contents.send("x", i)
        await page.hears("x", 4)
        assert not page.contents.send("x", 4)
        assert page.contents.is_destroyed()
        assert not page.contents.send("x", 5)
        await page.until(lambda: reasons_told)
        await page.hears("goodbye")
        assert page.heard[-1][1][0] == reasons.OVERLOADED
    why = "it did not keep up: 4 messages (0.0 MiB) waited for it"
    assert reasons_told == [why]
    assert caplog.text.count(why) == 1


async def test_a_question_too_many_sends_it_away_too() -> None:
    ipc = IpcMain(overflow="disconnect")
    async with connected(ipc, limits=SMALL, slow=True) as page:
        for _ in range(4):
            page.contents.send("x")
        with pytest.raises(ConnectionClosed):
            page.contents.invoke("x")
        assert page.contents.is_destroyed()
        await page.until(lambda: page.ends)


async def test_a_broadcast_sends_away_one_and_reaches_the_others() -> None:
    ipc = IpcMain(overflow="disconnect")
    async with connected(ipc) as quick, connected(ipc, limits=SMALL, slow=True) as slow:
        assert [ipc.broadcast("x", i) for i in range(6)] == [2, 2, 2, 2, 1, 1]
        assert slow.contents.is_destroyed()
        assert await quick.hears("x", 6) == [[i] for i in range(6)]


async def test_a_finalizer_may_send_it_away() -> None:
    ipc = IpcMain(overflow="disconnect")
    async with connected(ipc, limits=SMALL, slow=True) as page:
        with page.connection._outlet.lock:  # noqa: SLF001
            page.connection.give_up("enough")
        await asyncio.wait_for(page.contents.drain(), 5)
        await page.until(page.contents.is_destroyed)


async def test_a_question_to_many_sends_away_whom_it_cannot_reach() -> None:
    ipc = IpcMain(overflow="disconnect")
    async with connected(ipc, limits=SMALL, slow=True) as page:
        for _ in range(4):
            ipc.broadcast("x")
        page.contents.join("all")
        answers = await ipc.to("all").invoke("x")
        assert isinstance(answers.errors[page.contents], ConnectionClosed)
        assert page.contents.is_destroyed()
