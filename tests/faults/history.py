"""What programs write down while messages pass: one line of JSON for each thing.

All processes of a machine have the monotonic clock in common, so that their histories
can be put together. A line is written before the next thing is done: what a process
did until it was killed can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

Did = Literal[
    "sent",  # about to be handed to `send` or `invoke`, with the stream's next number
    "refused",  # … which raised, or returned False
    "arrived",  # a listener or handler was called with it
    "called",  # it was a call
    "completed",  # … which has a result ("ok") or an error
    "gap",  # a renderer was told of a gap
    "ended",  # a program was told that a session is over
    "unheard",  # a renderer was never told of this session, so not of its end either
    "cut",  # the network was broken, or a process was stopped
    "killed",  # a process was killed
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        at: seconds on the monotonic clock.
        did: what.
        page: the renderer it is about.
        session: the session, as main knows it: `life:number`; of main's end, if "ended"
            or "killed", perhaps only the life.
        stream: which messages are numbered: "up" to main, "sync" likewise, "down".
        n: the number, from 1.
        count: of a gap: what was sent and is unconfirmed.
        missing: of a gap: what never came; None if nobody can know.
        text: an outcome or a reason, for people; "ok" is one for the checker.
    """

    at: float
    did: Did
    page: str = ""
    session: str = ""
    stream: str = ""
    n: int = 0
    count: int = 0
    missing: int | None = None
    text: str = ""


class Recorder:
    """Writes a history, from any thread."""

    def __init__(self, path: str | Path) -> None:
        # Unbuffered, and one write a line: threads need no lock.
        self._file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - see `close`

    def note(self, did: Did, **what: Any) -> None:
        """Write down that something happens now."""
        line = json.dumps({"at": monotonic(), "did": did, **what})
        self._file.write(f"{line}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Reader:
    """Reads a history that is still being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""

    def new(self) -> Iterator[Entry]:
        """Return what has been added since the last time."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            yield Entry(**json.loads(line))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
