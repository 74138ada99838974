"""The main process of `soaked`, as a child of the tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.processes import RunningMain, running_command

ROOT: Final = Path(__file__).parents[2]
_RUN: Final = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


@contextmanager
def soaked_main(module: str = "tests.soak.soaked") -> Iterator[RunningMain]:
    """Run it, or another program of ours, while the block runs."""
    with running_command(sys.executable, "-c", _RUN, str(ROOT), module) as main:
        yield main
