"""Electron's example, as two child processes that share one standard output."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from mainproc.config import ADDRESS_VARIABLE

_HERE: Final = Path(__file__).parent
_PATIENCE: Final = 30


def run(address: str | None) -> int:
    """Run the example and return its exit code.

    Args:
        address: only serve its main process there; None: both, on an address of
            their own.
    """
    if address is not None:
        command = [sys.executable, "-m", "mainproc", "run", str(_HERE / "main.py")]
        return _call([*command, "--listen", address])
    with tempfile.TemporaryDirectory(prefix="mainproc-demo-") as folder:
        # Both know the address beforehand, whichever starts first.
        environment = {**os.environ, ADDRESS_VARIABLE: f"unix:{folder}/ipc.sock"}
        return _run_both(environment)


def _call(command: list[str]) -> int:
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                pass  # the child was told, too, and ends in order


def _run_both(environment: dict[str, str]) -> int:
    main = _start("main", environment)
    try:
        page = _start("renderer", environment)
        try:
            code = page.wait(_PATIENCE)
        finally:
            page.kill()
            page.wait()
    finally:
        main.terminate()
        main_code = main.wait(_PATIENCE)
    return code or main_code


def _start(role: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mainproc.demo.labelled", role]
    return subprocess.Popen(command, env=environment)
