"""Main processes and other programs as child processes, for tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PATIENCE = 60.0
"""Seconds after which something that should have happened long ago has not."""


def next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints, which it must."""
    assert process.stdout is not None
    line = process.stdout.readline()
    # At its end, what it has said on stderr tells why.
    assert line, f"it has ended: {process.stderr and process.stderr.read()}"
    return line.rstrip("\n")


class RunningMain:
    """A `mainproc run` that has said that renderers may come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.address: str = json.loads(next_line(process))["address"]

    def next_line(self) -> str:
        """Return what the script prints next."""
        return next_line(self.process)

    def stop(self) -> tuple[int, str, str]:
        """End it in order; return exit code, rest of its output, and its errors."""
        self.process.terminate()
        return end_of(self.process)


@contextmanager
def running_main(script: Path, *arguments: str) -> Iterator[RunningMain]:
    """Run a script as a main process on a free port while the block runs."""
    command = [sys.executable, "-m", "mainproc", "run", *arguments]
    if "--listen" not in arguments:
        command += ["--listen", "127.0.0.1:0"]
    with running_command(*command, "--ready", "json", str(script)) as main:
        yield main


@contextmanager
def running_command(*command: str) -> Iterator[RunningMain]:
    """Run a command that is a main process, with `--ready json`, for a while."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield RunningMain(process)
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)


def environment(address: str) -> dict[str, str]:
    """Return what tells a program where main is."""
    return {**os.environ, "ELECTRON_IPC_ADDRESS": address}


@contextmanager
def running_page(
    address: str, *command: str | Path
) -> Generator[subprocess.Popen[str]]:
    """Run a Python program that is a renderer while the block runs."""
    page = subprocess.Popen(
        [sys.executable, *command],
        env=environment(address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with page:
        try:
            yield page
        finally:
            page.kill()


def end_of(page: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a program's end; return exit code, rest of its output, its errors."""
    out, err = page.communicate(timeout=PATIENCE)
    return page.returncode, out, noteworthy(err)


_SLOW: Final = re.compile(
    r"^(?:mainproc: )?no answer from a main process at \S+ yet; waiting\r?\n"
    r"|^\w+ for '.*' held main for \S+ s; register it with thread=True\n",
    re.MULTILINE,
)


def noteworthy(err: str) -> str:
    """Return what a program has told on stderr, but not that something takes long.

    A renderer says that main has not answered for a second, main that a listener has
    held it for a quarter of one. On a busy machine neither is a sign of anything.
    """
    return _SLOW.sub("", err)


def run_python(
    *arguments: str | Path, told_to_wait: bool = False, **options: object
) -> tuple[int, str, str]:
    """Run a Python program to its end; return exit code, output and errors.

    Args:
        arguments: its path, or options of Python's; what follows is for the program.
        told_to_wait: keep among the errors that it waits for main; see `noteworthy`.
        options: for `subprocess.run`.
    """
    command: Sequence[str] = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,  # it may be a suite of tests
        check=False,
        **options,  # type: ignore[call-overload]  # cwd, env: as subprocess has them
    )
    err = done.stderr if told_to_wait else noteworthy(done.stderr)
    return done.returncode, done.stdout, err
