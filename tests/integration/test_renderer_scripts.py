"""The life of a renderer's script: how it ends, and what it leaves behind."""

from __future__ import annotations

import signal
import subprocess
import textwrap
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from renderer import IpcRenderer
from tests.support.memory import MemoryMain, served
from tests.support.processes import (
    PATIENCE,
    RunningMain,
    end_of,
    environment,
    next_line,
    run_python,
    running_main,
    running_page,
)

MAIN = """
    from mainproc import ipc

    seen = []

    @ipc.on("number")
    def _(event, number):
        seen.append(number)

    @ipc.on("seen")
    def _(event):
        event.return_value = list(seen)
        seen.clear()

    @ipc.on("say")
    def _(event, what):
        event.sender.send("said", what)

    @ipc.on("goodbye")
    def _(event):
        event.sender.close()
"""

WAYS = pytest.mark.parametrize("way", [(), ("-m", "renderer")], ids=["python", "-m"])

Script = Callable[[str], Path]


@pytest.fixture
def main(tmp_path: Path) -> Iterator[RunningMain]:
    path = tmp_path / "main.py"
    path.write_text(textwrap.dedent(MAIN))
    with running_main(path) as main:
        yield main


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(text: str) -> Path:
        path = tmp_path / "page.py"
        path.write_text(textwrap.dedent(text))
        return path

    return write


@contextmanager
def running(address: str, *command: str | Path) -> Generator[subprocess.Popen[str]]:
    """Run a page that prints a line when it is ready."""
    with running_page(address, *command) as page:
        assert next_line(page) == "ready"
        yield page


def seen_by(main: RunningMain) -> object:
    with IpcRenderer(main.address) as ipc:
        return ipc.send_sync("seen")


SENDING = """
    from renderer import ipc

    for number in range(1000):
        ipc.send("number", number)
"""

ENDS = {
    "end": ("", 0, ""),
    "exit": ("raise SystemExit(7)", 7, ""),
    "error": ("raise ValueError('boom')", 1, "ValueError: boom\n"),
}


@WAYS
@pytest.mark.parametrize("end", ENDS)
def test_what_was_sent_arrives_however_the_script_ends(
    main: RunningMain, script: Script, way: tuple[str, ...], end: str
) -> None:
    last_line, code, complaint = ENDS[end]
    page = script(textwrap.dedent(SENDING) + last_line)
    got, out, err = run_python(*way, page, env=environment(main.address))
    assert (got, out) == (code, "")
    assert err.endswith(complaint)
    assert "renderer" not in err  # neither frames nor complaints of ours
    assert seen_by(main) == list(range(1000))


def test_what_other_threads_send_while_the_program_ends_arrives(
    main: RunningMain, script: Script
) -> None:
    page = script(
        """
        import threading
        from renderer import ipc

        def send():
            threading.main_thread().join()
            for number in range(1000):
                ipc.send("number", number)

        ipc.connect()
        threading.Thread(target=send).start()
        """
    )
    assert run_python(page, env=environment(main.address)) == (0, "", "")
    assert seen_by(main) == list(range(1000))


def test_what_main_did_not_confirm_is_one_line(script: Script) -> None:
    main = MemoryMain()
    main.consuming = False
    page = script(
        """
        from renderer import ipc
        from renderer.threads import lifetime

        lifetime._FLUSH_S = 0.1
        ipc.send("number", 1)
        ipc.send("number", 2)
        """
    )
    with served(main) as (_, address):
        code, out, err = run_python(page, env=environment(address))
    assert (code, out) == (0, "")
    assert err == f"renderer: main at {address} has not confirmed 2 messages\n"


LISTENING = """
    from renderer import ipc

    @ipc.on("said")
    def said(what):
        print(what, flush=True)

    ipc.send("say", "ready")
"""

