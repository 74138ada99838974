"""How much of everything: seconds of it in the suite, all of it in `make soak`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "ELECTRON_IPC_SOAK"
"""Names the file of the report; set in `make soak` only."""
SOAKING: Final = bool(os.environ.get(VARIABLE))


Line = tuple[str, int, float, str]
"""Of the report: what, how many, in how many seconds, and what else there is to say."""


def scaled(plain: int, full: int) -> int:
    """Return how many: the one in the suite, the other in `make soak`."""
    return full if SOAKING else plain


def report(what: str, count: int, seconds: float, remark: str = "") -> None:
    """Add a line to the report of `make soak`."""
    if SOAKING:
        line = json.dumps([what, count, round(seconds, 1), remark])
        with Path(os.environ[VARIABLE]).open("a") as file:
            file.write(line + "\n")


def read(path: Path) -> list[Line]:
    """Return the lines of a report, in the order of what they are about."""
    text = path.read_text() if path.exists() else ""
    lines: list[Line] = [tuple(json.loads(line)) for line in text.splitlines()]
    return sorted(lines)
