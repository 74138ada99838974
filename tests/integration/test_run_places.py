"""`mainproc.run` where it cannot be meant, and `sys.exit` where main runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from renderer import IpcRenderer, RemoteError
from tests.integration.conftest import Write
from tests.support.processes import PATIENCE, noteworthy, run_python, running_main


def test_in_a_loop_of_somebody_elses(write: Write) -> None:
    script = write(
        "main.py",
        """
        import asyncio, mainproc

        async def program():
            mainproc.run()

        asyncio.run(program())
        """,
    )
    code, _, err = run_python(script)
    assert code == 1
    assert err.splitlines()[-1] == (
        "RuntimeError: mainproc.run() runs a loop of its own, and one runs here "
        "already: use `async with mainproc.serve():`"
    )
    assert "never awaited" not in err


def test_off_the_main_thread(write: Write) -> None:
    script = write(
        "main.py",
        """
        import threading, mainproc
        threading.Thread(target=mainproc.run).start()
        """,
    )
    _, _, err = run_python(script)
    assert "RuntimeError: mainproc.run() handles signals, which needs the main" in err


def test_where_pytest_looks_for_tests(write: Write) -> None:
    write("main.py", "import mainproc\nmainproc.run(listen='127.0.0.1:0')\n")
    folder = write("test_it.py", "import main\ndef test_it(): pass\n").parent
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
    code, out, _ = run_python("-m", "pytest", *options, cwd=folder)
    assert code == 2
    assert "pytest only looks for tests: put it under `if __name__ ==" in out


def test_a_name_goes_with_a_module(write: Write) -> None:
    script = write("main.py", "from mainproc import IpcMain\nmine = IpcMain()\n")
    code, _, err = run_python("-m", "mainproc", "run", f"{script}:mine")
    assert code == 2
    assert "a NAME goes with a module: mainproc run main:mine" in err


EXITS = """
    import sys
    from mainproc import app, ipc

    @ipc.handle("plain")
    def plain(event):
        sys.exit(7)

    @ipc.on("async")
    async def later(event):
        sys.exit("enough")

    @app.on("before-quit")
    def leaving():
        print("leaving", flush=True)
"""


@pytest.mark.parametrize(("channel", "code"), [("plain", 7), ("async", 1)])
def test_exiting_in_a_listener_ends_main_in_order(
    write: Write, channel: str, code: int
) -> None:
    with running_main(write("main.py", EXITS)) as main:
        with IpcRenderer(main.address) as page:
            page.connect()
            if channel == "plain":
                with pytest.raises(RemoteError, match="SystemExit: 7"):
                    page.invoke(channel).result(PATIENCE)
            else:
                page.send(channel)
            assert page.wait(PATIENCE), "main has said goodbye"
        out, err = main.process.communicate(timeout=PATIENCE)
    assert main.process.returncode == code
    assert (out, noteworthy(err)) == ("leaving\n", "enough\n" if code == 1 else "")


def test_exiting_in_a_program_that_serves_ends_the_program(write: Write) -> None:
    script = write(
        "main.py",
        """
        import asyncio, sys
        import mainproc
        from mainproc import ipc

        ipc.handle("x", lambda event: sys.exit(7))

        async def program():
            async with mainproc.serve(listen="127.0.0.1:0") as main:
                print(main.address, flush=True)
                await asyncio.Event().wait()

        asyncio.run(program())
        """,
    )
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as process:
        try:
            assert process.stdout is not None
            page = IpcRenderer(process.stdout.readline().strip(), reconnect=False)
            reply = page.invoke("x")
            assert reply.exception(PATIENCE) is not None
            page.close()
            assert process.wait(PATIENCE) == 7
        finally:
            process.send_signal(signal.SIGKILL)
