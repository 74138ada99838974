"""What can happen to a connection, and to the processes at its ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.faults.proxy import Way
from tests.faults.stage import Stage

WAYS: Final[tuple[Way, ...]] = ("up", "down")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: for the command line.
        what: for people.
        strike: does it, and undoes what would last; called while messages pass.
        share: of all cuts, in parts.
        encrypted: it happens to a connection with TLS.
    """

    name: str
    what: str
    strike: Callable[[Stage], Awaitable[None]]
    share: int = 10
    encrypted: bool = False


async def _reset(stage: Stage) -> None:
    stage.note("cut")
    stage.proxy.reset()


async def _cut_within(stage: Stage) -> None:
    (*connections,) = stage.proxy.connections
    stage.proxy.cut_after(stage.rng.randint(1, 3_000), stage.rng.choice(WAYS))
    await asyncio.sleep(0.2)
    for connection in connections:
        if connection in stage.proxy.connections:  # too little has come
            stage.note("cut")
            connection.reset()


async def _half_close(stage: Stage) -> None:
    stage.note("cut")
    stage.proxy.half_close(stage.rng.choice(WAYS))


async def _black_hole(stage: Stage) -> None:
    stage.note("cut")
    for connection in stage.proxy.connections:
        connection.black_hole()


async def _outage(stage: Stage) -> None:
    """Nobody gets through, and those who try are told, or are not."""
    stage.note("cut")
    proxy, told = stage.proxy, stage.rng.random() < 0.5
    if told:
        proxy.accepts = False
        proxy.reset()
    else:
        proxy.black_hole()
    await asyncio.sleep(stage.rng.uniform(0.1, 1.5))
    proxy.accepts = True
    proxy.black_hole(False)


async def _slices(stage: Stage) -> None:
    stage.proxy.change(slice_bytes=stage.rng.randint(1, 3))
    await _while(stage)


async def _latency(stage: Stage) -> None:
    delay = stage.rng.uniform(0.01, 0.1)
    stage.proxy.change(latency_s=delay, jitter_s=delay)
    await _while(stage)


async def _bandwidth(stage: Stage) -> None:
    rate = stage.rng.uniform(10_000, 100_000)
    stage.proxy.change(bytes_per_s=rate, slice_bytes=500)
    await _while(stage)


async def _while(stage: Stage) -> None:
    await asyncio.sleep(0.3)
    await _reset(stage)
    await asyncio.sleep(0.2)  # the way back is no better
    stage.proxy.change()


async def _corrupt(stage: Stage) -> None:
    stage.proxy.corrupt(stage.rng.choice(WAYS))


async def _corrupt_any(stage: Stage) -> None:
    count = stage.rng.randint(0, 1_000)
    stage.proxy.corrupt(stage.rng.choice(WAYS), count=count)


async def _mixed(stage: Stage) -> None:
    """One fault upon the other: the second hits a session that is being resumed."""
    for kind in stage.rng.choices(_BASE, k=2):
        await kind.strike(stage)
        await asyncio.sleep(stage.rng.uniform(0, 0.3))


_BASE: Final = (
    Kind("reset", "both halves end with a RST", _reset, 20),
    Kind("cut", "a RST in the middle of what is being written", _cut_within, 20),
    Kind("half-close", "one direction ends, the other does not", _half_close),
    Kind("black-hole", "nothing passes, and nothing tells so", _black_hole, 7),
    Kind("outage", "no new connection for up to 1.5 s", _outage),
    Kind("slices", "one to three bytes at a time, and a RST", _slices),
    Kind("latency", "10 to 200 ms, never the same, and a RST", _latency),
    Kind("bandwidth", "10 to 100 kB/s, and a RST", _bandwidth),
    Kind("corrupt", "a byte of a frame's length is another", _corrupt),
)
_CORRUPT_ANY: Final = Kind(
    "corrupt-tls",
    "any byte is another, and TLS is there to notice",
    _corrupt_any,
    encrypted=True,
)


async def _stop_main(stage: Stage) -> None:
    await _stop(stage, "main")


async def _stop_page(stage: Stage) -> None:
    await _stop(stage, "page")


async def _stop(stage: Stage, who: Literal["main", "page"]) -> None:
    stage.note("cut")
    actor = stage.main if who == "main" else stage.page
    actor.signal(signal.SIGSTOP)
    await asyncio.sleep(stage.rng.uniform(0.5, 4.0))
    actor.signal(signal.SIGCONT)


async def _kill_main(stage: Stage) -> None:
    stage.note("cut")
    stage.kill_main()
    await stage.start_main()


async def _kill_page(stage: Stage) -> None:
    stage.note("cut")
    stage.kill_page()
    await stage.start_page()


KINDS: Final = (
    *_BASE,
    _CORRUPT_ANY,
    Kind("mixed", "two of these, one upon the other", _mixed),
    Kind("main-stopped", "SIGSTOP for up to 4 s, then SIGCONT", _stop_main, 5),
    Kind("renderer-stopped", "the same for the renderer", _stop_page, 5),
    Kind("main-killed", "SIGKILL, and another main in its place", _kill_main, 5),
    Kind("renderer-killed", "SIGKILL, and another renderer", _kill_page, 5),
)
