"""A main process in memory, and a renderer that finds it there."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import grpc

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import IpcRenderer
from renderer.carrier import Source
from renderer.settings import ThreadSettings
from renderer.wire import events, messages
from renderer.wire.errors import IpcError
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.session import Role, Session
from renderer.wire.state import State
from tests.support.processes import PATIENCE
from tests.support.servers import serving

T = TypeVar("T")

Arriving = queue.SimpleQueue[bytes | IpcError | None]
"""What is on its way to a renderer: frames, and how the link ends."""


class Receiver(Protocol):
    """Where what is on its way to a renderer is put."""

    def put(self, item: bytes | IpcError | None, /) -> object: ...


class MemoryLink:
    """The renderer's end. Frames are written by whoever wakes it."""

    def __init__(self, main: MemoryMain, source: Source) -> None:
        self._arriving: Arriving = queue.SimpleQueue()
        self._main = main
        main.begin(self._arriving)
        self._source = source

    def carry(self, deliver: Callable[[bytes], object]) -> None:
        for frame in frames_in(self._arriving):
            deliver(frame)

    def wake(self) -> None:
        with self._main.lock:
            while (frame := self._source.next_frame()) is not None:
                self._main.take(self._arriving, frame)

    def finish(self) -> None:
        self.wake()
        self._main.half_closed(self._arriving)

    def cut(self) -> None:
        self._arriving.put(None)


def frames_in(arriving: Arriving) -> Iterator[bytes]:
    while (item := arriving.get()) is not None:
        if isinstance(item, IpcError):
            raise item
        yield item


