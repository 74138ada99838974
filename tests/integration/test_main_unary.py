"""Sync messages outside the stream, over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, NoListener, ReplyNeverSent
from mainproc.sessions import Sessions
from renderer import IpcRenderer
from renderer.wire import messages
from renderer.wire.limits import Limits
from tests.integration.main_support import (
    RawPage,
    call,
    event,
    raw_page,
    send_sync,
    serving,
    sync_request,
)
from tests.support.processes import PATIENCE
from tests.support.waiting import TIMEOUTS


async def _status(
    page: RawPage, channel: str, *args: object, **fields: Any
) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as caught:
        await send_sync(page, channel, *args, **fields)
    code: grpc.StatusCode = caught.value.code()
    return code


async def test_a_one_shot() -> None:
    ipc, seen = IpcMain(), list[Any]()

    @ipc.on("add")
    def add(event: Any, a: int, b: int) -> None:
        sender = event.sender
        seen.append((sender.is_destroyed(), sender.send("x"), event.remaining > 25))
        seen.append((ipc.web_contents, sender.id > 0))
        event.return_value = a + b

    ipc.on("unset", lambda event: 1)

    @ipc.on("slow")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        event.return_value = "slow"

    async with serving(ipc) as (_main, channel):
        page = RawPage(channel)
        assert (await send_sync(page, "add", 1, 2)).value.int_value == 3
        assert (await send_sync(page, "slow")).value.string_value == "slow"
        failure = (await send_sync(page, "nobody")).failure
        assert failure.reason == NoListener.reason
        failure = (await send_sync(page, "unset")).failure
        assert failure.reason == ReplyNeverSent.reason
        assert "and returned a value" in failure.message
        unset = pb.SendSyncRequest(channel="add", args=[pb.Value()])
        response = await page.stub.SendSync(unset)
        assert response.failure.reason == "DATA_CLONE"
        await page.close()
    assert seen == [(True, False, True), ((), True)]


async def test_malformed_requests() -> None:
    ipc = IpcMain()
    async with serving(ipc) as (_main, channel):
        method: Any = channel.unary_unary("/electron_ipc.v1.IpcService/SendSync")
        packed = pb.SendSyncRequest(packed=b"\x90").SerializeToString()
        for data in b"\xff\xff", packed:
            with pytest.raises(aio.AioRpcError) as caught:
                await method(data)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_one_shot_whose_deadline_is_over() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", kept.append)
    async with serving(ipc) as (_main, channel):
        page = RawPage(channel)
        for timeout in TIMEOUTS:
            code = await _status(page, "x", timeout=timeout)
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
            if kept:
                break
        await page.until(lambda: kept[0].cancelled)
        await page.close()


async def test_a_cancelled_one_shot_cancels_its_event() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with serving(ipc) as (_main, channel):
        page = RawPage(channel)
        response = page.stub.SendSync(sync_request("x"))
        await page.until(lambda: kept)
        response.cancel()
        await page.until(lambda: kept[0].cancelled)
        await page.close()


async def test_after() -> None:
    """A sync message that names a number waits until that is consumed."""
    ipc, ran = IpcMain(), list[Any]()

    @ipc.on("event")
    async def _(event: Any, n: int) -> None:
        ran.append(n)
        await asyncio.sleep(0)

    @ipc.on("sync")
    def _(event: Any) -> None:
        event.return_value = list(ran)
        event.reply("on the stream")

    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        reply = asyncio.ensure_future(send_sync(page, "sync", token=token, after=3))
        await page.write(messages=[event("event", 1), event("event", 2)])
        await page.until(lambda: len(ran) == 2)
        assert not reply.done()
        await page.write(messages=[event("event", 3)])
        response = await asyncio.wait_for(reply, PATIENCE)
        assert [item.int_value for item in response.value.items] == [1, 2, 3]
        await page.until(lambda: page.events() == [("on the stream", [])])


async def test_a_packed_request_may_have_a_packed_response() -> None:
    ipc = IpcMain()

    @ipc.on("echo")
    def _(event: Any, arg: Any) -> None:
        event.return_value = arg

    async with (
        serving(ipc) as (_main, channel),
        raw_page(channel, encodings=[pb.ENCODING_PACKED]) as page,
    ):
        token = page.frames[0].welcome.token
        assert page.frames[0].welcome.encodings == [pb.ENCODING_PACKED]
        request = messages.sync_request("echo", [{"a": [1]}], packed=True)
        request.token = token
        response = await page.stub.SendSync(request)
        assert response.WhichOneof("result") == "packed"
        assert messages.read_result(response, "echo") == {"a": [1]}
        response = await send_sync(page, "echo", {"a": [1]}, token=token)
        assert response.WhichOneof("result") == "value"


async def test_an_unknown_token() -> None:
    async with serving(IpcMain()) as (_main, channel):
        page = RawPage(channel)
        code = await _status(page, "x", token=b"sixteen bytes...")
        assert code is grpc.StatusCode.ABORTED
        await page.close()


async def test_a_session_that_ends_while_its_sync_message_waits() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with serving(ipc) as (_main, channel):
        async with raw_page(channel) as page:
            token = page.frames[0].welcome.token
            other = RawPage(channel)
            replies = [
                asyncio.ensure_future(_status(other, "x", token=token, after=after))
                for after in (0, 9)
            ]
            await page.until(lambda: kept and ipc.web_contents[0].work.calls)
            token_calls = ipc.web_contents[0].work.calls
            await page.until(lambda: len(token_calls) == 2)
        codes = await asyncio.wait_for(asyncio.gather(*replies), PATIENCE)
        assert codes == [grpc.StatusCode.ABORTED] * 2
        assert kept[0].cancelled
        await other.close()


async def test_what_never_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainproc.sessions.incoming._WAIT_FOR_AFTER", 0.01)
    async with serving(IpcMain()) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        code = await _status(page, "x", token=token, after=99)
        assert code is grpc.StatusCode.ABORTED


async def test_a_retry_runs_nothing_twice() -> None:
    ipc, ran = IpcMain(), list[int]()

    @ipc.on("count")
    def _(event: Any) -> None:
        ran.append(1)
        event.return_value = len(ran)

    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        for id in range(1, 30):
            for _again in range(2):
                response = await send_sync(page, "count", token=token, id=id)
                assert response.value.int_value == id
        assert len(ran) == 29
        code = await _status(page, "count", token=token, id=3)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        response = await send_sync(page, "count", token=token, id=20)
        assert response.value.int_value == 20


async def test_a_retry_after_its_call_was_cut() -> None:
    ipc, kept = IpcMain(), list[Any]()
    ipc.on("x", lambda event: kept.append(event))
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        first = page.stub.SendSync(sync_request("x", token=token, id=1))
        await page.until(lambda: kept)
        first.cancel()
        second = asyncio.ensure_future(send_sync(page, "x", token=token, id=1))
        await page.until(lambda: not first.done() or True)
        assert not kept[0].cancelled
        kept.pop().return_value = "kept"
        assert (await second).value.string_value == "kept"


async def test_too_many_wait() -> None:
    ipc = IpcMain(limits=Limits(max_running=2))
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        waiting = [
            asyncio.ensure_future(_status(page, "x", token=token, after=9))
            for _ in range(2)
        ]
        calls = ipc.web_contents[0].work.calls
        await page.until(lambda: len(calls) == 2)
        code = await _status(page, "x", token=token, after=9)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        ipc.web_contents[0].close()
        await asyncio.gather(*waiting)


async def test_one_that_gave_up_waiting_leaves_nothing_behind() -> None:
    ipc = IpcMain(limits=Limits(max_running=2))
    ipc.on("x", lambda event: setattr(event, "return_value", 1))
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        for _ in range(5):  # more than may wait at once
            status = await _status(page, "x", token=token, after=99, timeout=0.05)
            assert status is grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await send_sync(page, "x", token=token)).value.int_value == 1


async def test_bytes_that_wait_are_bounded() -> None:
    ipc = IpcMain(limits=Limits(window_bytes=1_000))
    ipc.on("x", lambda event, data: setattr(event, "return_value", len(data)))
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        status = await _status(page, "x", bytes(2_000), token=token, after=99)
        assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
        answer = await send_sync(page, "x", bytes(500), token=token)
        assert answer.value.int_value == 500


async def test_a_one_shot_that_meets_a_stopping_main_waits_for_the_next(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, turned_away = f"unix:{tmp_path}/ipc.sock", asyncio.Event()
    begin = Sessions._begin  # noqa: SLF001

    def tell(*args: Any) -> Any:
        turned_away.set()
        return begin(*args)

    monkeypatch.setattr(Sessions, "_begin", tell)
    first, second, go = IpcMain(), IpcMain(), asyncio.Event()

    @first.handle("slow")
    async def _(event: Any) -> None:
        await go.wait()

    first.on("who", lambda event: pytest.fail("it stops"))
    second.on("who", lambda event: setattr(event, "return_value", "the second"))
    one_shot = IpcRenderer(address, connect_timeout=PATIENCE)
    async with serving(first, address) as (main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "slow")])
        await page.until(lambda: first.web_contents[0].work.calls)
        stopping = asyncio.ensure_future(main.stop(PATIENCE))
        await page.until(lambda: main._sessions.stopping)  # noqa: SLF001
        answer = asyncio.ensure_future(asyncio.to_thread(one_shot.send_sync, "who"))
        await asyncio.wait_for(turned_away.wait(), PATIENCE)
        go.set()
        await page.until(lambda: page.goodbye)
        await page.write(goodbye=pb.Goodbye())
        await stopping
    async with serving(second, address):
        assert await answer == "the second"
    one_shot.close()
