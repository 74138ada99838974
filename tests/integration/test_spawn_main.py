"""What becomes of spawned processes when main scripts end, in whichever way."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.integration.conftest import Write
from tests.integration.spawn_support import sockets
from tests.support.processes import PATIENCE, RunningMain, running_main

pytestmark = pytest.mark.usefixtures(sockets.__name__)

__all__ = ("sockets",)

MAIN: Final = """
    import pathlib, sys, time
    import mainproc
    from mainproc import app

    WORKER = str(pathlib.Path(__file__).with_name("worker.py"))

    @app.on("ready")
    async def start():
        child = await mainproc.spawn([sys.executable, WORKER])
        print(child.pid, flush=True)
        print(await child.wait(), flush=True)
"""

# In short sleeps: Python may miss a signal that comes just before a long one begins.
HOLD: Final = "while True: time.sleep(0.01)"
HOLDS: Final = MAIN.replace("print(await child.wait(), flush=True)", HOLD)

WAITS: Final = "from renderer import ipc; ipc.wait()"

WAITS_ON_A_LOOP: Final = """\
import asyncio, pathlib
from renderer.aio import ConnectionClosed, ipc

async def page():
    try:
        await ipc.wait()  # raises if main was killed before its Welcome was heard
        ipc.send("x")
    except ConnectionClosed as error:
        pathlib.Path(__file__).with_name("end").write_text(str(error))

asyncio.run(page())
"""

# Neither Goodbye nor the end of its connection is anything to this one.
WORKS: Final = "import signal; from renderer import ipc; ipc.connect(); signal.pause()"


class Spawned:
    """A process that is not ours, so that nobody here can wait for it."""

    def __init__(self, pid: int) -> None:
        self._fd = os.pidfd_open(pid)

    def has_ended(self) -> bool:
        """Wait until it has."""
        return bool(select.select([self._fd], [], [], PATIENCE)[0])

    def close(self) -> None:
        os.close(self._fd)


@contextmanager
def family(
    main: Path, worker: str, *arguments: str
) -> Generator[tuple[RunningMain, Spawned]]:
    """Run a main process that has spawned a worker."""
    main.with_name("worker.py").write_text(worker)
    with running_main(main, *arguments) as running:
        spawned = Spawned(int(running.next_line()))
        yield running, spawned
        spawned.close()


@pytest.mark.parametrize(
    ("worker", "grace", "code"),
    [(WAITS, "20", 0), (WORKS, "0", -signal.SIGTERM)],
    ids=["waits", "works"],
)
def test_a_signal_ends_both(write: Write, worker: str, grace: str, code: int) -> None:
    main = write("main.py", MAIN)
    with family(main, worker, "--grace", grace) as (running, spawned):
        assert running.stop() == (0, f"{code}\n", "")
        assert spawned.has_ended()


def test_one_that_waits_hears_of_a_killed_main(write: Write, sockets: Path) -> None:
    with family(write("main.py", MAIN), WAITS) as (running, spawned):
        running.process.kill()
        assert spawned.has_ended()
    (left,) = sockets.iterdir()  # nobody was there to remove it
    shutil.rmtree(left)


def test_one_on_a_loop_does_not_look_for_a_killed_main(
    write: Write, sockets: Path
) -> None:
    main = write("main.py", MAIN)
    with family(main, WAITS_ON_A_LOOP) as (running, spawned):
        running.process.kill()
        assert spawned.has_ended()
    end = main.with_name("end").read_text()
    assert "gave up" not in end, "it has looked for it as long as for any other"
    (left,) = sockets.iterdir()
    shutil.rmtree(left)


@pytest.mark.parametrize(("signals", "code"), [(1, 1), (2, 130)])
def test_a_held_main_takes_it_along(write: Write, signals: int, code: int) -> None:
    main = write("main.py", HOLDS)
    with family(main, WORKS, "--grace", "0") as (running, spawned):
        for number in (signal.SIGTERM, signal.SIGINT)[:signals]:
            running.process.send_signal(number)
        running.process.communicate(timeout=PATIENCE)
        assert running.process.returncode == code
        assert spawned.has_ended()


FORGETFUL: Final = """
    import asyncio, sys, threading
    import mainproc

    spawned = threading.Event()

    async def serve():
        async with mainproc.serve(listen=()):
            child = await mainproc.spawn([sys.executable, sys.argv[1]])
            print(child.pid, flush=True)
            spawned.set()
            await child.wait()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    spawned.wait()
    sys.stdin.read()
"""


def test_a_program_that_forgets_to_stop_main_takes_it_along(write: Write) -> None:
    scripts = write("program.py", FORGETFUL), write("worker.py", WORKS)
    words = [sys.executable, *map(str, scripts)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, text=True, stdin=pipe, stdout=pipe) as program:
        assert program.stdout is not None
        spawned = Spawned(int(program.stdout.readline()))
        program.communicate(timeout=PATIENCE)
        assert spawned.has_ended()
        spawned.close()
