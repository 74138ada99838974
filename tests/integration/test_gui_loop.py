"""`dispatch=` with the loop of a real GUI: Tk, on a display of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Write
from tests.support.processes import running_main
from tests.support.windows import USER, display_in_memory, run_window

PROGRAMS = Path(__file__).parents[1] / "typing/programs"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with display_in_memory() as number:
        yield number


# ---- the program that we recommend ---------------------------------------------------


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