class MemoryMain:
    """A main process that a test plays. Also the `Carrier` to it.

    Each link begins a session of its own; the test speaks on the latest.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.limits = limits
        self.consuming = True
        """What arrives is consumed at once; otherwise the test does it."""
        self.answering = True
        """Goodbye is answered, and ends the link."""
        self.attempts: list[IpcError | bytes] = []
        """What becomes of the next links in place of a session: an error, a frame."""
        self.unary: list[pb.SendSyncRequest] = []
        self.responses: list[IpcError | pb.SendSyncResponse] = []
        """What the next unary calls come to."""
        self.closed = 0
        self.session = Session(Role.MAIN)
        self.noted: list[events.SessionEvent] = []
        self.messages: list[pb.Message] = []
        """All that renderers wrote."""
        self._heard: queue.SimpleQueue[events.Arrived] = queue.SimpleQueue()
        self._sessions = 0
        self._epoch = 0
        self._arriving: Receiver = queue.SimpleQueue()

    # ---- as a carrier ----------------------------------------------------------------

    def open(self, source: Source) -> MemoryLink:
        link = MemoryLink(self, source)
        link.wake()
        return link

    def send_sync(self, request: bytes, timeout: float | None) -> bytes:
        self.unary.append(pb.SendSyncRequest.FromString(request))
        response = self.responses.pop(0)
        if isinstance(response, IpcError):
            raise response
        return response.SerializeToString()

    def close(self) -> None:
        with self.lock:
            self.closed += 1
            self.changed.notify_all()

    # ---- what arrives ----------------------------------------------------------------

    def begin(self, arriving: Receiver) -> None:
        """Begin a session on a new link.

        Args:
            arriving: where to put what goes to the renderer.
        """
        with self.lock:
            self._sessions += 1
            admission = Admission(b"secret", "s", self._sessions)
            self.session = Session(Role.MAIN, limits=self.limits, admission=admission)
            self._arriving = arriving

    def take(self, arriving: Receiver, frame: bytes) -> None:
        """Take a frame from the renderer that `arriving` goes to."""
        with self.lock:
            if arriving is self._arriving:
                self._take(frame)

    def half_closed(self, arriving: Receiver) -> None:
        """Note that a renderer writes no more."""
        with self.lock:
            if self.session.state is State.CLOSED:
                arriving.put(None)

    def _take(self, frame: bytes) -> None:
        if self.session.state is State.NEW:
            if self.attempts:
                self._refuse(self.attempts.pop(0))
                return
            epoch = self.session.accept(parse_hello(frame))
            assert epoch is not None
            self._epoch = epoch
        self.messages.extend(pb.StreamRequest.FromString(frame).messages)
        self.session.receive(self._epoch, frame, 0.0)
        for event in self.session.take_events():
            self._note(event)
        self.flow()

    def _refuse(self, attempt: IpcError | bytes) -> None:
        self.write(attempt)
        if isinstance(attempt, bytes):
            self.write(None)

    def write(self, item: bytes | IpcError | None) -> None:
        """Write a frame that no session would, or end the link."""
        self._arriving.put(item)

    def _note(self, event: events.SessionEvent) -> None:
        if isinstance(event, events.Arrived):
            if self.consuming:
                self.session.consume()
            self._heard.put(event)
            return
        self.noted.append(event)
        self.changed.notify_all()
        if isinstance(event, events.GoodbyeHeard) and self.answering:
            self.session.goodbye()

    def flow(self) -> None:
        """Write what the session has."""
        while (frame := self.session.next_frame(0.0)) is not None:
            self.write(frame)
        if self.session.finished and self.session.state is State.CLOSED:
            self.write(None)

    def hear(self) -> tuple[str, list[Any]]:
        """Return the next event or call that arrived: channel and arguments."""
        event = self.hear_call()
        return event.body.channel, messages.read_args(event.body)

    def hear_call(self) -> events.Arrived:
        """Return the next event or call that arrived, as it is."""
        return self._heard.get(timeout=PATIENCE)

    def heard_nothing(self) -> bool:
        """Tell whether all that arrived was looked at."""
        return self._heard.empty()

    def noted_of(self, kind: type[T]) -> list[T]:
        return [event for event in self.noted if isinstance(event, kind)]

    def lanes_of_replies(self) -> dict[int, int]:
        """Return the lanes of the replies that came, by the ids of their calls."""
        return {m.id: m.lane for m in self.messages if m.HasField("reply")}

    def wait_for(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait until so many events of a kind were noted; return them all."""
        until = time.monotonic() + PATIENCE
        with self.changed:
            while len(self.noted_of(kind)) < count:
                assert self.changed.wait(until - time.monotonic()), "nothing came"
            return self.noted_of(kind)

    def ways_closed(self, count: int) -> int:
        """Wait until so many ways to here were closed; return how many were.

        The last thing that ends with a link: who waits for that may be told before.
        """
        with self.changed:
            assert self.changed.wait_for(lambda: self.closed >= count, PATIENCE)
            return self.closed

    # ---- what main does --------------------------------------------------------------

    def send(self, channel: str, *args: object) -> None:
        with self.lock:
            self.session.put(messages.event(channel, args))
            self.flow()

    def call(
        self,
        id: int,
        channel: str,
        *args: object,
        sync: bool = False,
        timeout: float | None = None,
        lane: int = 0,
    ) -> None:
        with self.lock:
            self.session.put(
                messages.call(id, channel, args, sync=sync, timeout=timeout, lane=lane)
            )
            self.flow()

    def cancel(self, id: int) -> None:
        with self.lock:
            self.session.put(messages.cancel(id))
            self.flow()

    def answer(self, call: events.Arrived, value: object) -> None:
        with self.lock:
            self.session.put(messages.reply(call.message.id, value))
            self.flow()

    def fail(self, call: events.Arrived, error: Exception) -> None:
        with self.lock:
            self.session.put(messages.raised(call.message.id, error))
            self.flow()

    def refuse(self, call: events.Arrived, error: Exception) -> None:
        with self.lock:
            self.session.put(messages.refusal(call.message.id, error))
            self.flow()

    def consume(self, count: int = 1) -> None:
        """Consume what was left, and tell the renderer at once."""
        with self.lock:
            for _ in range(count):
                self.session.consume()
            self.flow()

    def goodbye(self, message: str = "") -> None:
        with self.lock:
            self.session.goodbye(message=message)
            self.flow()

    def drop(self, error: IpcError | None = None) -> None:
        """End the link without a word."""
        with self.lock:
            self.session.cut(self._epoch, 0.0)
            self.write(error)


class MemoryRenderer(IpcRenderer):
    """A renderer whose main process is in memory."""

    def __init__(self, main: MemoryMain, **options: Any) -> None:
        super().__init__(**{"address": "memory", **options})
        self._main = main

    def _carrier(self, settings: ThreadSettings) -> MemoryMain:
        return self._main


class Heard(queue.SimpleQueue[Any]):
    """What listeners were called with, in the order of their calls."""

    def listener(self, *args: object) -> None:
        self.put(args[0] if len(args) == 1 else args)

    def next(self) -> Any:
        return self.get(timeout=PATIENCE)


@contextmanager
def served(main: MemoryMain) -> Generator[tuple[MemoryMain, str]]:
    """Put a main in memory behind a gRPC server; yield it and its address."""

    def stream(requests: Iterator[bytes], _: object) -> Iterator[bytes]:
        arriving: Arriving = queue.SimpleQueue()
        main.begin(arriving)

        def read() -> None:
            try:
                for frame in requests:
                    main.take(arriving, frame)
            except grpc.RpcError:
                pass  # cancelled
            main.half_closed(arriving)

        reader = threading.Thread(target=read)
        reader.start()
        yield from frames_in(arriving)
        reader.join(PATIENCE)

    with serving(stream) as address:
        yield main, address
