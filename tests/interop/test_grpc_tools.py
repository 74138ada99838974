"""Tools that know nothing of us but what main's reflection tells them."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE, RunningMain, running_main

BUF = Path(sysconfig.get_path("scripts")) / "buf"
EXAMPLE = Path(__file__).parents[2] / "mainproc" / "demo" / "main.py"


@pytest.fixture
def main() -> Iterator[RunningMain]:
    with running_main(EXAMPLE) as main:
        yield main


def curl(main: RunningMain, method: str, data: object, *options: str) -> object:
    done = subprocess.run(
        [
            str(BUF),
            "curl",
            "--protocol=grpc",
            "--http2-prior-knowledge",
            *options,
            f"--data={json.dumps(data)}",
            f"http://{main.address}/{method}",
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["grpc-v1", "grpc-v1alpha"])
def test_a_sync_message_by_reflection(main: RunningMain, version: str) -> None:
    answer = curl(
        main,
        "electron_ipc.v1.IpcService/SendSync",
        {"channel": "synchronous-message", "args": [{"stringValue": "ping"}]},
        f"--reflect-protocol={version}",
    )

    assert answer == {"value": {"stringValue": "pong"}}
    assert main.next_line() == "ping"


def test_a_failure_is_in_the_answer_and_not_in_the_status(main: RunningMain) -> None:
    answer = curl(
        main,
        "electron_ipc.v1.IpcService/SendSync",
        {"channel": "synchronous-mesage"},
    )

    assert answer == {
        "failure": {
            "reason": "NO_LISTENER",
            "message": "no listener for 'synchronous-mesage'; "
            "did you mean 'synchronous-message'?",
        }
    }


def test_health(main: RunningMain) -> None:
    answer = curl(main, "grpc.health.v1.Health/Check", {"service": ""})

    assert answer == {"status": "SERVING"}
