"""What mypy and pyright say to right and to wrong programs, where users have them.

That is in a folder of their own, with the wheel installed, so that `py.typed` and our
annotations count, and not the checkout and its settings.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.users import User, settle_in

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "mainproc/demo"
NO_ERRORS = "0 errors, 0 warnings, 0 informations\n"
PYRIGHT = {
    "enableTypeIgnoreComments": False,  # those are for mypy
    "reportUnnecessaryTypeIgnoreComment": "error",
}

pytestmark = [pytest.mark.typing, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    user = settle_in(tmp_path_factory.mktemp("user"))
    strict, other, loose = (user.folder / name for name in ("strict", "other", "loose"))
    for folder, paths in {
        strict: [*HERE.glob("programs/*.py"), HERE / "right.py"],
        other: [HERE / "right_lambdas.py", HERE / "wrong.py"],
        loose: [DEMO / "main.py", DEMO / "page.py"],
    }.items():
        folder.mkdir()
        for path in paths:
            shutil.copy(path, folder)
    return user


def mypy(user: User, *arguments: str) -> tuple[int, str]:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed: see the dev extra")
    command = [sys.executable, "-m", "mypy", "--config-file="]
    where = f"--python-executable={user.python}"
    return user.run(*command, where, *arguments, timeout=200)


def pyright(user: User, mode: str, *folders: str) -> tuple[int, str]:
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed: see the dev extra")
    settings: dict[str, object] = {
        **PYRIGHT,
        "typeCheckingMode": mode,
        "include": folders,
    }
    (user.folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", f"--pythonpath={user.python}"]
    return user.run(*command, timeout=200)


def test_mypy_strict(user: User) -> None:
    """Of what is wrong, every line is an error: an ignore must ignore something."""
    code, said = mypy(user, "--strict", "strict", "other")
    assert code == 0, said
    assert said.startswith("Success: no issues found in ")


def test_pyright_basic(user: User) -> None:
    code, said = pyright(user, "basic", "strict", "other", "loose")
    assert code == 0, said
    assert said == NO_ERRORS


def test_pyright_strict(user: User) -> None:
    code, said = pyright(user, "strict", "strict")
    assert code == 0, said
    assert said == NO_ERRORS


def test_mypy_with_programs_without_annotations(user: User) -> None:
    """The way most programs begin, as in the README."""
    code, said = mypy(user, "loose/main.py", "loose/page.py")
    assert code == 0, said


def test_a_wrong_program_is_found(user: User) -> None:
    """The checkers see the package, and not `Any`."""
    text = "from mainproc import ipc\nipc.onn('x', print)\n"
    (user.folder / "breach").mkdir()
    (user.folder / "breach/main.py").write_text(text)
    code, said = mypy(user, "breach")
    assert (code, '"IpcMain" has no attribute "onn"' in said) == (1, True), said
    code, said = pyright(user, "basic", "breach")
    assert (code, 'Cannot access attribute "onn"' in said) == (1, True), said
