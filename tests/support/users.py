"""Where a user works: a folder of their own, and Python with what we publish."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import PATIENCE
from tests.support.wheel import build_wheel, copy_checkout


@dataclass(frozen=True)
class User:
    """A user's folder and Python."""

    folder: Path
    python: Path

    def run(self, *command: str | Path, timeout: float = PATIENCE) -> tuple[int, str]:
        """Run a command in the folder; return exit code, and all that it says."""
        mine = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=mine,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return done.returncode, done.stdout


def settle_in(place: Path) -> User:
    """Make an environment in which our wheel is installed; downloads nothing.

    Everything else is that of the environment which runs the tests, but not what makes
    the checkout itself importable: type checkers, too, follow .pth files.
    """
    tree, environment, folder = (place / name for name in ("tree", "env", "work"))
    tree.mkdir()
    folder.mkdir()
    copy_checkout(tree)
    venv.create(environment, with_pip=False, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    with zipfile.ZipFile(build_wheel(tree)) as wheel:
        wheel.extractall(packages)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        link = packages / path.name
        ours = path.suffix == ".pth" or path.name.startswith("electron_ipc")
        if not ours and not link.exists():
            link.symlink_to(path)
    return User(folder, environment / "bin/python")
