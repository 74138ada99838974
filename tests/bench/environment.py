"""Where it was measured, and with what."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from tests.bench.programs import ROOT

_SOCKETIO: Final = ROOT / "tests/bench/peers/node_socketio/node_modules/socket.io"
_PACKAGES: Final = (
    "electron-ipc",
    "grpcio",
    "protobuf",
    "uvloop",
    "msgpack",
    "python-socketio",
    "python-engineio",
    "aiohttp",
    "uvicorn",
    "websockets",
)


def environment() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": _told("git", "describe", "--always", "--dirty", "--abbrev=12"),
        **{name: _version(name) for name in _PACKAGES},
        "node": _told("node", "--version"),
        "socket.io": _socketio(),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # no Linux
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _socketio() -> str | None:
    try:
        package = json.loads((_SOCKETIO / "package.json").read_text())
    except OSError:
        return None
    return str(package["version"])


def _told(*command: str) -> str | None:
    """Return the line that a command says; None if there is no such command."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
