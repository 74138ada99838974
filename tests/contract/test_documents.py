"""Programs that stand in documents are run, out of the documents."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import RunningMain, running_main

ROOT = Path(__file__).parents[2]

EXAMPLE = ROOT / "mainproc" / "demo" / "main.py"


@pytest.fixture
def main() -> Iterator[RunningMain]:
    with running_main(EXAMPLE) as main:
        yield main


def test_the_smallest_client_runs_out_of_the_protocol(
    main: RunningMain, tmp_path: Path
) -> None:
    text = (ROOT / "proto" / "PROTOCOL.md").read_text()
    program = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[-1]
    assert len(program.strip().splitlines()) <= 30
    script = tmp_path / "smallest.py"
    script.write_text(program)

    done = subprocess.run(
        [sys.executable, str(script), main.address],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert 'event asynchronous-reply string_value: "pong"' in done.stdout
    assert re.search(r'reply value {\s*string_value: "pong"\s*}', done.stdout)
