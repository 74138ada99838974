"""The renderer on threads against a real main, over connections that are cut."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from renderer import ConnectionClosed, IpcRenderer
from tests.faults.proxy import Proxy, cut_somehow, proxy_in_thread
from tests.support.memory import Heard
from tests.support.processes import (
    PATIENCE,
    RunningMain,
    next_line,
    noteworthy,
    running_main,
)
from tests.support.waiting import wait_until

MAIN = """
    import asyncio
    from mainproc import ipc

    seen = []

    @ipc.on("up")
    def _(event, number):
        seen.append(number)
        event.sender.send("down", number)

    @ipc.handle("add")
    def _(event, a, b):
        return a + b

    @ipc.on("double")
    def _(event, number):
        event.return_value = 2 * number

    @ipc.handle("seen")
    def _(event):
        return seen

    @ipc.handle("slow")
    async def _(event):
        await asyncio.Event().wait()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text(textwrap.dedent(MAIN))
    return path


@pytest.fixture
def main(script: Path) -> Iterator[RunningMain]:
    with running_main(script) as main:
        yield main


@pytest.fixture
def proxy(main: RunningMain) -> Iterator[Proxy]:
    with proxy_in_thread(main.address) as proxy:
        yield proxy


class Page(IpcRenderer):
    """A renderer that tells what becomes of its link."""

    def __init__(self, proxy: Proxy, **options: Any) -> None:
        super().__init__(proxy.address, **options)
        self.news = Heard()
        self.on_reconnecting(lambda: self.news.put("reconnecting"))
        self.on_reconnected(lambda: self.news.put("reconnected"))
        self.on_disconnect(lambda: self.news.put("disconnected"))
        self.on_gap(lambda *what: self.news.put(what))


@pytest.fixture
def ipc(proxy: Proxy) -> Iterator[Page]:
    with Page(proxy) as ipc:
        # Before its answer to Welcome is there, main would not keep it.
        assert ipc.connect().send_sync("double", 1) == 2
        yield ipc


@pytest.fixture
def helpers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_nothing_is_lost_at_full_speed(
    ipc: Page, proxy: Proxy, helpers: ThreadPoolExecutor
) -> None:
    count, draw = 5_000, random.Random(1)
    down: list[int] = []
    all_here, moved = threading.Event(), threading.Event()

    @ipc.on("down")
    def arrived(number: int) -> None:
        down.append(number)
        moved.set()
        if number == count - 1:
            all_here.set()

    def call() -> list[int]:
        return [ipc.invoke("add", n, 1).result() for n in range(100)]

    def ask() -> list[int]:
        return [ipc.send_sync("double", n) for n in range(100)]

    others = helpers.submit(call), helpers.submit(ask)
    number = ipc.id
    for up in range(count):
        ipc.send("up", up)
        if up % 20 == 0:
            ipc.drain()
        if up % 250 == 249:
            # Something new is back: three links of no use would rightly be the end.
            while len(down) <= up - 250:
                assert moved.wait(3 * PATIENCE)
                moved.clear()
            cut_somehow(proxy, up // 250, draw)
    calls, answers = (other.result(3 * PATIENCE) for other in others)
    assert all_here.wait(3 * PATIENCE)
    assert calls == [n + 1 for n in range(100)]
    assert answers == [n * 2 for n in range(100)]
    assert down == list(range(count))
    assert ipc.invoke("seen").result(PATIENCE) == list(range(count))
    assert proxy.accepted > 5
    assert ipc.id == number
    while not ipc.news.empty():
        assert ipc.news.next() in ("reconnecting", "reconnected")


def test_a_black_hole_is_noticed(proxy: Proxy) -> None:
    with Page(proxy, dead_after=2.0) as ipc:
        assert ipc.connect().send_sync("double", 1) == 2
        proxy.connections[0].black_hole()
        assert ipc.invoke("add", 3, 4).result(PATIENCE) == 7
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    assert proxy.accepted >= 2


def test_a_half_close_is_a_cut(ipc: Page, proxy: Proxy) -> None:
    proxy.half_close("down")
    assert ipc.send_sync("double", 4) == 8
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]


def test_a_main_that_is_away_for_a_while(ipc: Page, proxy: Proxy) -> None:
    number = ipc.id
    proxy.accepts = False
    proxy.reset()
    assert ipc.news.next() == "reconnecting"
    assert not ipc.is_connected()
    ipc.send("up", 1)
    reply = ipc.invoke("add", 1, 2)
    proxy.accepts = True
    assert reply.result(PATIENCE) == 3
    assert ipc.news.next() == "reconnected"
    assert ipc.id == number
    assert ipc.invoke("seen").result(PATIENCE) == [1]


