"""Runs the full figures and prints them as a table: `make soak`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.soak.scale import VARIABLE, Line, read

ROOT: Final = Path(__file__).parents[2]
_STATEFUL: Final = "TestSessions or TestSimulation"
_STEPS: Final[dict[str, tuple[str, ...]]] = {
    "fuzz inputs": (
        "tests/property",
        "--hypothesis-profile=soak",
        "--hypothesis-show-statistics",
        *("-k", f"not ({_STATEFUL})"),
    ),
    "stateful examples": (
        "tests/property",
        "--hypothesis-profile=soak-stateful",
        "--hypothesis-show-statistics",
        *("-k", _STATEFUL),
    ),
    "": ("tests/soak", "tests/hostile/test_streams.py"),
}
"""What Hypothesis counts there, if it does, and how to run it."""
_OPTIONS: Final = (
    "-q",
    "-n2",
    "--dist=load",
    "--timeout=0",
    "-ofaulthandler_timeout=0",
)
_EXAMPLES: Final = re.compile(r"- (\d+) passing\b.*?, \d+ failing\b")


def examples_in(output: str) -> int:
    """Return how many examples pytest says that Hypothesis has tried."""
    return sum(int(found) for found in _EXAMPLES.findall(output))


def table(lines: list[Line], seconds: float) -> str:
    """Return the report as a table, with the date and the machine."""
    rows = [
        f"| {what} | {count:,} | {took:,.0f} s | {remark or '–'} |"
        for what, count, took, remark in lines
    ]
    head = ["| what | how much | time | remark |", "|---|---|---|---|"]
    return "\n".join(
        [machine(), f"{seconds / 60:.0f} minutes in all.", "", *head, *rows]
    )


def machine() -> str:
    """Return where and when this runs."""
    today = datetime.now(UTC).date()
    return (
        f"{today}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, grpcio {version('grpcio')}, "
        f"protobuf {version('protobuf')}, msgpack {version('msgpack')}."
    )


def run(arguments: tuple[str, ...], report: Path) -> tuple[int, str]:
    """Run pytest; show what it says, and return it with its exit code."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, *arguments]
    print("$", *command[1:], flush=True)
    output: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {VARIABLE: str(report)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if not line.startswith((" ", "tests/", "\n")):  # statistics
                print(line, end="", flush=True)
    return process.returncode, "".join(output)


def main() -> int:
    """Run all steps; return 1 if one of them has failed."""
    began = time.monotonic()
    lines: list[Line] = []
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        for what, arguments in _STEPS.items():
            started = time.monotonic()
            code, output = run(arguments, report)
            failed |= code
            if what:
                took = time.monotonic() - started
                lines.append((what, examples_in(output), took, ""))
        lines += read(report)
    print(f"\n{table(lines, time.monotonic() - began)}")
    if failed:
        print("\nSomething has failed; see above.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
