"""The test kit: when main and a probe have come to rest, and what was raised."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

from mainproc import ConnectionClosed, IpcMain, IpcTimeout, RemoteError
from mainproc.testing import connected
from tests.support.processes import PATIENCE


@pytest.fixture
def ipc() -> IpcMain:
    return IpcMain()


# ---- coming to rest ------------------------------------------------------------------


def test_settle_waits_for_all_that_a_message_starts(ipc: IpcMain) -> None:
    """An async listener, a thread, the page's answer to both, and what that starts."""
    done, gate = list[str](), threading.Event()

    @ipc.on("start")
    async def _(event: Any) -> None:
        await asyncio.to_thread(gate.wait, PATIENCE)
        event.reply("ask")
        done.append("async")

    @ipc.on("start", thread=True)
    def _(event: Any) -> None:
        gate.wait(PATIENCE)
        done.append("thread")

    @ipc.on("answer")
    async def _(event: Any) -> None:
        await asyncio.sleep(0.01)
        assert await event.sender.invoke("confirm") is True
        event.reply("end")
        done.append("answer")

    with connected(ipc) as page:
        page.on("ask", lambda: page.send("answer"))
        page.handle("confirm", lambda: True, thread=True)

        @page.on("end", thread=True)
        def _() -> None:
            done.append("end")

        page.send("start")
        threading.Timer(0.01, gate.set).start()
        page.settle(PATIENCE)
        assert sorted(done) == ["answer", "async", "end", "thread"]
        assert [channel for channel, _ in page.received] == ["ask", "end"]
        page.settle(PATIENCE)


def test_settle_waits_for_handlers_whose_result_nobody_awaits(ipc: IpcMain) -> None:
    done = list[int]()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    with connected(ipc) as page:
        page.invoke("x")
        page.invoke("x")
        page.invoke("x")
        page.settle(PATIENCE)
        assert done == [1, 1, 1]


@pytest.mark.parametrize("thread", [False, True])
def test_settle_waits_for_a_pages_listener(ipc: IpcMain, thread: bool) -> None:
    with connected(ipc) as page:
        begun, gate, done = threading.Event(), threading.Event(), list[int]()

        def listener() -> None:
            begun.set()
            gate.wait(PATIENCE)
            done.append(1)

        page.on("x", listener, thread=thread)
        page.contents.send("x")
        assert begun.wait(PATIENCE)
        with pytest.raises(IpcTimeout) as caught:
            page.settle(0.05)
        text = "not settled within 0.05 s; listeners of the probe still run"
        assert str(caught.value) == text
        gate.set()
        page.settle(PATIENCE)
        assert done == [1]


def test_settle_names_what_still_runs(ipc: IpcMain) -> None:
    kept, gate = list[Any](), threading.Event()

    @ipc.on("listener")
    async def _(event: Any) -> None:
        await asyncio.Future()

    @ipc.handle("handler")
    async def _(event: Any) -> None:
        await asyncio.Future()

    ipc.on("thread", lambda event: gate.wait(PATIENCE), thread=True)
    ipc.on("never set", kept.append)
    with connected(ipc) as page:
        page.send("listener")
        page.invoke("handler")
        page.invoke("handler")
        page.send("thread")

        def wait() -> None:
            with pytest.raises(ConnectionClosed):
                page.send_sync("never set")

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not kept:
            page.flush()
        with pytest.raises(IpcTimeout) as caught:
            page.settle(0.0)
        assert str(caught.value) == (
            "not settled within 0 s; main still runs "
            "'handler', 'listener', 'never set', 'thread'"
        )
        gate.set()
        page.close()
        waiting.join(PATIENCE)


def test_settle_names_what_holds_main(
    ipc: IpcMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainproc.testing.probe._CUT_WITHIN", 0.1)
    begun, gate = threading.Event(), threading.Event()

    def hold(event: Any) -> None:
        begun.set()
        gate.wait(PATIENCE)

    ipc.on("x", hold)
    with connected(ipc) as page:
        page.send("x")
        assert begun.wait(PATIENCE)
        with pytest.raises(IpcTimeout, match=r"main is held by \S+hold, test_testi"):
            page.settle(0.1)
        with pytest.raises(IpcTimeout, match="main did not notice the cut; main is"):
            page.cut(resume=False)
        gate.set()
        page.settle()
        assert page.contents.is_destroyed()


def test_settle_is_for_others_as_well(ipc: IpcMain) -> None:
    ipc.on("say", lambda event, text: ipc.broadcast("said", text))
    with connected(ipc) as left, connected(ipc) as right:
        left.send("say", "hello")
        left.settle()
        right.settle()
        assert left.received == right.received == [("said", ("hello",))]


def test_settle_after_the_end_waits_for_what_still_runs(ipc: IpcMain) -> None:
    gate, done = threading.Event(), list[int]()

    @ipc.on("x")
    async def _(event: Any) -> None:
        await asyncio.to_thread(gate.wait, PATIENCE)
        done.append(1)

    with connected(ipc) as page:
        page.send("x")
        page.flush()
        page.cut(resume=False)
        with pytest.raises(IpcTimeout, match=r"main still runs 'x'$"):
            page.settle(0.01)
        gate.set()
        page.settle(PATIENCE)
    assert done == [1]


# ---- what main's listeners raise -----------------------------------------------------


def test_settle_raises_what_a_listener_raised(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.on("x", lambda event: 1 / 0)
    ipc.on("thread", lambda event: [][0], thread=True)

    @ipc.on("async")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    with connected(ipc) as page, connected(ipc) as other:
        page.send("x")
        with pytest.raises(ZeroDivisionError):
            page.settle()
        page.settle()
        page.send("thread")
        page.send("async")
        other.settle()
        with pytest.raises(ExceptionGroup) as caught:
            page.settle()
        kinds = sorted(type(error).__name__ for error in caught.value.exceptions)
        assert kinds == ["IndexError", "KeyError"]
    assert caplog.text.count(" raised; sent by ") == 3


def test_settle_raises_nothing_that_somebody_has_heard(ipc: IpcMain) -> None:
    ipc.on("sync", lambda event: 1 / 0)
    ipc.handle("handler", lambda event: 1 / 0)
    seen = list[str]()
    with connected(ipc) as page:
        with pytest.raises(RemoteError, match="ZeroDivisionError"):
            page.send_sync("sync")
        with pytest.raises(RemoteError, match="ZeroDivisionError"):
            page.invoke("handler").result(PATIENCE)
        page.settle()
        ipc.on_error(lambda error, event: seen.append(event.channel))
        page.send("sync")
        page.settle()
    assert seen == ["sync"]


def test_a_listener_that_exits_ends_main(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.on("exit", lambda event: sys.exit(3))
    ipc.handle("x", lambda event: "again")
    with connected(ipc) as page:
        with pytest.raises(ConnectionClosed):
            page.send_sync("exit", timeout=PATIENCE)
        page._main._thread.join(PATIENCE)  # noqa: SLF001
        assert "main ended by SystemExit(3)" in caplog.text
        with pytest.raises(ConnectionClosed, match="main has ended"):
            page.connect()
        page.settle()
        with connected(ipc) as another:
            assert another.invoke("x").result(PATIENCE) == "again"
