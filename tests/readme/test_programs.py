"""Every program of the README is run, as its reader would run it."""

from __future__ import annotations

import os
import queue
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from renderer import IpcRenderer
from tests.faults.proxy import proxy_in_thread
from tests.readme.screens import README, programs, screens, write_programs
from tests.support.processes import PATIENCE, RunningMain, run_python, running_main
from tests.support.services import running_service
from tests.support.windows import USER, display_in_memory, run_window

RUN_HERE = {
    "": {"main.py", "page.py"},
    "Ask and answer": {"main.py", "page.py"},
    "Slow work and progress": {"main.py", "page.py"},
    "Main asks, and windows": {"main.py", "editor.py", "page.py"},
    "When the connection breaks": {"main.py", "page.py"},
    "In a program of your own": {
        "coordinator.py",
        "page.py",
        "web.py",
        "window.py",
        "worker.py",
    },
    "Testing": {"main.py", "test_main.py"},
}


def test_no_program_is_left_out() -> None:
    run = {(title, name) for title, names in RUN_HERE.items() for name in names}
    written = {(title, name) for title in screens() for name in programs(title)}
    assert written == run
    fences = re.findall(r"^```python$", README.read_text(), re.MULTILINE)
    assert len(fences) == len(written), "a program's first line names its file"


def test_the_readme_is_short() -> None:
    assert len(screens()) - 1 <= 14
    longest = max(map(len, (text.splitlines() for text in screens().values())))
    assert longest <= 120


@contextmanager
def screen(title: str, folder: Path) -> Iterator[RunningMain]:
    """Write a screen's programs and run its main process."""
    write_programs(title, folder)
    with running_main(folder / "main.py") as main:
        yield main


def environment(main: RunningMain) -> dict[str, str]:
    return {
        **os.environ,
        "ELECTRON_IPC_ADDRESS": main.address,
        "PYTHONUNBUFFERED": "1",
    }


def prints(main: RunningMain, *command: str | Path) -> list[str]:
    """Run a renderer to its end, which must be a good one; return what it printed."""
    code, out, err = run_python(*command, env=environment(main))
    assert (code, err) == (0, "")
    return out.splitlines()


