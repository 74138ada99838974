"""Registering listeners and handlers, and what is told of those that are missing."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import Any

import pytest

import mainproc
from mainproc import IpcMain, IpcMainEvent
from mainproc.testing import connected_aio
from tests.support.logs import keep_slowness


def test_a_fresh_one_is_empty() -> None:
    assert IpcMain().event_names() == []
    assert IpcMain().listener_count("error") == 0


def test_importing_it_loads_no_grpc() -> None:
    code = (
        "import sys, mainproc, mainproc.cli, mainproc.ipc_main\n"
        "assert not {'grpc', 'uvloop'} & set(sys.modules)\n"
        "mainproc.MainProcess\n"
        "assert 'grpc' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_its_public_names() -> None:
    for name in mainproc.__all__:
        assert getattr(mainproc, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'serv'"):
        mainproc.serv  # noqa: B018


async def test_shapes_of_registration() -> None:
    ipc, ran = IpcMain(), list[str]()

    @ipc.on("x")
    def first(event: Any) -> None:
        ran.append("first")

    @ipc.once("x")
    def second(event: Any) -> None:
        ran.append("second")

    third = ipc.add_listener("x", lambda event: ran.append("third"))
    with ipc.on("x", lambda event: ran.append("fourth")):
        assert ipc.listener_count("x") == 4
    assert callable(first)
    assert callable(second)
    async with connected_aio(ipc) as page:
        page.send("x")
        page.send("x")
        await page.settle()
        assert ran == ["first", "second", "third", "first", "third"]
        third()
        ipc.off("x", first)
        assert ipc.event_names() == []


async def test_once_is_gone_before_it_runs() -> None:
    ipc, counts = IpcMain(), list[int]()
    ipc.once("x", lambda event: counts.append(ipc.listener_count("x")))
    async with connected_aio(ipc) as page:
        page.send("x")
        page.send("x")
        await page.settle()
    assert counts == [0]


def test_removing_bound_methods() -> None:
    class Window:
        def on_x(self, event: Any) -> None: ...

    ipc, window = IpcMain(), Window()
    ipc.on("x", window.on_x)
    ipc.on("x", window.on_x)
    ipc.off("x", window.on_x)
    assert ipc.listener_count("x") == 1
    ipc.remove_listener("x", window.on_x)
    ipc.remove_listener("x", window.on_x)
    assert ipc.listener_count("x") == 0


def test_removing_all() -> None:
    ipc = IpcMain()
    for channel in "a", "b", "c":
        ipc.on(channel, lambda event: None)
    ipc.handle("c", lambda event: None)
    ipc.remove_all_listeners("a")
    assert ipc.event_names() == ["b", "c"]
    ipc.remove_all_listeners(None)
    assert ipc.event_names() == []
    ipc.remove_handler("c")
    ipc.remove_handler("c")
    ipc.handle("c", lambda event: None)


def test_what_cannot_be_registered() -> None:
    ipc: Any = IpcMain()
    with pytest.raises(TypeError, match="a channel is a str"):
        ipc.on(7, print)
    with pytest.raises(TypeError, match="Expected handler to be a function"):
        ipc.handle("x", "print")


async def test_a_channel_called_error() -> None:
    ipc, ran = IpcMain(), list[str]()
    async with connected_aio(ipc) as page:
        page.send("error", "nobody listens, nothing happens")
        await page.settle()
        ipc.on("error", lambda event, text: ran.append(text))
        page.send("error", "heard")
        await page.settle()
    assert ran == ["heard"]


async def test_an_event_without_listener(caplog: pytest.LogCaptureFixture) -> None:
    ipc = IpcMain()
    ipc.on("asynchronous-message", lambda event: None)
    async with connected_aio(ipc) as page:
        for _ in range(3):
            page.send("asynchronous-mesage")
        await page.settle()
    assert ipc.dispatcher.unheard == 3
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert record.message == (
        "no listener for 'asynchronous-mesage'; did you mean 'asynchronous-message'?; "
        f"an event from <renderer {page.contents.id}> was dropped"
    )


async def test_invokes_without_handler_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = IpcMain()
    async with connected_aio(ipc) as page:
        for _ in range(3):
            page.invoke("x").add_done_callback(lambda done: done.exception())
        await page.settle()
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert record.message.endswith(" asked in vain: No handler registered for 'x'")


async def test_a_peer_cannot_fill_the_memory_with_warnings() -> None:
    ipc = IpcMain()
    async with connected_aio(ipc) as page:
        for n in range(1_100):
            page.send(f"channel {n}")
        await page.settle()
    assert len(ipc.dispatcher.warned) == 1_000


async def test_one_that_raises_spares_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, ran = IpcMain(), list[str]()
    ipc.on("x", lambda event: 1 / 0)

    @ipc.on("x")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    ipc.on("x", lambda event: ran.append("other"))
    async with connected_aio(ipc) as page:
        page.send("x")
        with pytest.raises(ExceptionGroup):
            await page.settle()
    assert ran == ["other"]
    assert "listener for 'x' raised; sent by <renderer" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_on_error_replaces_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ipc, seen = IpcMain(), list[tuple[str, str]]()

    @ipc.on_error
    def hook(error: Exception, event: IpcMainEvent) -> None:
        seen.append((type(error).__name__, event.channel))

    ipc.on("x", lambda event: 1 / 0)
    ipc.on("thread", lambda event: 1 / 0, thread=True)
    ipc.handle("y", lambda event: [][0])
    async with connected_aio(ipc) as page:
        page.send("x")
        page.send("thread")
        with pytest.raises(Exception, match="IndexError"):
            await page.invoke("y")
        await page.settle()
    assert sorted(seen) == [
        ("IndexError", "y"),
        ("ZeroDivisionError", "thread"),
        ("ZeroDivisionError", "x"),
    ]
    assert "raised" not in caplog.text


async def test_an_error_hook_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    ipc, ran = IpcMain(), list[int]()
    ipc.on_error(lambda error, event: 1 / 0)
    ipc.on("x", lambda event: [][0])
    ipc.on("x", lambda event: ran.append(1))
    async with connected_aio(ipc) as page:
        page.send("x")
        await page.settle()
    assert ran == [1]
    assert "the hook given to ipc.on_error raised" in caplog.text


async def test_how_things_are_shown() -> None:
    ipc, seen = IpcMain(), list[Any]()
    ipc.on("x", seen.append)
    ipc.handle("y", lambda event: seen.append(event))
    async with connected_aio(ipc) as page:
        page.contents.title = "left"
        page.send("x")
        await page.invoke("y")
        sender = f"<renderer {page.contents.id} 'left'>"
    assert [repr(event) for event in seen] == [
        f"<IpcMainEvent 'x' from {sender}>",
        f"<IpcMainInvokeEvent 'y' from {sender}>",
    ]


def test_a_decorator_without_a_channel_is_refused() -> None:
    ipc: Any = IpcMain()
    for register in (ipc.on, ipc.once, ipc.handle, ipc.handle_once):
        with pytest.raises(TypeError, match=r"write @ipc.on\('CHANNEL'\)"):
            register(lambda event: None)  # as `@ipc.on` above a function does
        with pytest.raises(TypeError, match="a channel is a str; given was None"):
            register(None)


async def test_one_that_holds_main_and_raises_is_named_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_slowness(caplog)
    monkeypatch.setattr("mainproc.dispatch._HELD_TOO_LONG", -1.0)
    ipc = IpcMain()

    def raises(event: Any) -> None:
        raise ValueError("boom")

    ipc.on("x", raises)
    ipc.handle("y", raises)
    async with connected_aio(ipc) as page:
        page.send("x")
        with pytest.raises(mainproc.RemoteError):
            await page.invoke("y")
    assert "listener for 'x' held main" in caplog.text
    assert "handler for 'y' held main" in caplog.text
