"""The layers of the project, as contracts of import-linter in pyproject.toml.

The law is tried on this checkout, and then on small trees that break one rule each: a
contract that forbids nothing would pass here for ever.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Modules of a tree that keeps the law, each with its only import.
LAWFUL = {
    "electron_ipc/__init__": "",
    "electron_ipc/v1": "",
    "renderer/__init__": "",
    "renderer/aio/__init__": "",
    "renderer/aio/connection": "from renderer.wire import session",
    "renderer/carrier": "",
    "renderer/grpc_link": "from electron_ipc import v1",
    "renderer/wire/__init__": "",
    "renderer/wire/session": "from electron_ipc import v1",
    "mainproc/__init__": "",
    "mainproc/children/__init__": "import mainproc.servicer",
    "mainproc/cli": "import renderer",
    "mainproc/dispatch": "from renderer.wire import session",
    "mainproc/ipc_main": "import mainproc.dispatch",
    "mainproc/program/__init__": "import mainproc.server",
    "mainproc/server": "import mainproc.servicer",
    "mainproc/servicer": "from electron_ipc import v1",
    "mainproc/sessions/__init__": "import mainproc.ipc_main",
    "mainproc/testing/__init__": "",
    "mainproc/testing/links": "from renderer import carrier",
    "mainproc/testing/probe": "import renderer",
    "mainproc/web_contents": "",
}

BREACHES = [
    ("renderer/aio/connection", "import mainproc", "heavy depends on light"),
    ("electron_ipc/v1", "import renderer.wire", "heavy depends on light"),
    ("mainproc/web_contents", "import mainproc.sessions", "down to the listeners"),
    ("mainproc/sessions/__init__", "import mainproc.children", "down to the listeners"),
    ("mainproc/dispatch", "import renderer", "only through the wire"),
    ("mainproc/cli", "import renderer.grpc_link", "only through the wire"),
    ("mainproc/testing/probe", "import renderer.grpc_link", "only through the wire"),
    ("renderer/wire/session", "import renderer.aio", "the wire knows no face"),
    ("renderer/wire/session", "import renderer", "the wire knows no face"),
    ("renderer/wire/session", "import asyncio", "the wire does no I/O"),
    ("renderer/wire/session", "import time", "the wire does no I/O"),
    ("renderer/wire/session", "import grpc", "the wire does no I/O"),
    ("mainproc/dispatch", "import electron_ipc.v1", "stubs stay behind the seams"),
    (
        "renderer/aio/connection",
        "import electron_ipc.v1",
        "stubs stay behind the seams",
    ),
]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=sysconfig.get_path("scripts"))
    assert program, "no lint-imports: pip install -e '.[test]'"
    return subprocess.run(
        [program, "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},  # before the checkout's own packages
        capture_output=True,
        text=True,
        check=False,
    )


def plant(folder: Path, modules: dict[str, str]) -> None:
    for name, line in modules.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{line}\n")


def test_the_checkout_keeps_the_layers() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_lawful_tree_passes(tmp_path: Path) -> None:
    plant(tmp_path, LAWFUL)
    result = lint_imports(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("module", "line", "contract"), BREACHES)
def test_a_breach_is_found(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    plant(tmp_path, {**LAWFUL, module: line})
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stderr
    verdicts = [line for line in result.stdout.splitlines() if contract in line]
    assert " BROKEN" in verdicts[0]


@pytest.mark.parametrize("package", ["mainproc", "renderer"])
def test_importing_a_package_loads_no_grpc(package: str) -> None:
    program = f"import sys, {package}; print('grpc' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
