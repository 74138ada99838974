"""A coroutine that runs without a task."""

from __future__ import annotations

import asyncio

from renderer.wire.drive import Drive


async def test_it_runs_at_once_as_far_as_it_gets() -> None:
    steps: list[str] = []

    async def steady() -> None:
        steps.append("ran")

    drive = Drive(steady(), asyncio.get_running_loop().call_soon)
    assert steps == []
    drive.start()
    assert steps == ["ran"]
    drive.cancel()  # nothing is left to cancel


async def test_it_goes_on_when_what_it_awaits_is_there() -> None:
    loop = asyncio.get_running_loop()
    first, second, over = (loop.create_future() for _ in range(3))

    async def waiting() -> None:
        over.set_result([await first, await asyncio.sleep(0, "slept"), await second])

    Drive(waiting(), loop.call_soon).start()
    first.set_result(1)
    second.set_result(2)
    assert await over == [1, "slept", 2]


async def test_cancelling_it_cancels_what_it_awaits() -> None:
    loop = asyncio.get_running_loop()
    awaited, over = loop.create_future(), loop.create_future()

    async def waiting() -> None:
        try:
            await awaited
        except asyncio.CancelledError:
            over.set_result("cancelled")

    drive = Drive(waiting(), loop.call_soon)
    drive.start()
    drive.cancel()
    assert await over == "cancelled"
    assert awaited.cancelled()


async def test_it_runs_beside_a_task_and_is_none() -> None:
    loop = asyncio.get_running_loop()
    gate, over = loop.create_future(), loop.create_future()

    async def asking() -> None:
        await gate
        over.set_result(asyncio.current_task())

    Drive(asking(), loop.call_soon).start()
    assert asyncio.current_task() is not None  # that of the test, still
    gate.set_result(None)
    assert await over is None
