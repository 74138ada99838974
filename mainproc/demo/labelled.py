"""One of the example's two processes, with its name before each line it prints.

Both write to the same standard output, directly: through pipes of a parent the lines
would arrive in the order in which it reads them, not in which they were printed.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
from pathlib import Path
from typing import Final

from mainproc.program import runner

_HERE: Final = Path(__file__).parent
_INTERRUPTED: Final = 130
_WIDTH: Final = len("renderer")


class LabelledOutput:
    """A standard output that writes whole lines, each at once, with a label."""

    def __init__(self, label: str) -> None:
        self._label = label.ljust(_WIDTH)
        self._line = ""

    def write(self, text: str) -> int:
        """Take text; write the lines that it completes."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            os.write(1, f"{self._label} | {line}\n".encode())
        return len(text)

    def flush(self) -> None:
        """Do nothing: lines go out when they are complete."""


def main(role: str) -> None:
    """Run the example's main process or its renderer."""
    sys.stdout = LabelledOutput(role)
    if role == "main":
        runner.overrides["ready"] = "quiet"  # the renderer waits until it is there
        runner.overrides["exit_with_stdin"] = True
        arguments = ["mainproc", "run", str(_HERE / "main.py")]
    else:
        _end_with_standard_input()
        arguments = ["renderer", str(_HERE / "page.py")]
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__")


def _end_with_standard_input() -> None:
    """Wait for no main process when there is nobody left who could start it."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(_INTERRUPTED)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
