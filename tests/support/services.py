"""Web applications under uvicorn, for tests of main processes in them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import PATIENCE


def serve(application: str) -> tuple[str, ...]:
    """Return Python's arguments for serving an application on a free port."""
    return ("-m", "uvicorn", application, "--port", "0")


class Service:
    """A running uvicorn."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.log: list[str] = []
        for line in process.stderr:
            self.log.append(line)
            if found := re.search(r"running on (http://\S+)", line):
                self.url = found[1]
                return
        raise AssertionError("".join(self.log))

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)

    def end(self, how: signal.Signals = signal.SIGTERM) -> str:
        """End it; return all that it has said."""
        self.process.send_signal(how)
        _, rest = self.process.communicate(timeout=PATIENCE)
        return "".join(self.log) + rest


@contextmanager
def running_service(
    application: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[Service]:
    """Serve an application while the block runs."""
    with subprocess.Popen(
        [sys.executable, *serve(application)],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Service(process)
        finally:
            process.kill()
