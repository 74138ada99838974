"""Spawned processes: how they come, and how they go."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

import mainproc
from mainproc import ConnectionClosed, IpcError, IpcMain, IpcTimeout
from tests.integration.conftest import Write
from tests.integration.spawn_support import (
    WORKER,
    Gone,
    serving,
    sockets,
    spawn,
    stand_in,
)
from tests.support.processes import PATIENCE

pytestmark = pytest.mark.usefixtures(sockets.__name__)

__all__ = ("sockets",)

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
    asyncio.new_event_loop,
    uvloop.new_event_loop,
]


# ---- coming --------------------------------------------------------------------------


async def test_main_asks_what_it_has_spawned(write: Write) -> None:
    ipc = IpcMain()
    worker = write("worker.py", WORKER)
    async with serving(ipc):
        left, right = await asyncio.gather(
            spawn(worker, title="left"), spawn(worker, title="right")
        )
        assert [left.contents.title, right.contents.title] == ["left", "right"]
        assert set(ipc.web_contents) == {left.contents, right.contents}
        for child in left, right:
            assert await child.contents.invoke("pid") == child.pid
            assert child.returncode is None
            assert repr(child) == f"<child {child.pid}, runs>"
    assert [await child.wait() for child in (left, right)] == [0, 0]
    assert repr(left) == f"<child {left.pid}, ended with exit code 0>"


@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
def test_on_a_loop_in_a_thread(
    write: Write, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    worker, codes = write("worker.py", WORKER), list[int]()

    async def program() -> None:
        async with serving():
            child = await spawn(worker)
            assert await child.contents.invoke("pid") == child.pid
            child.terminate()
            codes.append(await child.wait())

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(program())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE)
    run()  # and on the main thread
    assert codes == [-signal.SIGTERM] * 2


async def test_a_script_of_handlers_stays(write: Write) -> None:
    worker = write(
        "worker.py",
        """
        from renderer import ipc
        ipc.handle("add", lambda a, b: a + b)
        """,
    )
    async with serving():
        child = await spawn("-m", "renderer", worker)
        assert await child.contents.invoke("add", 2, 3) == 5


async def test_a_worker_on_an_event_loop(write: Write) -> None:
    worker = write(
        "worker.py",
        """
        import asyncio
        from renderer.aio import ipc

        @ipc.handle("add")
        async def add(a, b):
            return a + b

        asyncio.run(ipc.wait())
        """,
    )
    async with serving():
        child = await spawn(worker)
        assert await child.contents.invoke("add", 2, 3) == 5
    assert child.returncode == 0


async def test_it_is_a_renderer_even_if_it_only_asks(write: Write) -> None:
    asker = write("asker.py", "from renderer import ipc; ipc.send_sync('who')")
    ipc, senders = IpcMain(), list[Any]()

    @ipc.on("who")
    def _(event: Any) -> None:
        senders.append(event.sender)
        event.return_value = None

    async with serving(ipc):
        child = await spawn(asker)
        assert await child.wait() == 0
        assert senders == [child.contents]


async def test_its_surroundings(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = write(
        "reporter.py",
        """
        import os, sys
        from renderer import ipc
        names = "OURS", "ADDED", "ELECTRON_IPC_ADDRESS"
        ipc.handle("it", lambda: [
            os.getcwd(), sys.stdin.read(), *map(os.environ.get, names)])
        ipc.connect(title="its own").wait()
        """,
    )
    monkeypatch.setenv("OURS", "inherited")
    env = {"ADDED": "yes", "ELECTRON_IPC_ADDRESS": "127.0.0.1:1"}
    async with serving():
        child = await spawn(reporter, env=env, cwd=str(tmp_path))
        assert child.contents.title == "its own"
        *rest, address = await child.contents.invoke("it")
        assert rest == [str(tmp_path), "", "inherited", "yes"]
        assert address.startswith("unix:/")


async def test_the_title_for_it_wins(write: Write) -> None:
    page = write(
        "page.py",
        "from renderer import ipc; ipc.connect(title='its own', url='app://x').wait()",
    )
    created = list[str]()
    with mainproc.app.on("web-contents-created", lambda c: created.append(c.title)):
        async with serving():
            child = await spawn(page, title="main's \udc80")
            assert (child.contents.title, child.contents.url) == (
                r"main's \udc80",
                "app://x",
            )
    assert created == [r"main's \udc80"]


async def test_without_a_main_process() -> None:
    with pytest.raises(IpcError, match="no main process is served on this loop; spawn"):
        await spawn("-c", "")
    async with serving() as main:
        await main.stop()
        with pytest.raises(IpcError, match="no main process is served"):
            await spawn("-c", "")


async def test_it_belongs_to_the_latest_main(write: Write) -> None:
    worker, older, newer = write("worker.py", WORKER), IpcMain(), IpcMain()
    async with serving(older):
        async with serving(newer):
            child = await spawn(worker)
            assert newer.web_contents == (child.contents,)
        assert child.returncode == 0
        child = await spawn(worker)
        assert older.web_contents == (child.contents,)


@pytest.mark.parametrize("words", ["python worker.py", b"python"])
async def test_a_command_line_is_no_argv(words: Any) -> None:
    async with serving():
        with pytest.raises(TypeError, match="argv is a list"):
            await mainproc.spawn(words)


async def test_an_empty_argv() -> None:
    async with serving():
        with pytest.raises(ValueError, match="argv is empty"):
            await mainproc.spawn([])


async def test_what_cannot_be_run(write: Write, tmp_path: Path) -> None:
    worker = write("worker.py", WORKER)
    async with serving():
        with pytest.raises(FileNotFoundError, match="no-such-program"):
            await mainproc.spawn(["no-such-program"])
        with pytest.raises(PermissionError):
            await mainproc.spawn([worker])
        with pytest.raises(FileNotFoundError, match="nowhere"):
            await spawn(worker, cwd=tmp_path / "nowhere")
        assert await (await spawn(worker)).contents.invoke("pid")


async def test_one_that_ends_before_it_has_come() -> None:
    async with serving():
        with pytest.raises(IpcError) as ended:
            await spawn("-c", "raise SystemExit(3)")
        text = str(ended.value)
        assert text.endswith(
            "-c 'raise SystemExit(3)'' ended with exit code 3 before it connected"
        )
        with pytest.raises(IpcError, match=r"exit code 0 .* stays with `ipc.wait\(\)`"):
            await spawn("-c", "from renderer import ipc; ipc.on('x', print)")


async def test_one_that_never_comes() -> None:
    async with serving():
        with pytest.raises(IpcTimeout, match=r"has not connected within 0 s; killed"):
            await mainproc.spawn(["sleep", "1000"], timeout=0)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13])
async def test_giving_up_kills_it(turns: int) -> None:
    async with serving():
        spawning = asyncio.create_task(mainproc.spawn(["sleep", "1000"]))
        for _ in range(turns):
            await asyncio.sleep(0)
        spawning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await spawning


# ---- going ---------------------------------------------------------------------------


async def test_a_killed_one_is_gone_at_once(write: Write) -> None:
    ipc, asleep = IpcMain(), asyncio.Event()
    ipc.on("asleep", lambda event: asleep.set())
    async with serving(ipc):
        child = await spawn(write("worker.py", WORKER))
        gone, answer = Gone(child.contents), child.contents.invoke("sleep")
        codes = list[int | None]()
        child.contents.on("destroyed", lambda why: codes.append(child.returncode))
        await asleep.wait()
        child.kill()
        assert await child.wait() == child.returncode == -signal.SIGKILL
        assert child.contents.is_destroyed()
        assert await gone.why() == "the process ended with exit code -9"
        assert codes == [-9]
        with pytest.raises(ConnectionClosed, match="exit code -9"):
            await answer
        assert child.contents.send("x") is False
        child.kill()
        child.terminate()
        assert await child.wait() == -9


async def test_one_that_ends_in_order(write: Write) -> None:
    leaver = write("leaver.py", "from renderer import ipc; ipc.send('last', 'words')")
    ipc, heard = IpcMain(), list[str]()
    ipc.on("last", lambda event, words: heard.append(words))
    async with serving(ipc):
        child = await spawn(leaver)
        gone = Gone(child.contents)
        assert await child.wait() == 0
        assert heard == ["words"]
        assert await gone.why() == "it said goodbye"


async def test_one_whose_connection_somebody_holds(write: Write) -> None:
    worker = write("worker.py", WORKER)
    shell = f"{sys.executable} {worker} & exec sleep 1000"
    async with serving():
        child = await mainproc.spawn(["sh", "-c", shell], timeout=PATIENCE)
        grandchild = os.pidfd_open(await child.contents.invoke("pid"))
        gone = Gone(child.contents)
        child.kill()
        assert await child.wait() == -9
        assert child.contents.is_destroyed()
        assert await gone.why() == "the process ended with exit code -9"
        await readable(grandchild)  # it has heard of it
        os.close(grandchild)


async def readable(fd: int) -> None:
    """Wait for a process to end, without being its parent."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, ended.set)
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(fd)


