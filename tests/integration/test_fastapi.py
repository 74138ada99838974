"""`mainproc.serve` in the lifespan of a FastAPI application, under uvicorn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE, run_python
from tests.support.services import Service, running_service, serve

PROGRAMS = Path(__file__).parents[1] / "typing/programs"
APPLICATION = "fastapi_app:app"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "ELECTRON_IPC_ADDRESS": f"unix:{tmp_path}/ipc.sock"}


@pytest.fixture
def service(environment: dict[str, str]) -> Iterator[Service]:
    with running_service(APPLICATION, PROGRAMS, environment) as service:
        yield service


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
    code, _, err = run_python(*serve(APPLICATION), cwd=PROGRAMS, env=environment)
    assert code == 3
    assert f"{environment['ELECTRON_IPC_ADDRESS']} is in use" in err
    assert service.ask("/windows") == {}
