"""`dispatch=` with the loop of a real GUI: Tk, on a display of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Write
from tests.support.processes import PATIENCE, RunningMain, run_python, running_main

PROGRAMS = Path(__file__).parents[1] / "typing/programs"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A display in memory, on a number that is free."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"]
    with (
        subprocess.Popen(
            command, pass_fds=[writing], stderr=subprocess.DEVNULL
        ) as server,
        os.fdopen(reading) as numbers,
    ):
        os.close(writing)
        try:
            number = numbers.readline().strip()
            assert number, "Xvfb gave no display"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(PATIENCE)


def run_window(
    page: Path, main: RunningMain, display: str, *arguments: Path
) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "ELECTRON_IPC_ADDRESS": main.address,
        "DISPLAY": display,
    }
    return run_python(page, *arguments, env=environment)


# ---- the program that we recommend ---------------------------------------------------

USER = """
    # Plays the user of a window: clicks its button, reads its label, closes it.
    import runpy, sys, tkinter as tk

    loop = tk.Tk.mainloop

    def mainloop(root):
        label, button = root.winfo_children()

        def watch(*_):
            if label["text"] == "100 %":
                print(root.title(), label["text"], flush=True)
                root.destroy()
            else:
                root.after(1, watch)

        button.invoke()
        watch()
        loop(root)

    tk.Tk.mainloop = mainloop
    runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_button_a_label_and_the_end(write: Write, display: str) -> None:
    user = write("user.py", USER)
    with running_main(PROGRAMS / "window_main.py") as main:
        page = PROGRAMS / "window_page.py"
        assert run_window(user, main, display, page) == (0, "counter 100 %\n", "")
        assert main.stop() == (0, "", "")


LEAVING_MAIN = """
    from mainproc import app, ipc

    @ipc.handle("name")
    def name(event):
        return "counter"

    @ipc.on("count")
    def count(event, steps):
        app.quit()
"""


def test_main_goes_and_the_window_closes(write: Write, display: str) -> None:
    user = write("user.py", USER)
    with running_main(write("main.py", LEAVING_MAIN)) as main:
        page = PROGRAMS / "window_page.py"
        assert run_window(user, main, display, page) == (0, "", "")


# ---- what holds in it ----------------------------------------------------------------

MAIN = """
    from mainproc import ipc

    @ipc.on("flood")
    def flood(event, count):
        for number in range(count):
            event.sender.send("number", number)
        event.sender.send("last")

    @ipc.on("double")
    def double(event, number):
        event.return_value = 2 * number

    @ipc.handle("halve")
    async def halve(event, number):
        return number / 2
"""

WINDOW = """
    import queue, threading, tkinter as tk
    from renderer import ipc

    root = tk.Tk()
    jobs = queue.SimpleQueue()
    numbers, threads = [], set()

    def work():
        for _ in range(jobs.qsize()):
            jobs.get()()
        root.after(20, work)

    @ipc.on("number")
    def number(n):
        threads.add(threading.current_thread())
        numbers.append(n)

    @ipc.on("last")
    def last():
        print(numbers == list(range(5_000)), threads == {threading.main_thread()})
        button.invoke()

    def clicked():
        print(ipc.send_sync("double", 21), ipc.invoke("halve", 84).result(timeout=10))
        ipc.invoke("halve", 1).add_done_callback(answered)

    def answered(reply):
        print(reply.result(), threading.current_thread() is threading.main_thread())
        root.event_generate("<<Close>>")

    button = tk.Button(root, command=clicked)
    root.bind("<<Close>>", lambda event: root.destroy())
    ipc.connect(dispatch=jobs.put)
    ipc.send("flood", 5_000)
    work()
    root.mainloop()
    print("closed")
"""


def test_all_on_tks_thread_and_in_order(write: Write, display: str) -> None:
    with running_main(write("main.py", MAIN)) as main:
        code, out, err = run_window(write("window.py", WINDOW), main, display)
        assert (code, err) == (0, "")
        assert out == "True True\n42 42.0\n0.5 True\nclosed\n"
        assert main.stop() == (0, "", "")
