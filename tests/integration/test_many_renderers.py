"""200 renderers at once, one of them stopped: the others are served."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

import renderer
from renderer.wire.limits import DEFAULT_LIMITS, MIB
from tests.integration.conftest import Write
from tests.support.processes import PATIENCE, RunningMain, environment, running_main

CROWD = 199
CALLS = 10
WINDOW = DEFAULT_LIMITS.window_messages

MAIN = """
    import asyncio, resource
    from pathlib import Path
    from mainproc import Overloaded, WebContents, ipc

    begun = 0
    gate = asyncio.Event()

    @ipc.handle("wait")
    async def wait(event, number):
        global begun
        begun += 1
        if begun == 2_000:
            print("all in flight", flush=True)
        await gate.wait()
        return number

    @ipc.on("open")
    def open(event):
        gate.set()

    @ipc.handle("double")
    def double(event, number):
        return 2 * number

    def memory():
        resident = Path("/proc/self/statm").read_text().split()[1]
        return int(resident) * resource.getpagesize()

    @ipc.handle("flood", thread=True)
    def flood(event, id, count):
        contents, text = WebContents.from_id(id), 1_000 * "x"
        refused, before = 0, memory()
        for _ in range(count):
            try:
                contents.send("text", text)
            except Overloaded:
                refused += 1
        return refused, memory() - before

    @ipc.handle("end")
    async def end(event, id):
        await WebContents.from_id(id).drain()
        return WebContents.from_id(id).send("end")
"""

THE_CROWD = f"""
    import sys
    from renderer import connect

    pages = [connect() for _ in range({CROWD})]

    def ask(channel):
        asked = [(n, page.invoke(channel, n)) for page in pages for n in range({CALLS})]
        return [(n, reply.result()) for n, reply in asked]

    print(sum(n == result for n, result in ask("wait")), flush=True)
    for _ in sys.stdin:
        print(sum(2 * n == result for n, result in ask("double")), flush=True)
    for page in pages:
        page.close()
"""

THE_STOPPED_ONE = f"""
    from renderer import ipc

    heard = []
    ipc.on("text", heard.append)
    ipc.once("end", lambda: ipc.close())
    ipc.connect()
    replies = [ipc.invoke("wait", n) for n in range({CALLS})]
    print(ipc.id, flush=True)
    print(sum(n == reply.result() for n, reply in enumerate(replies)))
    ipc.wait()
    print(len(heard))
"""


@contextmanager
def running(script: Path, main: RunningMain) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=environment(main.address),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def next_number(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def serve_again(crowd: subprocess.Popen[str]) -> int:
    """Have every page of the crowd ask again; return how many were answered."""
    assert crowd.stdin is not None
    crowd.stdin.write("\n")
    crowd.stdin.flush()
    return next_number(crowd)


@pytest.mark.slow
def test_two_hundred_renderers_one_of_them_stopped(write: Write) -> None:
    """Each has ten invokes in flight; main sends the stopped one two windows."""
    everything = CROWD * CALLS
    with (
        running_main(write("main.py", MAIN)) as main,
        running(write("crowd.py", THE_CROWD), main) as crowd,
        running(write("stopped.py", THE_STOPPED_ONE), main) as stopped,
        renderer.connect(main.address) as control,
    ):
        id = next_number(stopped)
        assert main.next_line() == "all in flight"
        stopped.send_signal(signal.SIGSTOP)
        control.send("open")
        assert next_number(crowd) == everything

        flooding = control.invoke("flood", id, 2 * WINDOW)
        assert serve_again(crowd) == everything
        refused, grown = flooding.result(PATIENCE)
        assert refused == WINDOW
        # What waits for it is a window of 64 MiB, each message kept once, and some 200
        # bytes of Python objects for each. A second copy would not fit in here.
        assert grown < 1.5 * DEFAULT_LIMITS.window_bytes, f"{grown / MIB:.0f} MiB"
        assert serve_again(crowd) == everything

        stopped.send_signal(signal.SIGCONT)
        assert control.invoke("end", id).result(PATIENCE) is True
        assert next_number(stopped) == CALLS
        assert next_number(stopped) == WINDOW
        assert (stopped.wait(PATIENCE), crowd.communicate()[0]) == (0, "")
        assert main.stop()[0] == 0
