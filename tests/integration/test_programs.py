"""Programs as users write them, run as they would run them.

`tests/typing` shows them to the type checkers, as they stand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import (
    PATIENCE,
    RunningMain,
    environment,
    noteworthy,
    run_python,
    running_main,
)
from tests.support.users import settle_in

PROGRAMS = Path(__file__).parents[1] / "typing/programs"

Way = tuple[str, ...]
WAYS = pytest.mark.parametrize("way", [(), ("-m", "renderer")], ids=["python", "-m"])


def output_of(main: RunningMain, *command: str) -> list[str]:
    """Run a page to its good end; return the lines that it prints."""
    code, out, err = run_python(*command, cwd=PROGRAMS, env=environment(main.address))
    assert (code, err) == (0, "")
    return out.splitlines()


def page_of(main: str, page: str, *way: str) -> list[str]:
    """Run a main and a page; return what the page prints. Main says nothing."""
    with running_main(PROGRAMS / main) as running:
        lines = output_of(running, *way, page)
        assert running.stop() == (0, "", "")
    return lines


@WAYS
def test_progress_to_a_window(way: Way) -> None:
    assert page_of("progress_main.py", "progress_page.py", *way) == [
        " 25 % a.csv",
        " 50 % bb.csv",
        " 75 % ccc.csv",
        "100 % dddd.csv",
        "26 letters",
    ]


def test_progress_to_a_window_on_asyncio() -> None:
    assert page_of("progress_main.py", "aio_page.py") == [
        " 50 % a.csv",
        "100 % bb.csv",
        "11 letters",
    ]


@WAYS
def test_errors_with_details(way: Way) -> None:
    with running_main(PROGRAMS / "errors_main.py") as main:
        assert output_of(main, *way, "errors_page.py") == [
            "1 left",
            "no more milk; again in 2 days",
            "we do not sell gold, only milk, tea",
        ]
        log = main.stop()[2]
    assert "SoldOut: no more milk\n" in log


@WAYS
def test_main_asks_the_window(way: Way) -> None:
    with running_main(PROGRAMS / "question_main.py") as main:
        env = environment(main.address)
        with subprocess.Popen(
            [sys.executable, *way, "question_page.py"],
            cwd=PROGRAMS,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        ) as page:
            assert page.stdout is not None
            lines = [page.stdout.readline().rstrip("\n") for _ in range(4)]
            code, _, err = main.stop()
            assert page.wait(PATIENCE) == 0
    assert lines == ["Delete old.txt?", "True", "Delete new.txt?", "False"]
    assert (code, err) == (0, "")


def test_five_windows_and_broadcast() -> None:
    names = ["ann", "bob", "cleo", "dan", "eve"]
    with running_main(PROGRAMS / "chat_main.py") as main:
        pages = [
            subprocess.Popen(
                [sys.executable, "chat_page.py", name],
                cwd=PROGRAMS,
                env=environment(main.address),
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in names
        ]
        outputs = [page.communicate(timeout=PATIENCE)[0].strip() for page in pages]
        # The last one has closed: main ends by itself.
        out, err = main.process.communicate(timeout=PATIENCE)
    assert [page.returncode for page in pages] == [0] * 5
    for name, output in zip(names, outputs, strict=True):
        others = [f"{n}: hello from {n}" for n in names if n != name]
        assert output == ", ".join(others)
    assert sorted(out.splitlines()) == [f"{n} to 4: hello from {n}" for n in names]
    assert (main.process.returncode, noteworthy(err)) == (0, "")


def test_worker_children() -> None:
    with running_main(PROGRAMS / "workers_main.py") as main:
        asking = "print(ipc.invoke('squares', [1, 2, 3, 4, 5]).result(timeout=30))"
        lines = output_of(main, "-c", f"from renderer import ipc; {asking}")
        assert lines == ["[1, 4, 9, 16, 25]"]
        assert main.stop() == (0, "", "")


def test_the_tests_of_an_application(tmp_path: Path) -> None:
    """With pytest and our fixtures, as they come with the package."""
    user = settle_in(tmp_path)
    for name in "shop.py", "test_shop.py":
        shutil.copy(PROGRAMS / name, user.folder)
    command = ("-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio")
    code, said = user.run(user.python, *command)
    assert code == 0, said
    assert "3 passed" in said
