"""Scripts whose hook connects to the next main process: they stay for it."""

from __future__ import annotations

import signal
import subprocess
import textwrap
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import (
    PATIENCE,
    RunningMain,
    end_of,
    next_line,
    running_main,
    running_page,
)

MAIN = """
    from mainproc import ipc

    @ipc.on("hello")
    def _(event):
        event.sender.send("hello")
"""
PAGE = f"""
    import logging
    import threading

    from renderer import ipc
    from renderer.threads.dispatcher import ThreadDispatcher

    join, looking = ThreadDispatcher.join, threading.Event()

    class Doubts(logging.Handler):
        def emit(self, record):
            if record.getMessage().endswith("yet; waiting"):
                looking.set()

    def hurried(dispatcher, timeout):
        # The seconds that hooks have are over when one of them is connecting.
        looking.wait({PATIENCE})
        print("looking", flush=True)  # and this is where the program waits
        ThreadDispatcher.join = join

    @ipc.on_disconnect
    def again():
        ipc._hooks.disconnect.clear()
        logging.getLogger("ipc.renderer").addHandler(Doubts())
        ipc.connect(connect_timeout={PATIENCE})
        ipc.send("hello")

    ThreadDispatcher.join = hurried
    ipc.on("hello", lambda: print("hello", flush=True))
    ipc.send("hello")
"""
WAITING = f"{PAGE}    print('waited:', ipc.wait())\n"
WAYS = pytest.mark.parametrize(
    ("way", "text"),
    [(("-m", "renderer"), PAGE), ((), WAITING)],
    ids=["stays", "waits"],
)


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Return where one main process after the other can be."""
    return f"unix:{tmp_path}/sockets/main"


@contextmanager
def main_at(address: str, folder: Path) -> Generator[RunningMain]:
    path = folder / "main.py"
    path.write_text(textwrap.dedent(MAIN))
    with running_main(path, "--listen", address) as main:
        yield main


@pytest.fixture
def looking(
    address: str, tmp_path: Path, way: tuple[str, ...], text: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a page whose main has gone, and whose hook looks for the next."""
    path = tmp_path / "page.py"
    path.write_text(textwrap.dedent(text))
    with running_page(address, *way, path) as page:
        with main_at(address, tmp_path) as main:
            assert next_line(page) == "hello"
            assert main.stop()[0] == 0
        assert next_line(page) == "looking"
        yield page


@WAYS
def test_it_stays_for_the_next_main(
    address: str, tmp_path: Path, looking: subprocess.Popen[str], text: str
) -> None:
    with main_at(address, tmp_path) as main:
        assert next_line(looking) == "hello"
        assert main.stop()[0] == 0
        waited = "waited: True\n" if text is WAITING else ""
        assert end_of(looking) == (0, waited, "")


@WAYS
def test_ctrl_c_ends_it_at_once(
    looking: subprocess.Popen[str], way: tuple[str, ...]
) -> None:
    looking.send_signal(signal.SIGINT)
    # As a shell sees it, Python itself ends by the signal.
    code = 130 if way else -signal.SIGINT
    assert end_of(looking) == (code, "", "")
