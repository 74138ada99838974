"""Streams that are opened, and then nobody cares."""

from __future__ import annotations

import time

import pytest
from grpc import aio

from renderer.aio import IpcRenderer
from tests.hostile.house import Intruder, call
from tests.soak.mains import soaked_main
from tests.soak.scale import SOAKING, report, scaled
from tests.soak.vitals import Vitals, grown

AT_ONCE = 100
ROUNDS = scaled(4, 50)
SLACK: Vitals = {
    "resident KiB": 8 * 1024,
    "blocks of Python": 5_000,
    "threads of gRPC": 8,
    "objects of ours": 8,
}


async def abandon(address: str) -> None:
    """Open a hundred streams in every stage, on one socket, and close that."""
    async with aio.insecure_channel(address) as channel:
        streams = [Intruder(channel) for _ in range(AT_ONCE)]
        for stream in streams[::3]:
            await stream.hello()
        for stream in streams[::6]:
            await stream.put(call(1, "echo", bytes(1_000)))
        for stream in streams[1::9]:
            await stream.link.done_writing()
        for stream in streams:
            await stream.close()


@pytest.mark.slow
@pytest.mark.timeout(0 if SOAKING else 180)
async def test_streams_that_are_opened_and_abandoned() -> None:
    with soaked_main() as main:
        async with IpcRenderer(main.address) as keeper:

            async def settled(before: Vitals) -> Vitals:
                until = time.monotonic() + 30
                now = Vitals(await keeper.invoke("vitals"))
                while more := grown(before, now, SLACK):
                    kinds = await keeper.invoke("kinds")
                    assert time.monotonic() < until, (more, kinds)
                    now = Vitals(await keeper.invoke("vitals"))
                return now

            anything = dict.fromkeys(await keeper.invoke("vitals"), 2**40)
            for _ in range(2):
                await abandon(main.address)
            before = await settled(anything | {"sessions": 1})
            began = time.monotonic()
            for number in range(ROUNDS):
                await abandon(main.address)
                assert await keeper.invoke("echo", number) == [number]
            took = time.monotonic() - began
            after = await settled(before)
            growth = after["resident KiB"] - before["resident KiB"]
            remark = f"main {growth:+,} KiB"
            report("streams opened and abandoned", ROUNDS * AT_ONCE, took, remark)
