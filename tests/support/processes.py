"""Main processes and other programs as child processes, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 30.0
"""Seconds after which something that should have happened long ago has not."""


class RunningMain:
    """A `mainproc run` that has said that renderers may come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"main said nothing: {process.stderr and process.stderr.read()}"
        self.address: str = json.loads(line)["address"]

    def next_line(self) -> str:
        """Return what the script prints next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def stop(self) -> tuple[int, str, str]:
        """End it in order; return exit code, rest of its output, and its errors."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


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


def run_python(*arguments: str | Path, **options: object) -> tuple[int, str, str]:
    """Run a Python program to its end; return exit code, output and errors."""
    command: Sequence[str] = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **options,  # type: ignore[call-overload]  # cwd, env: as subprocess has them
    )
    return done.returncode, done.stdout, done.stderr
