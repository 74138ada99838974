"""Errors that teach: each as the user of real programs reads it.

An error says what is wrong and what to do about it. These are all that the project
promises word by word; a program here is one that somebody would write by mistake.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import Write
from tests.support.processes import (
    PATIENCE,
    RunningMain,
    environment,
    run_python,
    running_main,
)

MAIN = """\
from mainproc import ipc


@ipc.on("asynchronous-message")
def _(event, arg):
    print(arg)
    event.sender.send("asynchronous-reply", "pong")


# The mistake stands in line 12.

@ipc.on("add")
def add(event, a, b):
    return a + b


@ipc.handle("report")
def report(event, year):
    return f"all about {year}"


@ipc.on("half")
def half(event, number):
    event.return_valu = number / 2
"""


@pytest.fixture
def main(write: Write) -> Iterator[RunningMain]:
    with running_main(write("main.py", MAIN)) as main:
        yield main


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address that is taken, and that nobody listens on."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield "127.0.0.1:{1}".format(*reserved.getsockname())


def error_of(page: Path, address: str) -> str:
    """Run a page that ends with an exception; return that, as Python shows it."""
    code, out, err = run_python("-m", "renderer", page, env=environment(address))
    assert (code, out) == (1, ""), err
    assert err.startswith("Traceback (most recent call last):\n")
    last = err.splitlines()[-1]
    return re.sub(r"^[\w.]+\.(?=[A-Z])", "", last)  # the class, without its module


def log_of(main: RunningMain) -> str:
    code, _, err = main.stop()
    assert code == 0
    return err


# ---- no main process -----------------------------------------------------------------

WARNING = "no answer from a main process at {} yet; waiting\n"
NO_MAIN = (
    "no main process at {} after 5.5 s; "
    "start one with 'mainproc run main.py' or set ELECTRON_IPC_ADDRESS"
)
IMPATIENT_PAGE = """
    from renderer import ipc

    ipc.connect(connect_timeout=5.5)  # the warning comes after 1 s, and before the end
"""


def test_no_main_process(write: Write, nowhere: str) -> None:
    page = write("page.py", IMPATIENT_PAGE)
    env = environment(nowhere)
    code, out, err = run_python("-m", "renderer", page, env=env, told_to_wait=True)
    assert (code, out) == (3, "")
    assert err == f"{WARNING}renderer: {NO_MAIN}\n".replace("{}", nowhere)


def test_no_main_process_for_a_plain_program(write: Write, nowhere: str) -> None:
    """It may catch the error; here it does not, and the traceback ends with it."""
    page = write("page.py", IMPATIENT_PAGE)
    env = environment(nowhere)
    code, out, err = run_python(page, env=env, told_to_wait=True)
    assert (code, out) == (1, "")
    assert err.startswith(WARNING.format(nowhere) + "Traceback ")
    assert f"ConnectionClosed: {NO_MAIN.format(nowhere)}\n" in err


# ---- sync messages and invokes -------------------------------------------------------


def test_reply_never_sent(write: Write, main: RunningMain) -> None:
    page = write("page.py", "from renderer import ipc\nipc.send_sync('add', 2, 3)")
    assert error_of(page, main.address) == (
        "ReplyNeverSent: 'add': 1 listener ran (add, main.py:12) and returned a "
        "value; set event.return_value, or use handle and invoke"
    )


def test_no_listener_but_one_of_a_similar_name(write: Write, main: RunningMain) -> None:
    page = write(
        "page.py",
        "from renderer import ipc\nipc.send_sync('asynchronous-mesage', 'ping')",
    )
    assert error_of(page, main.address) == (
        "NoListener: no listener for 'asynchronous-mesage'; "
        "did you mean 'asynchronous-message'?"
    )


def test_an_event_without_listener_is_told_in_mains_log(
    write: Write, main: RunningMain
) -> None:
    page = write(
        "page.py",
        """
        from renderer import ipc

        ipc.connect(title="left")
        ipc.send("asynchronous-mesage", "ping")
        ipc.send("asynchronous-mesage", "ping")
        """,
    )
    assert run_python(page, env=environment(main.address)) == (0, "", "")
    assert log_of(main) == (
        "no listener for 'asynchronous-mesage'; did you mean 'asynchronous-message'?; "
        "an event from <renderer 1 'left'> was dropped\n"
    )


def test_no_handler_but_a_listener(write: Write, main: RunningMain) -> None:
    page = write(
        "page.py", "from renderer import ipc\nipc.invoke('add', 2, 3).result()"
    )
    assert error_of(page, main.address) == (
        "NoHandler: No handler registered for 'add' "
        "(it has a listener: use send or send_sync)"
    )


def test_no_listener_but_a_handler(write: Write, main: RunningMain) -> None:
    page = write("page.py", "from renderer import ipc\nipc.send_sync('report', 2026)")
    assert error_of(page, main.address) == (
        "NoListener: no listener for 'report' (it has a handler: use invoke)"
    )


# ---- wrong programs ------------------------------------------------------------------


def test_wrong_number_of_arguments(write: Write, main: RunningMain) -> None:
    """The caller reads the TypeError; who can mend it reads main's log."""
    page = write(
        "page.py", "from renderer import ipc\nipc.invoke('report', 2026, 7).result()"
    )
    assert error_of(page, main.address) == (
        "RemoteError: Error invoking remote method 'report': "
        "TypeError: report() takes 2 positional arguments but 3 were given"
    )
    assert log_of(main).endswith(
        "TypeError: report() takes 2 positional arguments but 3 were given\n"
        "main listeners get (event, *args); 'report' was sent 2 arguments\n"
    )


