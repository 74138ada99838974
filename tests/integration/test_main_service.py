"""Main over real sockets, as a renderer on bare stubs sees it."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcError, IpcMain, IpcTimeout, NoListener
from renderer.wire.limits import Limits
from tests.integration.main_support import (
    RawPage,
    call,
    event,
    raw_page,
    send_sync,
    serving,
)
from tests.support.leap import leap
from tests.support.processes import PATIENCE

OK = grpc.StatusCode.OK


# ---- one conversation ----------------------------------------------------------------


async def test_a_conversation() -> None:
    ipc, ran = IpcMain(), list[Any]()

    @ipc.on("event")
    def _(event: Any, *args: Any) -> None:
        ran.append(args)
        event.reply("echo", *args)

    @ipc.on("sync")
    async def _(event: Any, value: Any) -> None:
        await asyncio.sleep(0)
        event.return_value = [value]

    ipc.handle("thread", lambda event, a, b: a + b, thread=True)
    async with (
        serving(ipc) as (_main, channel),
        raw_page(channel, title="left", url="app://x") as page,
    ):
        (contents,) = ipc.web_contents
        assert (contents.title, contents.url) == ("left", "app://x")
        assert page.frames[0].welcome.web_contents_id == contents.id
        await page.send("event", 1, "two")
        assert await page.invoke("sync", None, id=1, sync=True) == [None]
        assert await page.invoke("thread", 1, 2, id=2) == 3
        with pytest.raises(NoListener):
            await page.invoke("nobody", id=3, sync=True)
        assert ran == [(1, "two")]
        assert page.events() == [("echo", [1, "two"])]
        await page.write(goodbye=pb.Goodbye())
        # Without half-closing: main ends the call all the same.
        assert await page.code() is OK
        assert page.goodbye is not None
        assert ipc.web_contents == ()


async def test_half_close_finishes_calls() -> None:
    ipc, go = IpcMain(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> str:
        await go.wait()
        return "done"

    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "x")])
        await page.link.done_writing()
        go.set()
        assert await page.reply(1) == "done"
        assert await page.code() is OK
        assert page.goodbye is not None
        assert page.goodbye.reason == pb.GOODBYE_REASON_CLOSED


async def test_a_cancelled_link_is_a_cut() -> None:
    ipc = IpcMain(limits=Limits(max_running=1))
    started, cancelled, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        started.set()
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    ipc.on("event", lambda event: done.set())
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "x"), event("event")])
        await started.wait()
        (contents,) = ipc.web_contents
        page.link.cancel()
        async with asyncio.timeout(PATIENCE):
            await cancelled.wait()
            await done.wait()
        assert contents.is_destroyed()
        assert contents.send("x") is False


async def test_a_flood_with_a_slow_reader_loses_nothing() -> None:
    """100,000 echoes to one that acks late."""
    count, batch = 100_000, 1_000
    ipc = IpcMain()
    ipc.on("ping", lambda event, n: event.reply("pong", n))
    async with (
        serving(ipc) as (_main, channel),
        raw_page(channel, acks=True) as page,
    ):
        pings = [event("ping", 7)] * batch
        for first in range(1, count, batch):
            await page.write(first=first, messages=pings, ack=len(page.heard))
        heard = 0
        while heard < count:
            await page.until(functools.partial(page.has_heard_more_than, heard))
            heard = len(page.heard)
            await page.write(ack=heard)
        assert {m.WhichOneof("kind") for m in page.heard} == {"event"}


async def test_500_handlers_wait_for_later_events() -> None:
    ipc = IpcMain()
    waiting: dict[int, asyncio.Future[None]] = {}

    @ipc.handle("wait")
    async def _(event: Any, n: int) -> int:
        waiting[n] = asyncio.get_running_loop().create_future()
        await waiting[n]
        return n

    ipc.on("go", lambda event, n: waiting[n].set_result(None))
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        await page.write(messages=[call(n + 1, "wait", n) for n in range(500)])
        await page.write(messages=[event("go", n) for n in range(500)])
        assert [await page.reply(n + 1) for n in range(500)] == list(range(500))


# ---- hostile ones --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([b"\xff\xff"], "malformed frame"),
        ([pb.StreamRequest(ack=1)], "must carry hello"),
        ([pb.StreamRequest(hello=pb.Hello(window_bytes=0))], "window_bytes of 0"),
        ([pb.StreamRequest(hello=pb.Hello())] * 2, "must carry hello"),
        (
            [
                pb.StreamRequest(hello=pb.Hello()),
                pb.StreamRequest(first=2, messages=[event("x")]),
            ],
            "message 2 came where 1 was expected",
        ),
        (
            [
                pb.StreamRequest(hello=pb.Hello()),
                pb.StreamRequest(messages=[call(1, "x"), call(1, "x")]),
            ],
            "the call 1 is running already",
        ),
    ],
)
async def test_the_contract_broken(frames: list[Any], text: str) -> None:
    ipc = IpcMain()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        await asyncio.Future()

    ipc.handle("add", lambda event, a, b: a + b)
    async with serving(ipc) as (_main, channel), raw_page(channel) as neighbour:
        link: Any = channel.stream_stream("/electron_ipc.v1.IpcService/Stream")()
        for frame in frames:
            raw = frame if isinstance(frame, bytes) else frame.SerializeToString()
            await link.write(raw)
        data = [pb.StreamResponse.FromString(frame) async for frame in link]
        assert data[-1].goodbye.reason == pb.GOODBYE_REASON_PROTOCOL
        assert text in data[-1].goodbye.message
        assert await link.code() is OK
        assert len(ipc.web_contents) == 1
        assert await neighbour.invoke("add", 1, 2) == 3


async def test_no_hello() -> None:
    ipc = IpcMain(limits=Limits(hello_timeout=0.02))
    async with serving(ipc) as (_main, channel):
        page = RawPage(channel)
        assert await page.code() is OK
        assert page.goodbye is not None
        assert page.goodbye.message == "no hello in time"
        assert page.goodbye.reason == pb.GOODBYE_REASON_PROTOCOL


async def test_gone_before_hello() -> None:
    ipc = IpcMain()
    async with serving(ipc) as (main, channel):
        closed, cancelled = RawPage(channel), RawPage(channel)
        await closed.link.done_writing()
        await closed.code()
        await cancelled.close()
    assert main.ipc.web_contents == ()


async def test_a_frame_that_is_too_large_ends_its_link_only() -> None:
    ipc = IpcMain(limits=Limits(max_frame_bytes=4096))
    ipc.handle("add", lambda event, a, b: a + b)
    async with (
        serving(ipc) as (_main, channel),
        raw_page(channel) as page,
        raw_page(channel) as neighbour,
    ):
        await page.send("x", bytes(5_000))
        assert await page.code() is not OK
        assert await neighbour.invoke("add", 1, 2) == 3
        await neighbour.until(lambda: len(ipc.web_contents) == 1)


# ---- the end of main -----------------------------------------------------------------


async def test_stopping_lets_what_runs_finish() -> None:
    ipc = IpcMain()
    started, ran = asyncio.Event(), list[str]()

    @ipc.handle("slow")
    async def _(event: Any) -> str:
        started.set()
        await page.until(lambda: main._stopping)  # noqa: SLF001
        event.reply("almost")
        return "finished"

    ipc.on("late", lambda event: ran.append("late"))
    async with serving(ipc) as (main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "slow")])
        await started.wait()
        stopping = asyncio.ensure_future(main.stop())
        await page.until(lambda: main._sessions.stopping)  # noqa: SLF001
        await page.send("late")
        assert await page.reply(1) == "finished"
        await page.until(lambda: page.goodbye)
        assert page.goodbye is not None
        assert page.goodbye.reason == pb.GOODBYE_REASON_SHUTDOWN
        await page.write(goodbye=pb.Goodbye())
        assert await page.code() is OK
        await stopping
    assert page.events() == [("almost", [])]
    assert ran == []


async def test_stopping_cancels_what_outlives_the_grace() -> None:
    ipc, started, cancelled = IpcMain(), asyncio.Event(), asyncio.Event()

    @ipc.handle("slow")
    async def _(event: Any) -> None:
        started.set()
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    @ipc.on("plain")
    async def _(event: Any) -> None:
        await asyncio.Future()

    async with serving(ipc) as (main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "slow"), event("plain")])
        await started.wait()
        stopping = asyncio.ensure_future(main.stop(0))
        await page.until(lambda: page.goodbye)
        await page.write(goodbye=pb.Goodbye())
        await page.code()
        await stopping
        assert cancelled.is_set()
        await main.stop()  # a second time changes nothing


async def test_stopping_waits_for_one_shots() -> None:
    ipc, kept = IpcMain(), list[Any]()

    @ipc.on("x")
    def _(event: Any) -> None:
        kept.append(event)

    async with serving(ipc) as (main, channel):
        page = RawPage(channel)
        reply = asyncio.ensure_future(send_sync(page, "x"))
        await page.until(lambda: kept)
        stopping = asyncio.ensure_future(main.stop())
        await page.until(lambda: main._sessions.stopping)  # noqa: SLF001
        kept.pop().return_value = "in time"
        assert (await reply).value.string_value == "in time"
        await page.close()
        await stopping


async def test_newcomers_are_turned_away_while_main_stops() -> None:
    ipc, go = IpcMain(), asyncio.Event()

    @ipc.handle("slow")
    async def _(event: Any) -> None:
        await go.wait()

    async with serving(ipc) as (main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "slow")])
        await page.until(lambda: ipc.web_contents[0].work.calls)
        stopping = asyncio.ensure_future(main.stop())
        await page.until(lambda: main._sessions.stopping)  # noqa: SLF001
        late = RawPage(channel)
        await late.write(hello=pb.Hello())
        await late.code()
        assert late.goodbye is not None
        assert late.goodbye.reason == pb.GOODBYE_REASON_SHUTDOWN
        with pytest.raises(aio.AioRpcError) as caught:
            await send_sync(page, "x")
        # Not UNAVAILABLE, which says nothing of what was done.
        assert caught.value.code() is grpc.StatusCode.ABORTED
        assert caught.value.details() == "main stops"
        with pytest.raises(aio.AioRpcError) as caught:
            await send_sync(page, "x", token=page.frames[0].welcome.token)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        go.set()
        await page.until(lambda: page.goodbye)
        await page.write(goodbye=pb.Goodbye())
        await stopping


async def test_leaving_the_block_by_cancelling_says_goodbye() -> None:
    ipc, served = IpcMain(), asyncio.Event()
    pages: list[RawPage] = []

    async def serve() -> None:
        async with serving(ipc, grace=0.1) as (_main, channel):
            pages.append(RawPage(channel))
            await pages[0].hello()
            served.set()
            await asyncio.Future()

    task = asyncio.ensure_future(serve())
    await served.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    (page,) = pages
    await page.close()


# ---- what comes with it --------------------------------------------------------------


async def test_health() -> None:
    statuses = health_pb2.HealthCheckResponse
    async with serving(IpcMain()) as (main, channel):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for service in "", "electron_ipc.v1.IpcService":
            request = health_pb2.HealthCheckRequest(service=service)
            assert (await stub.Check(request)).status == statuses.SERVING
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == statuses.SERVING
        stopping = asyncio.ensure_future(main.stop())
        assert (await watch.read()).status == statuses.NOT_SERVING
        watch.cancel()
        await stopping


async def test_health_while_main_drains() -> None:
    statuses = health_pb2.HealthCheckResponse
    ipc, begun, go_on = IpcMain(), asyncio.Event(), asyncio.Event()

    @ipc.handle("slow")
    async def _(event: object) -> str:
        begun.set()
        await go_on.wait()
        return "done"

    async with serving(ipc) as (main, channel), raw_page(channel) as page:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest()
        watch = stub.Watch(request)
        assert (await watch.read()).status == statuses.SERVING
        slow = asyncio.ensure_future(page.invoke("slow"))
        await begun.wait()
        stopping = asyncio.ensure_future(main.stop(grace=20.0))
        assert (await watch.read()).status == statuses.NOT_SERVING
        # It listens and answers still, so that a balancer may look and see.
        for service in "", "electron_ipc.v1.IpcService":
            request = health_pb2.HealthCheckRequest(service=service)
            assert (await stub.Check(request)).status == statuses.NOT_SERVING
        assert not stopping.done()
        go_on.set()
        assert await slow == "done"
        watch.cancel()
        await page.until(lambda: page.goodbye is not None)
        await page.close()
        await stopping


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection(version: str) -> None:
    async with serving(IpcMain()) as (_main, channel):
        method: Any = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        link = method()
        symbol = "electron_ipc.v1.IpcService"
        asked: Any = reflection_pb2.ServerReflectionRequest
        await link.write(asked(list_services=""))
        names = {s.name for s in (await link.read()).list_services_response.service}
        assert symbol in names
        await link.write(asked(file_containing_symbol=symbol))
        assert (await link.read()).HasField("file_descriptor_response")
        await link.done_writing()
        assert await link.read() is aio.EOF


async def test_a_renderer_on_every_address(tmp_path: Any) -> None:
    ipc = IpcMain()
    path = f"unix:{tmp_path}/ipc.sock"
    async with serving(ipc, ["127.0.0.1:0", path]) as (main, _):
        first, second = main.addresses
        assert first.rpartition(":")[2] != "0"
        assert second == path
        for address in main.addresses:
            async with (
                aio.insecure_channel(address) as channel,
                raw_page(channel) as page,
            ):
                # Main may not have noticed yet that the one before is gone.
                await page.until(lambda: len(ipc.web_contents) == 1)


async def test_sending_from_threads_while_it_serves() -> None:
    ipc = IpcMain()
    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        (contents,) = ipc.web_contents

        def send() -> None:
            for n in range(500):
                contents.send("x", n)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        await page.until(lambda: len(page.heard) == 2_000)
        for thread in threads:
            thread.join()
        assert sorted(args[0] for _, args in page.events()) == sorted(
            list(range(500)) * 4
        )


async def test_deadline_of_a_call_on_the_stream() -> None:
    ipc, begun, ended = IpcMain(), asyncio.Event(), asyncio.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            ended.set()

    async with serving(ipc) as (_main, channel), raw_page(channel) as page:
        await page.write(messages=[call(1, "x", timeout=3600.0)])
        await begun.wait()
        leap(3600)
        with pytest.raises(IpcTimeout):
            await page.reply(1)
        await ended.wait()
        await page.write(messages=[call(2, "x")])
        await page.write(messages=[pb.Message(id=2, cancel=pb.Cancel())])
        with pytest.raises(IpcError, match="the caller cancelled it"):
            await page.reply(2)
