"""A main process that lives and dies with the program that started it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from renderer import IpcRenderer
from tests.integration.conftest import Write
from tests.support.processes import PATIENCE

PARENT = """
    import subprocess, sys

    main = subprocess.Popen(
        [sys.executable, "-m", "mainproc", "run", "--listen", "127.0.0.1:0",
         "--ready", "json", "--exit-with-stdin", *sys.argv[1:]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    for line in main.stdout:
        print(line, end="", flush=True)
"""

MAIN = """
    import time
    from mainproc import ipc

    @ipc.handle("add")
    def add(event, a, b):
        return a + b

    @ipc.on("hold")
    def hold(event):
        print("held", flush=True)
        while True:
            time.sleep(0.01)
"""


class Family:
    """A parent, and the main process that it has started."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self.parent = parent
        ready: dict[str, Any] = json.loads(self.next_line())
        self.address: str = ready["address"]
        self.main_pid: int = ready["pid"]
        self._main = os.pidfd_open(self.main_pid)

    def next_line(self) -> str:
        """Return what main prints next."""
        assert self.parent.stdout is not None
        return self.parent.stdout.readline()

    def kill_parent(self) -> None:
        self.parent.send_signal(signal.SIGKILL)
        assert self.parent.wait(PATIENCE) == -signal.SIGKILL

    def wait_for_mains_end(self) -> None:
        """It is no child of ours: nobody but its new parent learns its exit code."""
        ended, _, _ = select.select([self._main], [], [], PATIENCE)
        assert ended, "main survives its parent"

    def close(self) -> None:
        os.close(self._main)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.main_pid, signal.SIGKILL)


@contextmanager
def family(parent: Path, *arguments: str | Path) -> Generator[Family]:
    process = subprocess.Popen(
        [sys.executable, str(parent), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            family = Family(process)
            try:
                yield family
            finally:
                family.close()
        finally:
            process.kill()


def test_main_goes_when_its_parent_is_killed(write: Write) -> None:
    parent, main = write("parent.py", PARENT), write("main.py", MAIN)
    with family(parent, main) as running, IpcRenderer(running.address) as page:
        assert page.invoke("add", 2, 3).result(PATIENCE) == 5
        running.kill_parent()
        running.wait_for_mains_end()
        assert page.wait(PATIENCE), "main said no goodbye"


def test_main_goes_even_if_a_listener_holds_it(write: Write) -> None:
    parent, main = write("parent.py", PARENT), write("main.py", MAIN)
    with family(parent, "--grace", "0", main) as running:
        page = IpcRenderer(running.address).connect()
        page.send("hold")
        assert running.next_line() == "held\n"
        running.kill_parent()
        running.wait_for_mains_end()
        page.close()