def test_a_sync_message_beside_a_stream_that_is_cut(ipc: Page, proxy: Proxy) -> None:
    ask = ipc._send_sync_unary  # noqa: SLF001 - for this way there is no public door
    for number in range(10):
        ipc.send("up", number)
        proxy.reset()
        assert ask("double", number) == 2 * number
    assert ipc.invoke("seen").result(PATIENCE) == list(range(10))


def test_a_main_that_was_killed_and_started_again(
    main: RunningMain, script: Path, ipc: Page, proxy: Proxy
) -> None:
    ipc.send("up", 1)
    ipc.flush()
    reply = ipc.invoke("slow")
    ipc.drain()
    main.process.kill()
    assert ipc.news.next() == "reconnecting"
    ipc.send("up", 2)
    unsent = ipc.invoke("add", 1, 2)
    with running_main(script) as second:
        proxy.target = second.address
        for call, outcome in ((reply, "unknown"), (unsent, "not-sent")):
            error = call.exception(PATIENCE)
            assert isinstance(error, ConnectionClosed)
            assert error.outcome == outcome
        assert [ipc.news.next(), ipc.news.next()] == [(3, None), "reconnected"]
        ipc.send("up", 3)
        assert ipc.invoke("seen").result(PATIENCE) == [3]
        ipc.close()


def test_nothing_is_left_behind(ipc: Page, proxy: Proxy) -> None:
    def rest() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    def cut() -> None:
        proxy.reset()
        assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
        assert ipc.invoke("add", 1, 1).result(PATIENCE) == 2

    cut()
    threads, files = rest()
    for _ in range(20):
        cut()
    # The transport may still be closing what it has done with.
    wait_until(lambda: rest()[0] <= threads + 1 and rest()[1] <= files + 2)


# ---- scripts -------------------------------------------------------------------------

LOSING = """
    import os, signal, sys
    from renderer import ipc

    ipc.on_reconnecting(lambda: print("reconnecting", flush=True))
    ipc.connect()
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def main_on_a_path(script: Path, tmp_path: Path) -> Iterator[RunningMain]:
    """One that may be killed: a port would go to the next who asks for any."""
    with running_main(script, "--listen", f"unix:{tmp_path}/ipc.sock") as main:
        yield main


def run_losing(
    main: RunningMain,
    folder: Path,
    end: str,
    act: Callable[[subprocess.Popen[str]], object],
) -> tuple[int, str, str]:
    """Run a page that loses its main, and then does something."""
    path = folder / "page.py"
    path.write_text(textwrap.dedent(LOSING + end))
    with subprocess.Popen(
        [sys.executable, path],
        env={**os.environ, "ELECTRON_IPC_ADDRESS": main.address},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as page:
        try:
            assert page.stdin is not None
            assert next_line(page) == "ready"
            main.process.kill()
            assert next_line(page) == "reconnecting"
            page.stdin.write("go on\n")
            page.stdin.flush()
            act(page)
            out, err = page.communicate(timeout=PATIENCE)
            return page.returncode, out, noteworthy(err)
        finally:
            page.kill()


def test_ctrl_c_while_main_is_away(main_on_a_path: RunningMain, tmp_path: Path) -> None:
    end = """
    try:
        print("waiting", flush=True)
        ipc.send_sync("double", 1)
    except KeyboardInterrupt:
        ipc.close()
        print("interrupted")
    """

    def interrupt(page: subprocess.Popen[str]) -> None:
        assert next_line(page) == "waiting"
        page.send_signal(signal.SIGINT)

    code, out, err = run_losing(main_on_a_path, tmp_path, end, interrupt)
    assert (code, out) == (0, "interrupted\n")
    first, *others = err.splitlines()
    assert first.startswith(f"lost main at {main_on_a_path.address}")
    assert len(others) <= 1  # the cancel of the call was not confirmed, nor is told


def test_the_end_of_a_script_while_main_is_away(
    main_on_a_path: RunningMain, tmp_path: Path
) -> None:
    end = """
    ipc.send("up", 1)
    """
    code, _, err = run_losing(main_on_a_path, tmp_path, end, lambda _: None)
    assert code == 0
    lost, *unable, told = err.splitlines()
    assert lost.startswith(f"lost main at {main_on_a_path.address}")
    # CPython 3.12.0 to 3.12.2 start no thread at the end, as a new link needs.
    assert len(unable) == ((3, 12) <= sys.version_info < (3, 12, 3))
    assert all("cannot be made again: can't create new" in line for line in unable)
    text = f"renderer: main at {main_on_a_path.address} has not confirmed 1 message"
    assert told == text