async def test_one_whose_renderer_is_closed_ends_by_itself(write: Write) -> None:
    page = write("page.py", "from renderer import ipc; ipc.wait(); raise SystemExit(7)")
    async with serving():
        child = await spawn(page)
        gone = Gone(child.contents)
        child.contents.close("enough")
        assert await gone.why() == "enough"
        assert await child.wait() == 7


async def test_waiting_can_be_given_up(write: Write) -> None:
    async with serving():
        child = await spawn(write("worker.py", WORKER))
        waiting = asyncio.create_task(child.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        child.contents.send("exit", 5)
        assert await child.wait() == 5


# ---- with main -----------------------------------------------------------------------

STUBBORN = """
    import signal
    from renderer import ipc
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ipc.connect()
    while True:
        signal.pause()
"""


async def test_main_ends_what_does_not_end_by_itself(write: Write) -> None:
    busy_too = STUBBORN.replace("SIG_IGN", "SIG_DFL")
    async with serving() as main:
        stubborn = await spawn(write("stubborn.py", STUBBORN))
        busy = await spawn(write("busy.py", busy_too))
        await main.stop(grace=0)
    assert (stubborn.returncode, busy.returncode) == (-signal.SIGKILL, -signal.SIGTERM)


async def test_main_ends_though_one_may_not_be_told_to(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that has taken on another user's rights."""

    def may_not(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(mainproc.Child, "terminate", may_not)
    async with serving() as main:
        stubborn = await spawn(write("stubborn.py", STUBBORN))
        await main.stop(grace=0)
    assert stubborn.returncode == -signal.SIGKILL


async def test_main_does_not_wait_for_one_that_has_not_come(write: Write) -> None:
    async with serving() as main, stand_in(write) as process:
        await main.stop()
        with pytest.raises(ConnectionClosed, match="main stops"):
            await process.spawning


async def test_nothing_is_spawned_while_main_stops() -> None:
    async def too_late() -> None:
        with pytest.raises(ConnectionClosed, match="main stops"):
            await spawn("-c", "")
        tried.append(True)

    tried = list[bool]()
    with mainproc.app.on("before-quit", too_late):
        async with serving():
            pass
    assert tried == [True]
