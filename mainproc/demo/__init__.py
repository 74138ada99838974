"""Electron's example, as two child processes that share one standard output."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Final

from mainproc.config import ADDRESS_VARIABLE

_PATIENCE: Final = 30


def run() -> int:
    """Run the example, on an address of its own, and return its exit code."""
    with tempfile.TemporaryDirectory(prefix="mainproc-demo-") as folder:
        # Both know the address beforehand, whichever starts first.
        environment = {**os.environ, ADDRESS_VARIABLE: f"unix:{folder}/ipc.sock"}
        return _run_both(environment)


def _run_both(environment: dict[str, str]) -> int:
    main = _start("main", environment)
    try:
        page = _start("renderer", environment)
        try:
            code = page.wait(_PATIENCE)
        finally:
            page.kill()
            page.communicate()
    finally:
        main.terminate()
        main.communicate(timeout=_PATIENCE)
    return code or main.returncode


def _start(role: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mainproc.demo.labelled", role]
    # Ctrl-C is for this process, which ends them. Should it die without, or be told
    # before it has taken note of them: they end with their standard input.
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, start_new_session=True
    )
