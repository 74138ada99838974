"""What the tests of spawned processes have in common."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc import aio

import mainproc
from mainproc import Child, IpcMain, WebContents
from mainproc.server import MainProcess
from tests.integration.conftest import Write
from tests.integration.main_support import RawPage
from tests.support.processes import PATIENCE

WORKER = """
    import os
    from renderer import ipc

    @ipc.handle("pid")
    def pid():
        return os.getpid()

    @ipc.handle("sleep")
    def sleep():
        import signal
        ipc.send("asleep")
        signal.pause()

    @ipc.on("exit")
    def exit(code):
        os._exit(code)

    ipc.wait()
"""

# Says where to come and with which token, and leaves the coming to the test.
STAND_IN = """
    import json, os, signal, sys
    keys = "ELECTRON_IPC_ADDRESS", "ELECTRON_IPC_TOKEN"
    with open(sys.argv[1], "w") as fifo:
        json.dump([os.environ[key] for key in keys], fifo)
    signal.pause()
"""


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for private sockets: whoever uses it removes all that was in it."""
    # Not `tmp_path`, which is too long for a socket, but after pytest has made that.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))  # for other processes
    yield folder
    left = sorted(path.name for path in folder.iterdir())
    shutil.rmtree(folder)
    assert not left, left


@asynccontextmanager
async def serving(ipc: IpcMain | None = None) -> AsyncIterator[MainProcess]:
    """Serve nobody but what is spawned."""
    async with mainproc.serve(ipc or IpcMain(), listen=(), grace=PATIENCE) as main:
        yield main


async def spawn(*arguments: object, **options: Any) -> Child:
    """Spawn a Python program."""
    words = [sys.executable, *map(str, arguments)]
    return await mainproc.spawn(words, timeout=PATIENCE, **options)


class Gone:
    """Waits for a renderer to be gone, and has the reason."""

    def __init__(self, contents: WebContents) -> None:
        self._why: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        contents.on("destroyed", self._why.set_result)

    async def why(self) -> str:
        return await asyncio.wait_for(self._why, PATIENCE)


class StandIn:
    """A process that waits to be ended, while the test plays its renderer."""

    def __init__(self, spawning: asyncio.Task[Child], address: str, token: str) -> None:
        self.spawning = spawning
        self.address = address
        self.token = token
        self.channel = aio.insecure_channel(address)

    def page(self, token: str | None) -> RawPage:
        """Open a stream with a token."""
        return RawPage(self.channel, bearer(token))


def bearer(token: str | None) -> tuple[tuple[str, str], ...]:
    return () if token is None else (("authorization", f"Bearer {token}"),)


@asynccontextmanager
async def stand_in(write: Write, **options: Any) -> AsyncIterator[StandIn]:
    """Spawn a process that leaves its renderer to the test."""
    script = write("stand_in.py", STAND_IN)
    fifo = script.with_name("fifo")
    os.mkfifo(fifo)
    spawning = asyncio.create_task(spawn(script, fifo, **options))
    address, token = json.loads(await asyncio.to_thread(fifo.read_text))
    stand_in = StandIn(spawning, address, token)
    try:
        yield stand_in
    finally:
        await stand_in.channel.close()
        spawning.cancel()
        await asyncio.wait([spawning])
        if not spawning.cancelled() and spawning.exception() is None:
            spawning.result().kill()