def test_the_first_two(tmp_path: Path) -> None:
    with screen("", tmp_path) as main:
        page = subprocess.Popen(
            [sys.executable, "-m", "renderer", tmp_path / "page.py"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(main),
        )
        with page:
            assert page.stdout is not None
            assert [page.stdout.readline() for _ in range(2)] == ["pong\n"] * 2
            code, out, _ = main.stop()
            assert (code, out) == (0, "ping\nping\n")
            assert page.wait(PATIENCE) == 0, "main has said goodbye"


def test_ask_and_answer(tmp_path: Path) -> None:
    with screen("Ask and answer", tmp_path) as main:
        assert prints(main, tmp_path / "page.py") == [
            "5",
            "Error invoking remote method 'order': OutOfStock: only 7 left",
            "OutOfStock {'left': 7}",
        ]
        assert main.stop()[1] == "shop hello\n"


def test_slow_work_and_progress(tmp_path: Path) -> None:
    with screen("Slow work and progress", tmp_path) as main:
        lines = prints(main, tmp_path / "page.py")
        told = [line for line in lines if line.isdecimal() and line != "3"]
        assert told == ["50", "100"]
        assert [line for line in lines if line not in told] == [
            "{'year': 2026, 'total': 1200.5}",
            "3",
            "no reply to 'shrink' within 0.1 s",
        ]


def test_main_asks_and_windows(tmp_path: Path) -> None:
    with screen("Main asks, and windows", tmp_path) as main:
        editors = [
            subprocess.Popen(
                [sys.executable, "-m", "renderer", tmp_path / "editor.py", name],
                stdout=subprocess.PIPE,
                text=True,
                env=environment(main),
            )
            for name in ("left", "bottom")
        ]
        try:
            for editor in editors:
                assert editor.stdout is not None
                assert editor.stdout.readline() == "open\n"
            assert prints(main, tmp_path / "page.py") == ["2 saved: yes"]
            assert [editor.wait(PATIENCE) for editor in editors] == [0, 0]
        finally:
            for editor in editors:
                editor.kill()
                editor.communicate()
        out, _ = main.process.communicate(timeout=PATIENCE)
        assert main.process.returncode == 0, "all windows are closed"
        assert sorted(out.splitlines()) == [
            "bottom 6",
            "bottom it said goodbye",
            "left 4",
            "left it said goodbye",
            "menu it said goodbye",
        ]


def test_when_the_connection_breaks(tmp_path: Path) -> None:
    title = "When the connection breaks"
    with screen(title, tmp_path) as main, proxy_in_thread(main.address) as proxy:
        page = subprocess.Popen(
            [sys.executable, "-m", "renderer", tmp_path / "page.py"],
            stdout=subprocess.PIPE,
            text=True,
            env={**environment(main), "ELECTRON_IPC_ADDRESS": proxy.address},
        )
        with page:
            assert page.stdout is not None
            assert page.stdout.readline() == "1\n"
            proxy.reset()
            told = [page.stdout.readline() for _ in range(2)]
            assert told == ["looking for main\n", "connected again\n"]
            code, out, _ = main.stop()
            assert (code, out) == (0, "away\nback\ngone: main stops\n")
            assert page.communicate(timeout=PATIENCE)[0] == ""


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the keys")
def test_open_it_to_other_machines(tmp_path: Path) -> None:
    write_programs("Ask and answer", tmp_path)
    commands = screens()["Open it to other machines"]
    script = re.findall(r"^```sh\n(.*?)^```", commands, re.MULTILINE | re.DOTALL)[0]
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    here = script.replace("0.0.0.0:50051", f"127.0.0.1:{port}")
    here = here.replace("localhost:50051", f"localhost:{port}")
    here = here.replace("mainproc ", f"{sys.executable} -m mainproc ")
    here += "code=$?; kill $!; wait; exit $code"
    done = subprocess.run(
        ["bash", "-c", here],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


def test_workers(tmp_path: Path) -> None:
    write_programs("In a program of your own", tmp_path)
    code, out, err = run_python("coordinator.py", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert out == "[121, 144]\n"


def test_a_web_application(tmp_path: Path) -> None:
    write_programs("In a program of your own", tmp_path)
    address = f"unix:{tmp_path}/ipc.sock"
    here = {**os.environ, "ELECTRON_IPC_ADDRESS": address}
    with (
        running_service("web:app", tmp_path, here) as service,
        IpcRenderer(address, title="terminal") as page,
    ):
        shown = queue.SimpleQueue[str]()
        page.on("show", shown.put)
        page.connect()
        assert service.ask("/windows") == ["terminal"]
        assert service.ask("/show?text=hello", "POST") == 1
        assert shown.get(timeout=PATIENCE) == "hello"
        assert "Traceback" not in service.end()


def test_a_window(tmp_path: Path) -> None:
    with (
        display_in_memory() as display,
        screen("Slow work and progress", tmp_path) as main,
    ):
        write_programs("In a program of your own", tmp_path)
        user, window = tmp_path / "user.py", tmp_path / "window.py"
        user.write_text(USER)
        assert run_window(user, main, display, window) == (0, "tk 100 %\n", "")


def test_a_renderer_in_asyncio(tmp_path: Path) -> None:
    with screen("Ask and answer", tmp_path) as main:
        write_programs("In a program of your own", tmp_path)
        assert prints(main, tmp_path / "page.py") == ["5"]
        assert main.stop()[1] == "async hello\n"


def test_a_test(tmp_path: Path) -> None:
    write_programs("Testing", tmp_path)
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error"]
    code, out, err = run_python("-m", "pytest", *quiet, cwd=tmp_path)
    assert (code, err) == (0, ""), out
    assert "3 passed" in out
