"""The wheel of this checkout, built by the hatchling of this environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHES = shutil.ignore_patterns("__pycache__", "node_modules")


def copy_checkout(tree: Path) -> None:
    """Copy what a wheel is built from."""
    for folder in ("generated", "mainproc", "renderer"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=CACHES)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tree)


def build_wheel(tree: Path) -> Path:
    """Build the wheel of a copy; downloads nothing."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=tree, check=True, capture_output=True)
    (path,) = tree.glob("dist/electron_ipc-*.whl")
    return path
