"""What a peer needs that this machine may not have."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_NPM_S: Final = 120.0

Need = Callable[[], None]
"""Sees to it that something is there, or raises `Missing`."""


class Missing(Exception):
    """Something is not here; says what, and how to get it."""


def packages(*names: str) -> Need:
    """Need Python packages, by the names they are imported by."""
    return partial(_need_packages, names)


def npm(folder: Path) -> Need:
    """Need node, and what a folder's package-lock.json names; install that there."""
    return partial(_need_npm, folder)


def _need_packages(names: tuple[str, ...]) -> None:
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        text = f"{', '.join(missing)} not installed: pip install -e '.[bench]'"
        raise Missing(text)


def _need_npm(folder: Path) -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"no {program} on this machine")
    lock, installed = folder / "package-lock.json", folder / "node_modules"
    note = installed / ".package-lock.json"  # npm's, written when it is through
    if note.exists() and note.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = (shutil.which("npm") or "npm", "ci", "--no-audit", "--no-fund")
    try:
        subprocess.run(
            command,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_NPM_S,
        )
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr).strip().splitlines() or ["it does not say why"]
        raise Missing(f"npm ci failed: {lines[-1]}") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"npm ci took more than {_NPM_S:g} s") from None
