"""A main process over real sockets, an ill-behaved renderer, and one that behaves.

Whatever the one does, the other goes on being served: `hostile_house` sees to it
before, during and after what its block does, and that nothing of it is left.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc import aio

import mainproc
from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain
from mainproc.server import MainProcess
from renderer.wire import messages
from renderer.wire.limits import Limits
from tests.support.processes import PATIENCE
from tests.support.waiting import until

STREAM: Final = "/electron_ipc.v1.IpcService/Stream"
SEND_SYNC: Final = "/electron_ipc.v1.IpcService/SendSync"
OK: Final = grpc.StatusCode.OK
MAIN_LOG: Final = "ipc.main"

_NEIGHBOURS: Final = "of the neighbour"
_UNLIMITED: Final = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]


class Intruder:
    """A `Stream` call that writes what it likes, as bytes, and what arrived on it."""

    def __init__(self, channel: aio.Channel, metadata: Any = None) -> None:
        self._open: Any = channel.stream_stream(STREAM)
        self._unary: Any = channel.unary_unary(SEND_SYNC)
        self.link: Any = self._open(metadata=metadata)
        self.frames: list[pb.StreamResponse] = []
        self.heard: list[pb.Message] = []
        self.interrupted = False
        """A write met the end of the call: gRPC's client may call that INTERNAL."""
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while (data := await self.link.read()) is not aio.EOF:
                frame = pb.StreamResponse.FromString(data)
                self.frames.append(frame)
                self.heard.extend(frame.messages)
        except (aio.AioRpcError, asyncio.CancelledError):
            pass  # the status has it

    async def write(self, frame: bytes | pb.StreamRequest) -> None:
        """Write a frame; that the call is over already is seen by its status."""
        data = frame if isinstance(frame, bytes) else frame.SerializeToString()
        try:
            await self.link.write(data)
        except (aio.AioRpcError, asyncio.InvalidStateError):
            self.interrupted = True

    async def say(self, **fields: Any) -> None:
        await self.write(pb.StreamRequest(**fields))

    async def put(self, *put: pb.Message, **fields: Any) -> None:
        await self.say(messages=put, **fields)

    async def hello(self, **fields: Any) -> pb.Welcome:
        await self.say(hello=pb.Hello(**fields))
        await self.until(lambda: self.frames)
        return self.frames[0].welcome

    async def send_sync(self, request: bytes, **options: Any) -> pb.SendSyncResponse:
        data: bytes = await self._unary(request, **options)
        return pb.SendSyncResponse.FromString(data)

    async def reply(self, id: int) -> pb.Reply:
        """Return the one reply to a call."""
        await self.until(lambda: self.replies(id))
        (reply,) = self.replies(id)
        return reply

    def replies(self, id: int) -> list[pb.Reply]:
        return [m.reply for m in self.heard if m.HasField("reply") and m.id == id]

    def events(self) -> list[tuple[str, list[Any]]]:
        return [
            (m.event.channel, messages.read_args(m.event))
            for m in self.heard
            if m.HasField("event")
        ]

    async def goodbye(self) -> pb.Goodbye:
        """Wait for the end of the call; return the Goodbye that stood before it."""
        assert await self.code() is OK or self.interrupted
        assert self.frames[-1].HasField("goodbye")
        return self.frames[-1].goodbye

    async def refused(self, text: str) -> None:
        """Wait until main has called it a breach of the contract, and says how."""
        goodbye = await self.goodbye()
        assert goodbye.reason == pb.GOODBYE_REASON_PROTOCOL
        assert text in goodbye.message
        assert not goodbye.may_resume

    async def code(self) -> grpc.StatusCode:
        async with asyncio.timeout(PATIENCE):
            await self._reader
            code: grpc.StatusCode = await self.link.code()
            return code

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                ended = self._reader.done() and not condition()
                assert not ended, str(self.frames[-1:])[:2_000]
                await asyncio.sleep(0.001)

    async def close(self) -> None:
        self.link.cancel()
        await asyncio.wait([self._reader])


def bearer(token: str) -> Any:
    """Return the headers of who shows a token."""
    return (("authorization", f"Bearer {token}"),)


