"""What is lost while no thread can be started: what needs one, and nothing else."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, RemoteError
from mainproc.sessions import Sessions
from renderer.wire import messages
from tests.support.processes import PATIENCE
from tests.support.scarcity import no_more_threads
from tests.unit.mainproc.page import connected

LARGE = "x" * 100_000
WHY = "can't start new thread"


async def test_a_handler_on_a_thread_fails_and_the_next_one_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = IpcMain()
    ipc.handle("double", lambda _, n: 2 * n, thread=True)
    async with connected(ipc) as page:
        with no_more_threads("mainproc-handler") as refused:
            for _ in range(3):
                with pytest.raises(RemoteError, match=WHY):
                    await page.invoke("double", 1)
        assert len(refused) == 3
        assert caplog.text.count("handler for 'double' raised") == 3
        assert page.contents.work.idle
        assert not page.contents.work.calls
        assert await page.invoke("double", 2) == 4


async def test_a_handler_that_fails_makes_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What runs is counted, and too much of it holds up what comes."""
    ipc = IpcMain()
    ipc.handle("double", lambda _, n: 2 * n, thread=True)
    async with connected(ipc) as page:
        with no_more_threads("mainproc-handler"):
            for _ in range(ipc.limits.max_running):
                page.call("double", 1)
            await page.consumed()
        assert not page.contents.work.full
        assert await page.invoke("double", 2) == 4
    assert WHY in caplog.text


async def test_a_listener_on_a_thread_is_not_heard_and_the_next_one_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, heard = IpcMain(), list[int]()

    @ipc.on("hear", thread=True)
    def _(event: Any, n: int) -> None:
        heard.append(n)
        event.reply("heard")

    async with connected(ipc) as page:
        with no_more_threads("mainproc-listener"):
            page.send("hear", 1)
            await page.consumed()
        assert caplog.text.count("listener for 'hear' raised") == 1
        assert WHY in caplog.text
        assert page.contents.work.idle
        page.send("hear", 2)
        await page.hears("heard")
    assert heard == [2]


async def test_listeners_go_on_in_order_with_the_thread_that_they_have() -> None:
    ipc, heard = IpcMain(), list[int]()
    begun, go = threading.Event(), threading.Event()

    @ipc.on("hear", thread=True)
    def _(event: Any, n: int) -> None:
        begun.set()
        assert go.wait(PATIENCE)
        heard.append(n)
        if n == 4:
            event.reply("done")

    async with connected(ipc) as page:
        page.send("hear", 0)
        await page.until(begun.is_set)
        with no_more_threads("mainproc-listener") as refused:
            for n in range(1, 5):
                page.send("hear", n)
            await page.consumed()
            go.set()
            await page.hears("done")
        assert len(refused) == 4
    assert heard == [0, 1, 2, 3, 4]


async def test_a_sync_message_to_such_a_listener_has_a_reply() -> None:
    ipc = IpcMain()

    @ipc.on("ask", thread=True)
    def _(event: Any) -> None:
        event.return_value = "answer"

    async with connected(ipc) as page:
        with (
            no_more_threads("mainproc-listener"),
            pytest.raises(RemoteError, match=WHY),
        ):
            await page.invoke("ask", sync=True)
        assert await page.invoke("ask", sync=True) == "answer"


async def test_a_large_message_is_read_where_it_is() -> None:
    ipc, heard = IpcMain(), list[int]()
    ipc.on("hear", lambda _, n, *large: heard.append(n))
    ipc.handle("length", lambda _, large: len(large))
    async with connected(ipc) as page:
        with no_more_threads("mainproc-reader") as refused:
            for n in range(4):
                page.send("hear", n, *[LARGE] * (n % 2))
            await page.consumed()
            assert await page.invoke("length", LARGE) == len(LARGE)
        assert len(refused) == 3
        assert await page.invoke("length", LARGE) == len(LARGE)
    assert heard == [0, 1, 2, 3]


async def test_a_large_unary_message_is_read_where_it_is() -> None:
    ipc = IpcMain()

    @ipc.on("length")
    def _(event: Any, arg: str) -> None:
        event.return_value = len(arg)

    request = messages.sync_request("length", (LARGE,)).SerializeToString()
    with no_more_threads("mainproc-reader") as refused:
        response = await Sessions(ipc).send_sync(request, 30.0)
    ipc.dispatcher.close()
    assert len(refused) == 1
    said = pb.SendSyncResponse.FromString(response)
    assert messages.read_result(said, "length") == len(LARGE)
