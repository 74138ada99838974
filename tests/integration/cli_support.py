"""Client commands as processes, and a main process for them to talk to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.support.processes import PATIENCE, environment, run_python

MAIN = """
    import array, asyncio, datetime, re
    from collections import defaultdict
    from mainproc import RemoteError, app, ipc

    seen, listeners = [], []
    came = asyncio.Event()
    marks = defaultdict(asyncio.Event)

    @app.on("web-contents-created")
    def _(contents):
        if contents.title == "mainproc listen":
            listeners.append(contents)
            came.set()

    async def listener():
        while not listeners:
            came.clear()
            await came.wait()
        return listeners.pop()

    told = []

    @ipc.handle("tell")
    async def _(event, *messages):
        told.append(await listener())
        for channel, *args in messages:
            told[-1].send(channel, *args)

    @ipc.handle("tell-again")
    def _(event, *messages):
        for channel, *args in messages:
            told[-1].send(channel, *args)

    @ipc.handle("part")
    async def _(event):
        (await listener()).close("that is all")

    @ipc.on("event")
    def _(event, *args):
        seen.append([event.sender.title, *args])

    @ipc.handle("seen")
    def _(event):
        return seen

    @ipc.on("sync")
    def _(event, *args):
        event.return_value = [event.sender.title, *args]

    @ipc.on("silent")
    def _(event):
        listeners.append(event)

    @ipc.handle("echo")
    def _(event, *args):
        return [event.sender.title, *args]

    @ipc.handle("boom")
    def _(event):
        raise ValueError("two\\nlines, and \\x1b[31mred")

    @ipc.handle("slow")
    async def _(event, name):
        marks["begun", name].set()
        try:
            await asyncio.Event().wait()
        finally:
            marks["cancelled", name].set()

    @ipc.handle("has mark")
    def _(event, *mark):
        return marks[mark].is_set()

    @ipc.handle("marked")
    async def _(event, *mark):
        await marks[mark].wait()

    @ipc.handle("values")
    def _(event):
        knot = [1]
        knot.append({"back": knot})
        return [
            b"hello", datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC), 2**64,
            -(2**63), float("nan"), float("-inf"), -0.0, {7}, {1: "one"}, {"$set": 1},
            {"$a": 1, "$b": 2}, re.compile("a+b", re.I), RemoteError("E", "boom", [1]),
            knot, array.array("f", [1.5, float("inf")]), "\\x9b31m \\u202e é", None,
        ]
"""


def patient(name: str, *words: str) -> tuple[str, ...]:
    """Return a client command that waits for main as long as that may take.

    Where its words say how long, they win.
    """
    return (name, f"--connect-timeout={PATIENCE:g}", *words)


def client(address: str, *words: str, **options: Any) -> tuple[int, str, str]:
    """Run a client command to its end; return exit code, output and errors."""
    command = ("-m", "mainproc", *patient(*words))
    return run_python(*command, env=environment(address), **options)


def clients(address: str, *commands: Sequence[str]) -> list[tuple[int, str, str]]:
    """Do the same with several commands at once."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda words: client(address, *words), commands))


@contextmanager
def running_client(address: str, *words: str) -> Generator[subprocess.Popen[str]]:
    """Run a client command while the block runs."""
    command = [sys.executable, "-m", "mainproc", *patient(*words)]
    with subprocess.Popen(
        command,
        env=environment(address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