class Neighbour:
    """A renderer that sends numbered echoes without pause, each behind the last."""

    def __init__(self, channel: aio.Channel) -> None:
        self._page = Intruder(channel, bearer("neighbour"))
        self.served = 0
        """So many echoes have come back, each in its place."""
        self._echoing: asyncio.Future[None] | None = None
        self._leaving = False

    async def move_in(self) -> None:
        await self._page.hello()
        self._echoing = asyncio.ensure_future(self._echo())

    async def _echo(self) -> None:
        for number in itertools.count(1):
            if self._leaving:
                return
            event = messages.event(_NEIGHBOURS, (number,))
            call = messages.call(number, _NEIGHBOURS, (number,))
            await self._page.put(
                pb.Message.FromString(event.data), pb.Message.FromString(call.data)
            )
            reply = await self._page.reply(number)
            assert messages.read_result(reply, "") == number
            assert self._page.events() == [(_NEIGHBOURS, [number])]
            self._page.heard.clear()
            self._page.frames.clear()
            self.served = number

    async def is_served(self, times: int = 3) -> None:
        """Wait until some more echoes have come back."""
        assert self._echoing is not None
        goal = self.served + times
        async with asyncio.timeout(PATIENCE):
            while self.served < goal:
                if self._echoing.done():
                    self._echoing.result()
                await asyncio.sleep(0.001)

    async def move_out(self) -> None:
        await self._rest()
        await self._page.say(goodbye=pb.Goodbye())
        await self._page.goodbye()

    async def close(self) -> None:
        await self._rest()
        await self._page.close()

    async def _rest(self) -> None:
        if self._echoing is not None:
            self._leaving = True  # and not cancelled: half a write breaks the call
            await self._echoing


@dataclass
class House:
    """Where all of them live."""

    ipc: IpcMain
    main: MainProcess
    neighbour: Neighbour
    channel: aio.Channel

    @asynccontextmanager
    async def intruder(
        self, *, silent: bool = False, **hello: Any
    ) -> AsyncGenerator[Intruder]:
        """Let one in, on a stream of its own; `silent`: it has said no Hello yet."""
        intruder = Intruder(self.channel)
        try:
            if not silent:
                await intruder.hello(**hello)
            yield intruder
        finally:
            await intruder.close()

    async def alone(self) -> None:
        """Wait until nobody but the neighbour has a session."""
        # What it waits for is many sessions' end, and no event says so.
        await until(lambda: len(self.ipc.web_contents) <= 1)


class _Loud(logging.Handler):
    """Keeps what main logs with a traceback: what no peer may bring about."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.records.append(self.format(record))


@asynccontextmanager
async def hostile_house(
    ipc: IpcMain | None = None, **options: Any
) -> AsyncGenerator[House]:
    """Serve a main with a neighbour who is served all the time, and leave no trace.

    Args:
        ipc: what it serves.
        options: for `mainproc.serve`.
    """
    ipc = ipc or IpcMain()
    ipc.on(_NEIGHBOURS, lambda event, number: event.reply(_NEIGHBOURS, number))
    ipc.handle(_NEIGHBOURS, lambda event, number: number)
    loud, loop = _Loud(), asyncio.get_running_loop()
    logging.getLogger(MAIN_LOG).addHandler(loud)
    loop.set_exception_handler(lambda _, context: loud.records.append(str(context)))
    try:
        async with (
            mainproc.serve(ipc, listen="127.0.0.1:0", **options) as main,
            aio.insecure_channel(main.address) as quiet,
            aio.insecure_channel(main.address, options=_UNLIMITED) as channel,
        ):
            neighbour = Neighbour(quiet)
            try:
                await neighbour.move_in()
                house = House(ipc, main, neighbour, channel)
                await neighbour.is_served()
                yield house
                await house.alone()
                await neighbour.is_served()
                await neighbour.move_out()
            finally:
                await neighbour.close()
    finally:
        logging.getLogger(MAIN_LOG).removeHandler(loud)
        loop.set_exception_handler(None)
    assert not loud.records, loud.records[0][:2_000]


@asynccontextmanager
async def intruded(
    ipc: IpcMain | None = None, *, silent: bool = False, **hello: Any
) -> AsyncGenerator[Intruder]:
    """Let an intruder into a house of its own; see `House.intruder`."""
    async with (
        hostile_house(ipc) as house,
        house.intruder(silent=silent, **hello) as intruder,
    ):
        yield intruder


def echoing(limits: Limits | None = None, **options: Any) -> IpcMain:
    """Return a main that echoes on `echo`, however it is asked."""
    ipc = IpcMain(limits=limits, **options) if limits else IpcMain(**options)
    ipc.on("echo", lambda event, *args: event.reply("echo", *args))
    ipc.handle("echo", lambda event, *args: list(args))

    @ipc.on("sync echo")
    def _(event: Any, *args: Any) -> None:
        event.return_value = list(args)

    return ipc


def event(channel: str, *args: object) -> pb.Message:
    return pb.Message.FromString(messages.event(channel, args).data)


def call(id: int, channel: str, *args: object, **fields: Any) -> pb.Message:
    return pb.Message.FromString(messages.call(id, channel, args, **fields).data)


def varint(number: int) -> bytes:
    """Return protobuf's form of a number, without asking what we test."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field, whatever its schema would say of the data."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def packed_call(id: int, channel: str, packed: bytes) -> pb.Message:
    return pb.Message(id=id, call=pb.Call(channel=channel, packed=packed))
