"""The contract passes buf's lint and breaks nothing that the baseline promised."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

PROTO = Path(__file__).parents[2] / "proto"
IPC = "electron_ipc/v1/ipc.proto"
ANNOTATIONS = 100  # buf's exit code for "I have remarks about your files"


def buf(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the buf that the buf-bin package put beside this Python."""
    program = shutil.which("buf", path=sysconfig.get_path("scripts"))
    assert program, "no buf: pip install -e '.[test]'"
    return subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(PROTO, tmp_path / "proto")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return buf(folder, "lint")


def breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    return buf(folder, "breaking", "--against", "baseline.binpb")


def test_lint() -> None:
    result = lint(PROTO)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_lint_wants_comments_and_standard_names(copy: Path) -> None:
    with (copy / IPC).open("a") as proto:
        proto.write("message lower {}\n")
    result = lint(copy)
    assert result.returncode == ANNOTATIONS
    assert "should be PascalCase" in result.stdout
    assert "should have a non-empty comment" in result.stdout


def test_nothing_breaks_the_baseline() -> None:
    result = breaking(PROTO)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_field_with_another_number_breaks_it(copy: Path) -> None:
    text = (copy / IPC).read_text()
    number = re.search(r"^ +string \w+ = (\d+);", text, re.MULTILINE)
    assert number
    (copy / IPC).write_text(text[: number.start(1)] + "9999" + text[number.end(1) :])
    result = breaking(copy)
    assert result.returncode == ANNOTATIONS
    assert "was deleted" in result.stdout


def test_an_added_message_does_not(copy: Path) -> None:
    with (copy / IPC).open("a") as proto:
        proto.write("// One more message.\nmessage Novelty {}\n")
    assert breaking(copy).returncode == 0
