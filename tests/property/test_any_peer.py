"""A whole main process, without sockets, before a renderer that sends anything."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from asyncio import FIRST_COMPLETED
from typing import Any

import pytest
from hypothesis import given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain
from mainproc.sessions import Sessions
from mainproc.trace import Style, Trace
from renderer.wire.errors import IpcError
from renderer.wire.limits import Limits
from tests.support.frames import DAMAGE, REQUESTS, SYNC_REQUESTS, damaged

LIMITS = Limits(
    window_messages=5,
    window_bytes=2_000,
    max_message_bytes=3_000,
    hello_timeout=5.0,
    resume_grace=0.0,
)
HELLO = st.builds(
    pb.Hello,
    acks=st.booleans(),
    encodings=st.just([pb.ENCODING_PACKED]),
    features=st.just(["chunks", "lanes"]),
).map(lambda hello: pb.StreamRequest(hello=hello).SerializeToString())
FRAMES = st.builds(damaged, REQUESTS, DAMAGE) | st.binary(max_size=64)
STYLES: st.SearchStrategy[Style | None] = st.sampled_from([None, "messages", "frames"])
TRACEBACKS: list[str] = []


class Link:
    """What it is given to read, and the frames that main has written."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames
        self.read_all = asyncio.get_running_loop().create_future()
        self.written: list[pb.StreamResponse] = []

    async def read(self) -> bytes | None:
        await asyncio.sleep(0)
        if self.frames:
            return self.frames.pop(0)
        if not self.read_all.done():
            self.read_all.set_result(None)
        return None

    async def write(self, frame: bytes) -> None:
        self.written.append(pb.StreamResponse.FromString(frame))


class Tracebacks(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            TRACEBACKS.append(self.format(record))


@pytest.fixture(autouse=True, scope="module")
def logged() -> Any:
    """Keep what is logged with a traceback: main's own mistakes."""
    handler, logger = Tracebacks(), logging.getLogger("ipc.main")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


def obliging() -> IpcMain:
    """Return a main that takes whatever comes, and sends it back."""
    ipc = IpcMain(limits=LIMITS)
    for channel in "", "a":
        ipc.on(channel, lambda event, *args: event.reply("x", *args))
        ipc.handle(channel, lambda event, *args: list(args))
    return ipc


async def play(
    frames: list[bytes], requests: list[bytes], trace: Trace | None
) -> list[pb.StreamResponse]:
    ipc = obliging()
    mistakes: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: mistakes.append(context))
    sessions, link = Sessions(ipc, trace), Link(frames)
    serving = asyncio.ensure_future(sessions.serve(link, "fuzz"))
    for request in requests:
        with contextlib.suppress(IpcError):
            response = await sessions.send_sync(request, 0.001)
            pb.SendSyncResponse.FromString(response)
    async with asyncio.timeout(20):
        await asyncio.wait([serving, link.read_all], return_when=FIRST_COMPLETED)
    await sessions.stop(0.0)
    await serving
    assert not mistakes
    assert ipc.web_contents == ()
    ipc.dispatcher.close()
    return link.written


@given(
    hello=HELLO | FRAMES,
    frames=st.lists(FRAMES, max_size=4),
    requests=st.lists(st.builds(damaged, SYNC_REQUESTS, DAMAGE), max_size=2),
    style=STYLES,
)
def test_any_peer(
    hello: bytes, frames: list[bytes], requests: list[bytes], style: Style | None
) -> None:
    TRACEBACKS.clear()
    traced = io.StringIO()
    trace = None if style is None else Trace(style, traced)
    written = asyncio.run(play([hello, *frames], requests, trace))
    assert TRACEBACKS == []
    assert "cannot trace" not in traced.getvalue()
    for frame in written[:-1]:
        assert not frame.HasField("goodbye")  # it is the last one
