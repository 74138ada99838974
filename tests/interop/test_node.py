"""The smallest Node client against a real main process."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE, running_main

HERE = Path(__file__).parent / "node"
EXAMPLE = Path(__file__).parents[2] / "mainproc" / "demo" / "main.py"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(),
    reason="needs node, and `npm ci` in tests/interop/node (see `make interop`)",
)


def test_the_client_is_as_small_as_we_say() -> None:
    assert len((HERE / "client.mjs").read_text().splitlines()) <= 60


@needs_node
def test_node_sends_calls_listens_and_invokes() -> None:
    with running_main(EXAMPLE) as main:
        done = subprocess.run(
            ["node", str(HERE / "client.mjs"), main.address],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        code, out, err = main.stop()

    assert (done.returncode, done.stderr) == (0, "")
    said: dict[str, object] = {}
    for line in done.stdout.splitlines():
        said |= json.loads(line)
    assert said == {
        "sync": "pong",
        "invoke": 5,
        "event": ["asynchronous-reply", "pong"],
    }
    assert (code, sorted(out.split())) == (0, ["ping", "ping"])
    assert "Traceback" not in err
