"""generated/ is what proto/generate.py writes; the check notices when it is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUBS = "generated/python/electron_ipc/v1"


def generate(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # An empty PATH: the plugins are found beside the Python that runs.
    return subprocess.run(
        [sys.executable, root / "proto" / "generate.py", *options],
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the root of a copy of all that the generator reads and writes."""
    cache = shutil.ignore_patterns("__pycache__")
    for folder in ("proto", "generated"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=cache)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_is_up_to_date() -> None:
    check = generate(ROOT, "--check")
    assert (check.returncode, check.stderr) == (0, "")


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / STUBS / "ipc_pb2.pyi").unlink()
    check = generate(copy, "--check")
    assert check.returncode == 1
    assert check.stdout == f"missing: {STUBS}/ipc_pb2.pyi\n"


def test_an_extra_file_is_named(copy: Path) -> None:
    (copy / STUBS / "orphan_pb2.py").touch()
    check = generate(copy, "--check")
    assert check.returncode == 1
    assert check.stdout == f"extra: {STUBS}/orphan_pb2.py\n"


def test_a_different_file_is_named(copy: Path) -> None:
    with (copy / STUBS / "ipc_pb2_grpc.py").open("a") as stub:
        stub.write("# edited by hand\n")
    check = generate(copy, "--check")
    assert check.returncode == 1
    assert check.stdout == f"different: {STUBS}/ipc_pb2_grpc.py\n"


def test_a_changed_contract_is_drift(copy: Path) -> None:
    with (copy / "proto/electron_ipc/v1/ipc.proto").open("a") as proto:
        proto.write("// One more message.\nmessage Novelty {}\n")
    check = generate(copy, "--check")
    assert check.returncode == 1
    assert f"different: {STUBS}/ipc_pb2.py\n" in check.stdout


def test_generating_repairs_all_of_it(copy: Path) -> None:
    (copy / STUBS / "ipc_pb2.pyi").unlink()
    (copy / STUBS / "orphan_pb2.py").touch()
    (copy / STUBS / "ipc_pb2.py").write_text("broken\n")
    assert generate(copy).returncode == 0
    assert generate(copy, "--check").returncode == 0


def test_another_generator_is_refused(copy: Path) -> None:
    pins = (copy / "pyproject.toml").read_text()
    moved = pins.replace('"mypy-protobuf==', '"mypy-protobuf==99.')
    (copy / "pyproject.toml").write_text(moved)
    check = generate(copy, "--check")
    assert check.returncode == 2
    assert check.stderr.startswith("mypy-protobuf 99.")
