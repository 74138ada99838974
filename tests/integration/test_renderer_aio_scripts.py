"""Scripts that use the asyncio renderer, and how they end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import (
    PATIENCE,
    environment,
    next_line,
    noteworthy,
    run_python,
    running_main,
)

MAIN = """
    from mainproc import ipc

    seen = []

    @ipc.on("number")
    def _(event, number):
        seen.append(number)
        if number == "print":
            print(seen[:-1], flush=True)

    @ipc.handle("add")
    def _(event, a, b):
        return a + b

    @ipc.on("say")
    def _(event, what):
        event.sender.send("said", what)
        event.sender.on("destroyed", lambda why: print("destroyed", why, flush=True))

    @ipc.on("goodbye")
    def _(event):
        event.sender.close()
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def other(script: Callable[[str, str], Path]) -> Iterator[Any]:
    with running_main(script("main.py", MAIN)) as main:
        yield main


def run_page(address: str, *command: str | Path) -> tuple[int, str, str]:
    return run_python(*command, env=environment(address))


WAYS = pytest.mark.parametrize("way", [(), ("-m", "renderer")], ids=["python", "-m"])


@WAYS
def test_a_page_of_another_process(
    other: Any, script: Callable[[str, str], Path], way: tuple[str, ...]
) -> None:
    page = script(
        "page.py",
        """
        import asyncio
        from renderer.aio import ipc

        @ipc.on("said")
        async def _(what):
            print("said", what)
            ipc.send("goodbye")

        async def main():
            ipc.send("say", "hello")
            print(await ipc.invoke("add", 1, 2))
            print(await ipc.wait())

        asyncio.run(main())
        """,
    )
    code, out, err = run_page(other.address, *way, page)
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == ["3", "True", "said hello"]


@WAYS
def test_a_page_need_not_close(
    other: Any, script: Callable[[str, str], Path], way: tuple[str, ...]
) -> None:
    page = script(
        "page.py",
        """
        import asyncio
        from renderer.aio import ipc

        ipc.on("said", lambda what: print(what))

        async def main():
            for number in range(1000):
                ipc.send("number", number)
            ipc.send("number", "print")
            ipc.send("say", "bye")

        asyncio.run(main())
        print("and again")

        async def again():
            assert await ipc.invoke("add", 1, 2) == 3

        asyncio.run(again())
        """,
    )
    code, out, err = run_page(other.address, *way, page)
    assert (code, out, err) == (0, "bye\nand again\n", "")
    assert other.next_line() == str(list(range(1000)))
    assert "broke" not in other.next_line()


@WAYS
def test_a_page_without_main(
    script: Callable[[str, str], Path], way: tuple[str, ...]
) -> None:
    page = script(
        "page.py",
        """
        import asyncio
        from renderer.aio import IpcRenderer

        async def main():
            async with IpcRenderer(connect_timeout=0.1):
                pass

        asyncio.run(main())
        """,
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = run_page(address, *way, page)
    assert out == ""
    text = f"no main process at {address} after 0.1 s"
    if way:
        assert (code, err.count("\n")) == (3, 1)
        assert err.startswith(f"renderer: {text}")
    else:
        assert code == 1
        # Behind it, how the last attempt failed; if there was time for one.
        assert text in "".join(err.splitlines()[-2:])


def test_a_main_that_is_killed(other: Any, script: Callable[[str, str], Path]) -> None:
    page = script(
        "page.py",
        """
        import asyncio, os, signal, sys
        from renderer.aio import ConnectionClosed, ipc

        async def main():
            ipc.on_disconnect(lambda: print("disconnected"))
            await ipc.connect(reconnect=False)
            await ipc.invoke("add", 1, 2)
            os.kill(int(sys.argv[1]), signal.SIGKILL)
            print(await ipc.wait())
            await ipc.aclose()

        asyncio.run(main())
        """,
    )
    code, out, err = run_page(other.address, page, str(other.process.pid))
    assert (code, out, err) == (0, "disconnected\nFalse\n", "")


def test_the_end_of_a_script_whose_main_was_killed(
    other: Any, script: Callable[[str, str], Path]
) -> None:
    page = script(
        "page.py",
        """
        import asyncio, os, signal, sys
        from renderer.aio import connection, ipc

        connection.FLUSH_S = 0.3

        async def main():
            lost = asyncio.Event()
            ipc.on_reconnecting(lost.set)
            await ipc.connect()
            os.kill(int(sys.argv[1]), signal.SIGKILL)
            await lost.wait()
            ipc.send("number", 1)

        asyncio.run(main())
        """,
    )
    code, out, err = run_page(other.address, page, str(other.process.pid))
    assert (code, out) == (0, "")
    lost, unconfirmed = err.splitlines()
    assert lost.startswith(f"lost main at {other.address} (UNAVAILABLE: ")
    text = "was closed; it has not confirmed 1 message sent to it"
    assert unconfirmed == f"the connection to main at {other.address} {text}"


def test_ctrl_c_says_goodbye(other: Any, script: Callable[[str, str], Path]) -> None:
    page = script(
        "page.py",
        """
        import asyncio
        from renderer.aio import ipc

        async def main():
            ipc.on("said", lambda _: None)
            ipc.send("say", "x")
            await ipc.flush()
            print("ready", flush=True)
            await ipc.wait()

        asyncio.run(main())
        """,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "renderer", page],
        env=environment(other.address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert next_line(process) == "ready"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, noteworthy(err)) == (130, "")
    assert "broke" not in other.next_line()
