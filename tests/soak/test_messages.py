"""Messages by the hundred thousand: each arrives once and in its place, none stays."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from renderer import IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.soak.mains import soaked_main
from tests.soak.scale import SOAKING, report, scaled
from tests.soak.vitals import Vitals, grown, vitals
from tests.support.waiting import until as waited

# An echo is two messages.
WARM_UP, ECHOES = scaled(2_000, 100_000), scaled(10_000, 250_000)
AHEAD = 1_000
SLACK: Vitals = {
    # What was freed is not all given back; it takes half a million echoes until no more
    # of it is needed. Of what Python holds, nothing may stay.
    "resident KiB": 12 * 1024,
    "blocks of Python": 10_000,
    "threads of gRPC": 8,
    "objects of ours": 16,
    "descriptors": 2,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0 if SOAKING else 180)]
Read = Callable[[], Vitals]


def flat(read: Read, before: Vitals) -> Vitals:
    """Wait until nothing is more than it was; return how much there is."""
    until = time.monotonic() + 30
    while more := grown(before, now := read(), SLACK):
        assert time.monotonic() < until, more
    return now


def test_echoes_on_threads() -> None:
    with soaked_main() as main, IpcRenderer(main.address) as page:
        heard, goal, reached = 0, 0, threading.Event()

        @page.on("echo")
        def _(number: int) -> None:
            nonlocal heard
            assert number == heard
            heard += 1
            if heard == goal:
                reached.set()

        def echo(until: int) -> None:
            nonlocal goal
            goal = until
            reached.clear()
            for number in range(heard, until):
                page.send("echo", number)
            assert reached.wait(600)
            page.flush(600)

        def of_main() -> Vitals:
            return Vitals(page.invoke("vitals").result(60))

        echo(WARM_UP)
        there, here = of_main(), vitals()
        began = time.monotonic()
        echo(WARM_UP + ECHOES)
        took = time.monotonic() - began
        growth = flat(of_main, there)["resident KiB"] - there["resident KiB"]
        flat(vitals, here)
        report("messages on threads", 2 * ECHOES, took, f"main {growth:+,} KiB")


def test_echoes_on_a_loop() -> None:
    with soaked_main() as main:
        asyncio.run(echoes_on_a_loop(main.address))


async def echoes_on_a_loop(address: str) -> None:
    async with AioRenderer(address) as page:
        heard = 0

        @page.on("echo")
        def _(number: int) -> None:
            nonlocal heard
            assert number == heard
            heard += 1

        async def echo(until: int) -> None:
            for start in range(heard, until, AHEAD):
                for number in range(start, min(start + AHEAD, until)):
                    page.send("echo", number)
                await page.drain()
            # Main has consumed it all before the last of its echoes are dispatched.
            await waited(lambda: heard == until, 600)

        async def of_main() -> Vitals:
            return Vitals(await page.invoke("vitals"))

        async def settled(read: Any, before: Vitals) -> Vitals:
            async with asyncio.timeout(30):
                while grown(before, now := await read(), SLACK):
                    pass
                return Vitals(now)

        async def of_page() -> Vitals:
            await asyncio.sleep(0)
            return vitals()

        await echo(WARM_UP)
        there, here = await of_main(), vitals()
        began = time.monotonic()
        await echo(WARM_UP + ECHOES)
        took = time.monotonic() - began
        growth = (await settled(of_main, there))["resident KiB"] - there["resident KiB"]
        await settled(of_page, here)
        assert heard == WARM_UP + ECHOES
        report("messages on a loop", 2 * ECHOES, took, f"main {growth:+,} KiB")
