"""A renderer on bare stubs, for tests of main over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc import aio

import mainproc
from electron_ipc.v1 import ipc_pb2 as pb, ipc_pb2_grpc
from mainproc import IpcMain
from mainproc.server import MainProcess
from renderer.wire import messages
from renderer.wire.failures import exception_from
from tests.support.processes import PATIENCE


class RawPage:
    """A `Stream` call, and what arrived on it. It acks only when told to."""

    def __init__(
        self, channel: aio.Channel, metadata: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.stub: Any = ipc_pb2_grpc.IpcServiceStub(channel)
        self.link: Any = self.stub.Stream(metadata=metadata)
        self.frames: list[pb.StreamResponse] = []
        self.heard: list[pb.Message] = []
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while (frame := await self.link.read()) is not aio.EOF:
                self.frames.append(frame)
                self.heard.extend(frame.messages)
        except (aio.AioRpcError, asyncio.CancelledError):
            pass  # the status has it

    async def write(self, **fields: Any) -> None:
        await self.link.write(pb.StreamRequest(**fields))

    async def hello(self, **fields: Any) -> pb.Welcome:
        await self.write(hello=pb.Hello(**fields))
        await self.until(lambda: self.frames)
        return self.frames[0].welcome

    async def send(self, channel: str, *args: object) -> None:
        await self.write(messages=[event(channel, *args)])

    async def invoke(self, channel: str, *args: object, **fields: Any) -> Any:
        id = fields.pop("id", 1)
        await self.write(messages=[call(id, channel, *args, **fields)])
        return await self.reply(id)

    async def reply(self, id: int) -> Any:
        def replies() -> list[pb.Message]:
            return [m for m in self.heard if m.HasField("reply") and m.id == id]

        await self.until(replies)
        (message,) = replies()
        if message.reply.HasField("failure"):
            raise exception_from(message.reply.failure, "it")
        return messages.read_result(message.reply, "it")

    def events(self) -> list[tuple[str, list[Any]]]:
        return [
            (m.event.channel, messages.read_args(m.event))
            for m in self.heard
            if m.HasField("event")
        ]

    def has_heard_more_than(self, count: int) -> bool:
        return len(self.heard) > count

    @property
    def goodbye(self) -> pb.Goodbye | None:
        last = self.frames[-1] if self.frames else pb.StreamResponse()
        return last.goodbye if last.HasField("goodbye") else None

    async def code(self) -> grpc.StatusCode:
        """Wait for the end of the call; return its status."""
        async with asyncio.timeout(PATIENCE):
            await self._reader
            code: grpc.StatusCode = await self.link.code()
            return code

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                assert not self._reader.done() or condition(), self.frames
                await asyncio.sleep(0.001)

    async def close(self) -> None:
        self.link.cancel()
        await asyncio.wait([self._reader])


def event(channel: str, *args: object) -> pb.Message:
    return pb.Message.FromString(messages.event(channel, args).data)


def call(id: int, channel: str, *args: object, **fields: Any) -> pb.Message:
    return pb.Message.FromString(messages.call(id, channel, args, **fields).data)


def sync_request(channel: str, *args: object, **fields: Any) -> pb.SendSyncRequest:
    request = messages.sync_request(channel, args)
    request.MergeFrom(pb.SendSyncRequest(**fields))
    return request


async def send_sync(
    page: RawPage, channel: str, *args: object, **fields: Any
) -> pb.SendSyncResponse:
    timeout = fields.pop("timeout", None)
    response: pb.SendSyncResponse = await page.stub.SendSync(
        sync_request(channel, *args, **fields), timeout=timeout
    )
    return response


@asynccontextmanager
async def serving(
    ipc: IpcMain, listen: str | Sequence[str] = "127.0.0.1:0", grace: float = 5.0
) -> AsyncIterator[tuple[MainProcess, aio.Channel]]:
    """Serve, with a channel to it, while the block runs."""
    async with (
        mainproc.serve(ipc, listen=listen, grace=grace) as main,
        aio.insecure_channel(main.address) as channel,
    ):
        yield main, channel


@asynccontextmanager
async def raw_page(channel: aio.Channel, **hello: Any) -> AsyncIterator[RawPage]:
    """Open a stream and say Hello; what is left of it at the end is cancelled."""
    page = RawPage(channel)
    try:
        await page.hello(**hello)
        yield page
    finally:
        await page.close()


def ask(address: str, channel: str) -> Any:
    """Return the answer to a sync message."""
    with grpc.insecure_channel(address) as opened:
        stub = ipc_pb2_grpc.IpcServiceStub(opened)
        request = messages.sync_request(channel, ())
        response = stub.SendSync(request, timeout=PATIENCE, wait_for_ready=True)
        return messages.read_result(response, channel)
