"""`mainproc.serve` in the lifespan of a FastAPI application, under uvicorn."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import PATIENCE, run_python

PROGRAMS = Path(__file__).parents[1] / "typing/programs"
SERVE = ("-m", "uvicorn", "fastapi_app:app", "--port", "0")


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

    def end(self, how: signal.Signals) -> str:
        """End it; return all that it has said."""
        self.process.send_signal(how)
        _, rest = self.process.communicate(timeout=PATIENCE)
        return "".join(self.log) + rest


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "ELECTRON_IPC_ADDRESS": f"unix:{tmp_path}/ipc.sock"}


@pytest.fixture
def service(environment: dict[str, str]) -> Iterator[Service]:
    with subprocess.Popen(
        [sys.executable, *SERVE],
        cwd=PROGRAMS,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Service(process)
        finally:
            process.kill()


@contextmanager
def running_page(environment: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, PROGRAMS / "fastapi_page.py"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as page:
        try:
            assert page.stdout is not None
            assert page.stdout.readline() == "connected\n"
            yield page
        finally:
            page.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_routes_send_and_ask_and_the_end_says_goodbye(
    service: Service, environment: dict[str, str], how: signal.Signals
) -> None:
    assert service.ask("/windows") == {}
    with running_page(environment) as page:
        assert page.stdout is not None
        ((id, title),) = service.ask("/windows").items()
        assert title == "terminal"
        assert service.ask(f"/windows/{id}/show?text=hello", "POST") is True
        assert page.stdout.readline() == "hello\n"
        assert service.ask(f"/windows/{id}/size") == [80, 25]
        said = service.end(how)
        assert page.communicate(timeout=PATIENCE)[0] == "goodbye\n"
        assert page.returncode == 0
    assert "Application shutdown complete." in said
    assert "Traceback" not in said


def test_no_second_main_at_the_address(
    service: Service, environment: dict[str, str]
) -> None:
    code, _, err = run_python(*SERVE, cwd=PROGRAMS, env=environment)
    assert code == 3
    assert f"{environment['ELECTRON_IPC_ADDRESS']} is in use" in err
    assert service.ask("/windows") == {}
