"""A main process that says what it likes, and renderers that listen to it."""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import grpc

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.support.processes import PATIENCE
from tests.support.servers import serving

MOST: Final = 2**64 - 1


class Pause(enum.Enum):
    """What else a script may say."""

    WAIT = "go on when a call of the renderer's has come"
    CUT = "end the link"


Step = bytes | pb.StreamResponse | Pause


def welcome(**fields: Any) -> pb.StreamResponse:
    said: dict[str, Any] = {"token": bytes(32), "web_contents_id": 1}
    return pb.StreamResponse(welcome=pb.Welcome(**said | fields))


def said(*messages: pb.Message, first: int = 1, **fields: Any) -> pb.StreamResponse:
    return pb.StreamResponse(first=first, messages=messages, **fields)


def reply(**fields: Any) -> pb.StreamResponse:
    return said(pb.Message(id=1, reply=pb.Reply(**fields)))


@contextmanager
def false_main(*script: Step, then: Sequence[Step] = ()) -> Generator[str]:
    """Serve a script: what is said to every renderer once it has said Hello.

    Args:
        script: what is said on the first link; all links, if there is nothing else.
        then: what is said on the others.
    """
    links = itertools.count()

    def stream(frames: Iterator[bytes], _: object) -> Iterator[bytes]:
        is_first = next(links) == 0
        said = script if is_first or not then else then
        try:
            yield from _Play(frames).through(said)
        except (grpc.RpcError, _Gone):
            pass  # the renderer is gone

    with serving(stream) as address:
        yield address


class _Gone(Exception):
    """The renderer has ended its direction."""


class _Play:
    """One link's way through the script."""

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._frames = frames
        self._received = 0

    def _read(self) -> pb.StreamRequest:
        data = next(self._frames, None)
        if data is None:
            raise _Gone
        frame = pb.StreamRequest.FromString(data)
        self._received += len(frame.messages)
        return frame

    def through(self, script: Sequence[Step]) -> Iterator[bytes]:
        self._read()
        for step in script:
            if isinstance(step, bytes):
                yield step
            elif isinstance(step, pb.StreamResponse):
                yield step.SerializeToString()
            elif step is Pause.CUT:
                return
            else:
                self._hear_call()
        # At the end it lets the renderer go in peace.
        frame = pb.StreamRequest()
        while not frame.HasField("goodbye"):
            if self._received:
                yield pb.StreamResponse(ack=self._received).SerializeToString()
            frame = self._read()
        yield pb.StreamResponse(goodbye=pb.Goodbye()).SerializeToString()

    def _hear_call(self) -> None:
        while not any(m.HasField("call") for m in self._read().messages):
            pass


def _ask_on_threads(
    address: str, heard: Callable[[object], object] | None = None, **options: Any
) -> Any:
    with IpcRenderer(address, **options) as page:
        if heard is not None:
            page.on("event", heard)
        page.connect()
        return page.invoke("question").result(PATIENCE)


def _ask_on_a_loop(
    address: str, heard: Callable[[object], object] | None = None, **options: Any
) -> Any:
    async def ask() -> Any:
        async with AioRenderer(address, **options) as page:
            if heard is not None:
                page.on("event", heard)
            await page.connect()
            async with asyncio.timeout(PATIENCE):
                return await page.invoke("question")

    return asyncio.run(ask())


FACES: Final[dict[str, Callable[..., Any]]] = {
    "threads": _ask_on_threads,
    "aio": _ask_on_a_loop,
}
"""Each connects to an address, asks one question, and returns or raises the answer."""
