"""`python -m renderer`, without a main process and in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from renderer import __main__ as runner
from renderer.wire.errors import ConnectionClosed

Script = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    for name in ("argv", "path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def write(text: str) -> str:
        path = tmp_path / "page.py"
        path.write_text(text)
        return str(path)

    return write


def test_a_script_sees_what_python_would_show_it(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    page = script("import sys; print(__name__, __file__, sys.argv, sys.path[0])")
    assert runner.run([page, "a", "-b"]) == 0
    assert capsys.readouterr().out == (
        f"__main__ {page} {[page, 'a', '-b']} {Path(page).parent}\n"
    )


def test_a_script_that_raises_shows_its_own_frames_only(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    page = script("def f():\n    raise ValueError('boom')\nf()\n")
    assert runner.run([page]) == 1
    error = capsys.readouterr().err
    assert error.count("File ") == error.count(page) == 2
    assert error.endswith("ValueError: boom\n")


def test_a_script_that_is_no_python(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.run([script("def f(")]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "SyntaxError" in error


def test_a_script_may_exit(script: Script) -> None:
    with pytest.raises(SystemExit) as left:
        runner.run([script("raise SystemExit(7)")])
    assert left.value.code == 7


def test_ctrl_c_is_quiet(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.run([script("raise KeyboardInterrupt")]) == 130
    assert capsys.readouterr().err == ""


def test_no_connection_is_one_line(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    page = script("from renderer import *\nraise ConnectionClosed('no main process')")
    assert runner.run([page]) == 3
    assert capsys.readouterr().err == "renderer: no main process\n"


def test_it_stays_until_main_says_goodbye(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[bool] = []
    monkeypatch.setattr(runner, "wait_for_all", lambda: waited.append(True))
    assert runner.run([script("")]) == 0
    assert waited == [True]


def test_a_main_that_is_not_there_to_stay_for(
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wait() -> None:
        raise ConnectionClosed("the connection to main broke")

    monkeypatch.setattr(runner, "wait_for_all", wait)
    assert runner.run([script("")]) == 3
    assert capsys.readouterr().err == "renderer: the connection to main broke\n"


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.run([]) == 2
    assert "python -m renderer page.py" in capsys.readouterr().err
    assert runner.run(["--help"]) == 0
    assert "python -m renderer page.py" in capsys.readouterr().out
    assert runner.run(["--nonsense"]) == 2
    assert runner.run(["nowhere.py"]) == 2
    assert "cannot open nowhere.py: No such file" in capsys.readouterr().err