# Ready it is when it waits: what interrupts it before is the program's own affair.
READY_WHEN_IT_WAITS = """
    import sys, threading
    from renderer import ipc

    def waits():
        frame = sys._current_frames()[threading.main_thread().ident]
        while frame and frame.f_code.co_name != "wait_over":
            frame = frame.f_back
        return frame

    @ipc.on("said")
    def said(what):
        while not waits():
            pass
        print(what, flush=True)

    ipc.send("say", "ready")
"""

WAITING = f"""{READY_WHEN_IT_WAITS}
    print("waited:", ipc.wait())
"""

OWN_OBJECTS = """
    from renderer import IpcRenderer, connect

    left = connect()
    right = IpcRenderer().connect()
    right.on("said", print)
    left.handle("x", print)
    left.on("said", lambda what: print(what, flush=True))
    left.send("say", "ready")
"""


@pytest.mark.parametrize("text", [LISTENING, OWN_OBJECTS], ids=["ipc", "objects"])
def test_a_listening_script_stays_until_main_says_goodbye(
    main: RunningMain, script: Script, text: str
) -> None:
    with running(main.address, "-m", "renderer", script(text)) as page:
        main.stop()
        assert end_of(page) == (0, "", "")


def test_a_script_that_waits_itself(main: RunningMain, script: Script) -> None:
    with running(main.address, script(WAITING)) as page:
        main.stop()
        assert end_of(page) == (0, "waited: True\n", "")


@pytest.mark.parametrize("text", [LISTENING, WAITING], ids=["stays", "waits"])
def test_a_broken_connection_is_exit_3(
    main: RunningMain, script: Script, text: str
) -> None:
    text = text.replace("ipc.send", "ipc.connect(reconnect=False).send")
    with running(main.address, "-m", "renderer", script(text)) as page:
        main.process.kill()
        code, _, err = end_of(page)
    assert code == 3
    assert err.startswith(f"renderer: the connection to main at {main.address} broke")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "use",
    ["ipc.on('x', print)", "ipc.send('x')", "ipc.connect()", "ipc.send_sync('x')"],
)
def test_no_main_is_exit_3(script: Script, use: str) -> None:
    page = script(
        "from renderer import IpcRenderer\n"
        f"ipc = IpcRenderer('127.0.0.1:1', connect_timeout=0.1)\n{use}\n"
    )
    code, out, err = run_python("-m", "renderer", page)
    assert (code, out) == (3, "")
    assert err.startswith("renderer: no main process at 127.0.0.1:1 after 0.1 s; ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("way", "text", "code"),
    [
        (("-m", "renderer"), LISTENING, 130),
        (("-m", "renderer"), WAITING, 130),
        # As a shell sees it, Python itself ends by the signal.
        ((), WAITING, -signal.SIGINT),
    ],
    ids=["stays", "waits", "python"],
)
def test_ctrl_c_is_quiet(
    main: RunningMain, script: Script, way: tuple[str, ...], text: str, code: int
) -> None:
    with running(main.address, *way, script(text)) as page:
        page.send_signal(signal.SIGINT)
        assert end_of(page) == (code, "", "")


def test_ctrl_c_is_quiet_while_there_is_no_main(script: Script) -> None:
    page = script(
        f"""
    import logging
    from renderer import IpcRenderer

    class Doubts(logging.Handler):
        def emit(self, record):
            print("ready", flush=True)

    logging.getLogger("ipc.renderer").addHandler(Doubts())
    IpcRenderer("127.0.0.1:1", connect_timeout={PATIENCE}).wait()
    """
    )
    with running("127.0.0.1:1", page) as running_page:
        running_page.send_signal(signal.SIGINT)
        assert end_of(running_page) == (-signal.SIGINT, "", "")


def test_a_script_may_catch_ctrl_c(main: RunningMain, script: Script) -> None:
    page = script(
        f"""{READY_WHEN_IT_WAITS}
    try:
        ipc.wait()
    except KeyboardInterrupt:
        ipc.send("number", 1)
        print("bye")
    """
    )
    with running(main.address, page) as running_page:
        running_page.send_signal(signal.SIGINT)
        assert end_of(running_page) == (0, "bye\n", "")
    assert seen_by(main) == [1]
