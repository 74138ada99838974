"""Windows on a display in memory, and who uses them."""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE, RunningMain, run_python

USER = textwrap.dedent("""
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
""").lstrip()
"""The program of a user who clicks a window's button until its label says that it is
done, and closes it."""


@contextmanager
def display_in_memory() -> Iterator[str]:
    """Give a display, on a number that is free, while the block runs."""
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
