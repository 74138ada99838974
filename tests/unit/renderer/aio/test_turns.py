"""What main sends without end, and the rest of the program beside it."""

from __future__ import annotations

import asyncio
import time

from tests.support.memory import MemoryMain
from tests.support.memory_aio import MemoryAioRenderer, until


async def test_other_tasks_have_the_loop_between_slow_listeners(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    count, turns, seen = 100, 0, list[int]()

    @ipc.on("x")
    def _(_: int) -> None:
        seen.append(turns)
        end = time.perf_counter() + 0.003
        while time.perf_counter() < end:
            pass

    async def other_task() -> None:
        nonlocal turns
        while len(seen) < count:
            turns += 1
            await asyncio.sleep(0)

    await ipc.connect()
    other = asyncio.create_task(other_task())
    for number in range(count):
        main.send("x", number)
    await until(lambda: len(seen) == count)
    await other
    assert len(set(seen)) > count / 2
