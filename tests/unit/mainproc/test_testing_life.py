"""The test kit: links that break, and the life of the application."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from mainproc import ConnectionClosed, IpcMain, WebContents, app
from mainproc.testing import RendererProbe, connected
from tests.support.processes import PATIENCE


@pytest.fixture
def ipc() -> IpcMain:
    return IpcMain()


# ---- breaking ------------------------------------------------------------------------


def test_a_cut(ipc: IpcMain) -> None:
    may_end, told = threading.Event(), list[str]()
    ipc.handle("x", lambda event: may_end.wait(PATIENCE), thread=True)

    @ipc.on("raises")
    def _(event: Any) -> None:
        raise ValueError("no")

    with connected(ipc) as page:
        contents = page.contents
        page.on_reconnecting(lambda: told.append("reconnecting"))
        page.on_reconnected(lambda: told.append("reconnected"))
        contents.on("disconnected", lambda: told.append("disconnected"))
        contents.on("resumed", lambda: told.append("resumed"))
        reply = page.invoke("x")
        page.send("raises")
        page.flush()
        page.cut()
        assert contents.send("y", 1)
        may_end.set()
        assert reply.result(PATIENCE) is True
        assert page.wait_for("y") == (1,)
        with pytest.raises(ValueError, match="no"):
            page.settle()
        assert page.contents is contents
        assert page.is_connected()
        ends = ["disconnected", "reconnected", "reconnecting", "resumed"]
        assert sorted(told) == ends


def test_a_cut_for_good(ipc: IpcMain) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    with connected(ipc, title="left") as page:
        ended = list[str]()
        page.on_disconnect(lambda: ended.append("page"))
        first = page.contents
        first.on("destroyed", lambda why: ended.append(why))
        reply = page.invoke("x")
        begun.wait(PATIENCE)
        page.cut(resume=False)
        with pytest.raises(ConnectionClosed) as caught:
            reply.result(0)
        assert caught.value.outcome == "unknown"
        assert first.is_destroyed()
        assert not page.is_connected()
        with pytest.raises(ConnectionClosed):
            page.send("x")
        page.settle()
        assert cancelled.is_set()
        assert sorted(ended) == ["its connection ended without a goodbye", "page"]
        page.cut(resume=False)

        page.connect()
        assert page.contents is not first
        assert page.contents.title == "left"
        assert page.is_connected()
        page.contents.send("x", 1)
        assert page.wait_for("x") == (1,)


def test_a_cut_by_listeners_of_both_sides(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        ipc.on("cut", lambda event: page.cut(resume=False))
        page.on("cut", lambda: page.cut(resume=False))
        page.send("cut")
        with pytest.raises(ConnectionClosed):
            page.wait_for("never", timeout=PATIENCE)
        page.settle()
        assert page.contents.is_destroyed()
        page.connect()
        page.contents.send("cut")
        with pytest.raises(ConnectionClosed):
            page.wait_for("never", timeout=PATIENCE)
        page.settle()
        assert page.contents.is_destroyed()


# ---- the application's life ----------------------------------------------------------


def test_the_application_is_told_what_it_is_told_in_production(ipc: IpcMain) -> None:
    told = list[Any]()
    with (
        app.on("ready", lambda: told.append("ready")),
        app.on("web-contents-created", lambda c: told.append(("created", c.title))),
        app.on("web-contents-destroyed", lambda c: told.append(("gone", c.title))),
        app.on("window-all-closed", lambda: told.append("all closed")),
        app.on("before-quit", lambda: told.append("before quit")),
    ):
        with connected(ipc, title="left"):
            pass
        assert told == [
            "ready",
            ("created", "left"),
            ("gone", "left"),
            "all closed",
            "before quit",
        ]


def test_quitting_says_goodbye(ipc: IpcMain) -> None:
    ipc.on("quit", lambda event: app.quit())
    with connected(ipc) as page:
        page.send("quit")
        assert page.wait(PATIENCE)
        assert page.contents.is_destroyed()
        with pytest.raises(ConnectionClosed):
            page.connect()


def test_a_renderer_that_main_closes_as_soon_as_it_is_there(ipc: IpcMain) -> None:
    def close(contents: WebContents) -> None:
        contents.close("not you")

    with app.on("web-contents-created", close), connected(ipc) as page:
        assert page.contents.is_destroyed()
        assert page.wait(PATIENCE)


def test_the_end_cancels_what_listeners_have_left_running(ipc: IpcMain) -> None:
    ended = list[str]()

    @ipc.on("x")
    async def _(event: Any) -> None:
        try:
            await asyncio.Future()
        finally:
            ended.append("listener")

    with connected(ipc) as page:
        page.send("x")
    assert ended == ["listener"]


def test_a_failing_test_leaves_nothing(ipc: IpcMain) -> None:
    def fail(page: RendererProbe) -> None:
        page.send("x")
        raise AssertionError("the test fails")

    with pytest.raises(AssertionError, match="the test fails"), connected(ipc) as page:
        fail(page)
    assert page.contents.is_destroyed()


def test_it_is_logged_when_main_does_not_end(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainproc.testing.mains._END_WITHIN", 0.05)
    begun, gate = threading.Event(), threading.Event()

    def hold(event: Any) -> None:
        begun.set()
        gate.wait(PATIENCE)

    ipc.on("x", hold)
    with connected(ipc) as page:
        page.send("x")
        begun.wait(PATIENCE)
        page._connection.cut()  # type: ignore[union-attr]  # noqa: SLF001
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    gate.set()
    assert "main does not end; it is held by " in record.getMessage()
    assert "hold, test_testing_life.py:" in record.getMessage()
