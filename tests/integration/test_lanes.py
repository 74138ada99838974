"""Lanes over real sockets: a large message holds up its own lane only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mainproc import IpcMain, serve
from renderer import IpcRenderer, aio
from renderer.deadline import Deadline
from renderer.wire.limits import MIB
from tests.integration.conftest import Write
from tests.support.processes import PATIENCE, run_python, running_main

LARGE = 64 * MIB - 1_000

pytestmark = pytest.mark.slow


@pytest.fixture
async def address(ipc: IpcMain) -> AsyncIterator[str]:
    async with serve(ipc, listen="127.0.0.1:0") as main:
        yield main.address


@pytest.fixture
def ipc() -> IpcMain:
    return IpcMain()


@pytest.fixture
def arrived(ipc: IpcMain) -> list[object]:
    """What has arrived in main, in this order; of what is large, only its size."""
    order: list[object] = []

    def note(what: Any) -> object:
        order.append(len(what) if isinstance(what, bytes) else what)
        return order[-1]

    ipc.on("note", lambda event, what: note(what))
    ipc.handle("note", lambda event, what: note(what))
    ipc.handle("echo", lambda event, what: what)
    return order


async def on_threads(address: str, work: Callable[[IpcRenderer], object]) -> None:
    """Let a renderer on threads do something, beside main's loop."""

    def do() -> None:
        with IpcRenderer(address) as page:
            work(page)

    await asyncio.wait_for(asyncio.to_thread(do), PATIENCE)


async def test_small_calls_pass_a_large_one_on_threads(
    address: str, arrived: list[object]
) -> None:
    def work(page: IpcRenderer) -> None:
        settled: list[object] = []
        large = page.invoke("note", bytes(LARGE), lane=1)
        large.add_done_callback(lambda reply: settled.append(reply.result()))
        behind = page.invoke("note", "behind", lane=1)
        for number in range(5):
            assert page.invoke("note", number).result(PATIENCE) == number
        assert not settled
        assert large.result(PATIENCE) == LARGE
        assert behind.result(PATIENCE) == "behind"

    await on_threads(address, work)
    assert arrived == [0, 1, 2, 3, 4, LARGE, "behind"]


async def test_small_calls_pass_a_large_one_on_asyncio(
    address: str, arrived: list[object]
) -> None:
    async with aio.IpcRenderer(address) as page:
        large = page.invoke("note", bytes(LARGE), lane=1)
        behind = page.invoke("note", "behind", lane=1)
        page.send("note", "event", lane=2**32 - 1)
        for number in range(5):
            assert await page.invoke("note", number) == number
        assert not large.done()
        assert await large == LARGE
        assert await behind == "behind"
    assert arrived == ["event", 0, 1, 2, 3, 4, LARGE, "behind"]


async def test_what_main_sends_passes_what_main_sends(
    ipc: IpcMain, address: str
) -> None:
    heard: list[object] = []
    async with aio.IpcRenderer(address) as page:
        page.on("note", lambda what: heard.append(what))
        page.on("large", lambda what: heard.append(len(what)))
        page.handle("size", len)
        (contents,) = ipc.web_contents
        size = contents.invoke("size", bytes(LARGE // 2), lane=3)
        contents.send("large", bytes(LARGE // 4), lane=2)
        contents.send("note", "behind", lane=2)
        for number in range(5):
            contents.send("note", number)
            ipc.broadcast("note", -number, lane=1)
        assert await size == LARGE // 2
    small = [n for number in range(5) for n in (number, -number)]
    assert heard == [*small, LARGE // 4, "behind"]


async def test_a_large_result_holds_up_its_lane_only(
    ipc: IpcMain, address: str
) -> None:
    ipc.handle("large", lambda event: bytes(LARGE))
    ipc.handle("small", lambda event: "small")
    settled: list[str] = []

    def note(name: str, _: object) -> None:
        settled.append(name)

    async with aio.IpcRenderer(address) as page:
        calls = {
            "large": page.invoke("large", lane=1),
            "behind": page.invoke("small", lane=1),
            "other": page.invoke("small", lane=2),
            "plain": page.invoke("small"),
        }
        for name, call in calls.items():
            call.add_done_callback(partial(note, name))
        await asyncio.gather(*calls.values())
    assert settled == ["other", "plain", "large", "behind"]


async def test_a_cancelled_large_call_frees_its_lane(
    address: str, arrived: list[object]
) -> None:
    async with aio.IpcRenderer(address) as page:
        for _ in range(3):
            large = page.invoke("note", bytes(LARGE), lane=1)
            behind = page.invoke("note", "behind", lane=1)
            assert await page.invoke("note", "small") == "small"  # it is on its way
            large.cancel()
            assert await behind == "behind"
    assert arrived == ["small", "behind"] * 3


async def test_a_large_message_that_was_sent_arrives_before_the_end(
    address: str, arrived: list[object]
) -> None:
    size = LARGE // 8  # not more than leaves in time, on any machine
    async with aio.IpcRenderer(address) as page:
        page.send("note", bytes(size), lane=1)
        page.send("note", "behind", lane=1)
    await on_threads(address, lambda page: page.send("note", bytes(size), lane=1))
    assert arrived == [size, "behind", size]


async def test_a_unary_sync_message_waits_for_a_large_one(
    ipc: IpcMain, address: str, arrived: list[object]
) -> None:
    @ipc.on("sync")
    def _(event: Any) -> None:
        event.return_value = list(arrived)

    def work(page: IpcRenderer) -> None:
        page.send("note", bytes(LARGE), lane=1)
        line = page._line()  # noqa: SLF001 - the way of those whose stream is not at hand
        result = line.send_sync_unary("sync", (), Deadline(PATIENCE), None)
        assert result == [LARGE]

    await on_threads(address, work)


MAIN = """
    from mainproc import ipc

    ipc.handle("echo", lambda event, value: value)
"""

PAGE = """
    import resource, sys
    from renderer import IpcRenderer

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    size = {size}
    with IpcRenderer(sys.argv[1]) as page:
        assert page.invoke("echo", b"small").result(30) == b"small"
        data = bytes(size)
        before = peak()
        for _ in range(3):
            assert page.invoke("echo", data, lane=1).result(60) == data
        print((peak() - before) / size)
"""


def test_the_largest_message_takes_bounded_memory(write: Write) -> None:
    page: Path = write("page.py", PAGE.format(size=LARGE))
    with running_main(write("main.py", MAIN)) as main:
        code, out, err = run_python(page, main.address)
        assert (code, err) == (0, "")
        # Its tree, its bytes and those of the reply, the reply's tree and its value.
        assert float(out) < 6
        status = Path(f"/proc/{main.process.pid}/status")
        if status.exists():
            (line,) = (
                line
                for line in status.read_text().splitlines()
                if line.startswith("VmHWM")
            )
            assert int(line.split()[1]) * 1024 < 7 * LARGE