def test_a_value_that_cannot_be_sent(write: Write, main: RunningMain) -> None:
    page = write(
        "page.py",
        """
        from decimal import Decimal
        from renderer import ipc

        ipc.send("asynchronous-message", {"item": "tea", "price": Decimal("2.50")})
        """,
    )
    assert error_of(page, main.address) == (
        "DataCloneError: args[0].price: Decimal is not cloneable; "
        "convert it or pass default="
    )
    assert log_of(main) == ""  # nothing was sent


def test_a_misspelt_event_attribute(write: Write, main: RunningMain) -> None:
    page = write("page.py", "from renderer import ipc\nipc.send_sync('half', 4)")
    said = "AttributeError: 'IpcMainEvent' object has no attribute 'return_valu'"
    assert f" remote method 'half': {said}" in error_of(page, main.address)
    log = log_of(main)
    assert "event.return_valu = number / 2\n" in log
    assert said in log.splitlines()[-1]  # later Pythons say more


def test_a_main_script_that_never_ran(write: Write) -> None:
    script = write(
        "main.py",
        """
        from mainproc import ipc

        ipc.on("left", lambda event: print("left"))
        ipc.on("right", lambda event: print("right"))
        """,
    )
    code, out, err = run_python(script)
    assert (code, out) == (0, "")
    assert err == (
        "mainproc: main.py registered 2 channels but never ran; end it with "
        "mainproc.run() or start it with 'mainproc run main.py'\n"
    )


def test_a_renderer_after_fork(write: Write, main: RunningMain) -> None:
    page = write(
        "page.py",
        """
        import os
        from renderer import IpcError, ipc

        ipc.connect()
        parent = os.getpid()
        if os.fork() == 0:
            try:
                ipc.send("asynchronous-message", "ping")
            except IpcError as error:
                text = str(error).replace(str(parent), "4711")
                print(f"{type(error).__name__}: {text}", flush=True)
            os._exit(0)
        os.wait()
        """,
    )
    code, out, _ = run_python(page, env=environment(main.address))
    assert (code, out) == (
        0,
        "IpcError: opened in process 4711, not usable after fork; connect again\n",
    )


# ---- a renderer that does not keep up ------------------------------------------------

RELAYING_MAIN = """
    from mainproc import ipc

    pages = {}

    @ipc.on("here")
    def here(event):
        pages[event.sender.title] = event.sender
        event.return_value = event.sender.id

    @ipc.handle("flood")
    def flood(event, text):
        while True:
            pages["left"].send("line", text)

    @ipc.handle("end")
    async def end(event):
        await pages["left"].drain()
        return pages["left"].send("end")
"""

RELAYED_PAGE = """
    from renderer import ipc

    lines = []

    ipc.on("line", lines.append)

    @ipc.on("end")
    def end():
        print(len(lines), flush=True)
        ipc.close()

    ipc.connect(title="left")
    print(ipc.send_sync("here"), flush=True)
    ipc.wait()
"""


OVERLOADED = (
    "Overloaded: 65,536 messages (8.1 MiB) wait for renderer 3 'left'; "
    "await contents.drain()"
)


@contextmanager
def stopped_page(path: Path, address: str) -> Generator[subprocess.Popen[str]]:
    """Run a page and stop it after the line that it prints first."""
    page = subprocess.Popen(
        [sys.executable, str(path)],
        env=environment(address),
        stdout=subprocess.PIPE,
        text=True,
    )
    with page:
        try:
            assert page.stdout is not None
            assert page.stdout.readline() == "3\n"  # its id
            page.send_signal(signal.SIGSTOP)
            yield page
        finally:
            page.kill()


def test_overloaded(write: Write) -> None:
    """Exactly a window of messages; who then does as it says loses none of them.

    The text of 116 letters makes a message of 129 bytes.
    """
    left = write("left.py", RELAYED_PAGE)
    earlier = write("earlier.py", "import renderer\nrenderer.connect()")
    page = write(
        "page.py",
        """
        from renderer import ipc, RemoteError

        try:
            ipc.invoke("flood", 116 * "x").result()
        except RemoteError as error:
            print(f"{error.type}: {error.message}")
        """,
    )
    asking = write("end.py", "from renderer import ipc\nipc.invoke('end').result()")
    with running_main(write("main.py", RELAYING_MAIN)) as main:
        env = environment(main.address)
        for _ in 1, 2:
            assert run_python(earlier, env=env) == (0, "", "")
        with stopped_page(left, main.address) as stopped:
            code, out, err = run_python(page, env=env)
            assert (code, err) == (0, "")
            assert out == f"{OVERLOADED}\n"
            stopped.send_signal(signal.SIGCONT)
            assert run_python(asking, env=env) == (0, "", "")
            assert stopped.communicate(timeout=PATIENCE)[0] == "65536\n"
        assert OVERLOADED in log_of(main)
