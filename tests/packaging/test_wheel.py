"""What is published: the wheel's contents, and the demo from an empty environment."""

import os
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.wheel import ROOT, build_wheel, copy_checkout

PACKAGES = {
    "electron_ipc": ROOT / "generated" / "python",
    "mainproc": ROOT,
    "renderer": ROOT,
}
FOREIGN = (
    "js/client.js",
    "go/client.go",
    "java/Client.java",
    "rust/lib.rs",
    "cpp/c.cc",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout plus some file of every other language."""
    tree = tmp_path_factory.mktemp("tree")
    copy_checkout(tree)
    for name in (*FOREIGN, "node_modules/dependency/setup.py"):
        path = tree / "renderer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return build_wheel(tree)


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def test_it_holds_three_typed_packages_and_a_plugin(names: list[str]) -> None:
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {*PACKAGES, "pytest_electron_ipc.py"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


def test_it_holds_no_other_language(names: list[str]) -> None:
    suffixes = {Path(name).suffix for name in names if ".dist-info/" not in name}
    assert suffixes == {".py", ".pyi", ".typed"}
    assert not [name for name in names if "node_modules" in name]


@pytest.mark.parametrize("package", PACKAGES)
def test_it_holds_every_module_of(package: str, names: list[str]) -> None:
    root = PACKAGES[package]
    found = (root / package).rglob("*.py*")
    modules = {
        path.relative_to(root).as_posix()
        for path in found
        if path.suffix in {".py", ".pyi"} and "node_modules" not in path.parts
    }
    assert f"{package}/__init__.py" in modules
    modules -= {"mainproc/plugin/pytest_electron_ipc.py"}  # it lies at the top
    assert modules <= set(names)


@pytest.mark.network
@pytest.mark.timeout(300)
def test_the_demo_runs_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    install = [str(scripts / "python"), "-m", "pip", "install", "-q", str(wheel)]
    subprocess.run(install, cwd=tmp_path, env=clean, check=True)
    demo = subprocess.run(
        [scripts / "mainproc", "demo"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout + demo.stderr
    said = [line.split()[-1] for line in demo.stdout.splitlines()]
    assert said == ["ping", "pong", "ping", "pong"]
