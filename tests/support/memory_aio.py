"""The main process in memory for renderers on an event loop, which is also its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.aio import IpcRenderer
from renderer.carrier import LinkBroken
from renderer.settings import Settings
from renderer.wire import events, messages
from renderer.wire.errors import IpcError
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.link import Fate
from renderer.wire.session import Role, Session
from renderer.wire.state import State
from tests.support.memory import MemoryMain, Receiver
from tests.support.processes import PATIENCE


class KeepingMain(MemoryMain):
    """A main that keeps the session of a renderer whose link was cut."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, grace: float = 60.0) -> None:
        super().__init__(limits)
        self.grace = grace
        self.restarted = False
        """It has forgotten the session that it had."""
        self.deaf = False
        """What is written is lost on its way, in both directions."""
        self.swallows = False
        """Frames after the Hello are lost."""
        self.absent: IpcError | None = None
        """How links end as long as this is set."""
        self.hellos: list[pb.Hello] = []
        self._kept = self.session
        self._begun = 0

    def begin(self, arriving: Receiver) -> None:
        if self.session.state is not State.NEW:
            self._kept = self.session
        super().begin(arriving)
        self._begun += 1
        token = b"secret %d" % self._begun
        admission = Admission(token, "s", self._begun, grace=self.grace)
        self.session = Session(Role.MAIN, limits=self.limits, admission=admission)

    def _take(self, frame: bytes) -> None:
        if self.deaf or (self.swallows and self.session.state is not State.NEW):
            return
        if self.absent is not None and self.session.state is State.NEW:
            self.attempts = [self.absent]
        if self.session.state is State.NEW and not self.attempts:
            hello = parse_hello(frame)
            self.hellos.append(hello)
            if hello.token and not self.restarted:
                self.session = self._kept
                epoch = self.session.accept(hello)
                assert epoch is not None
                self._epoch = epoch
            self.restarted = False
        super()._take(frame)

    def write(self, item: bytes | IpcError | None) -> None:
        if not (self.deaf and isinstance(item, bytes)):
            super().write(item)

    def drop(self, error: IpcError | None = None) -> None:
        super().drop(error)
        self.deaf = False

    def restart(self) -> None:
        """Forget the session, and end the link."""
        self.restarted = True
        self.drop()

    def send_away(self, retry_after: float = 0.0, address: str = "") -> None:
        """Ask the renderer to come back."""
        self.session.suspend(retry_after=retry_after, address=address)
        self.flow()

    def half_closed(self, arriving: Receiver) -> None:
        if self.session.finished:
            arriving.put(None)
        super().half_closed(arriving)


class MemoryAioLink:
    """The renderer's end."""

    def __init__(self, carrier: MemoryAioCarrier) -> None:
        self._arriving: asyncio.Queue[bytes | IpcError | None] = asyncio.Queue()
        self._carrier = carrier
        self._over = False
        carrier.main.begin(self)

    def put(self, item: bytes | IpcError | None, /) -> None:
        self._arriving.put_nowait(item)

    async def read(self) -> bytes | None:
        item = await self._arriving.get()
        self._over = not isinstance(item, bytes)
        if isinstance(item, IpcError):
            raise item
        return item

    async def write(self, frame: bytes) -> None:
        self._carrier.frames.append(frame)
        await self._carrier.taking.wait()
        if self._over:
            raise LinkBroken("gone", "unknown", Fate.RESUME)
        self._carrier.main.take(self, frame)

    async def finish(self) -> None:
        self._carrier.finished += 1
        self._carrier.main.half_closed(self)

    def cut(self) -> None:
        self._carrier.cuts += 1
        self.put(None)


class MemoryAioCarrier:
    """The way to a main in memory; one for all links."""

    def __init__(self, main: MemoryMain) -> None:
        self.main = main
        self.frames: list[bytes] = []
        """All that renderers wrote."""
        self.taking = asyncio.Event()
        """The transport takes frames; otherwise writes wait."""
        self.taking.set()
        self.finished = self.cuts = 0

        self.opened: list[Settings] = []
        """By which settings each link was looked for."""

    def open(self) -> MemoryAioLink:
        return MemoryAioLink(self)

    async def close(self) -> None:
        self.main.close()


class MemoryAioRenderer(IpcRenderer):
    """A renderer on an event loop whose main process is in memory."""

    def __init__(
        self, main: MemoryMain, address: str | None = "memory", **options: Any
    ) -> None:
        super().__init__(address, **options)
        self.carrier = MemoryAioCarrier(main)

    def _carrier(self, settings: Settings) -> MemoryAioCarrier:
        self.carrier.opened.append(settings)
        return self.carrier


@asynccontextmanager
async def renderer_of(
    main: MemoryMain, **options: Any
) -> AsyncIterator[MemoryAioRenderer]:
    """Make a renderer; close it at the end, and see that it leaves no task."""
    tasks = asyncio.all_tasks()
    ipc = MemoryAioRenderer(main, **options)
    try:
        yield ipc
    finally:
        await ipc.aclose()
        assert asyncio.all_tasks() <= {*tasks, asyncio.current_task()}


GONE = "UNAVAILABLE: gone"


def gone(times: int = 1, fate: Fate = Fate.RESUME) -> list[IpcError | bytes]:
    """Return how links end on which main does not answer."""
    return [LinkBroken(GONE, "unknown", fate) for _ in range(times)]


@asynccontextmanager
async def away(ipc: MemoryAioRenderer) -> AsyncIterator[None]:
    """Cut a renderer's link, and keep it away from main until the block ends."""
    main = ipc.carrier.main
    assert isinstance(main, KeepingMain)
    main.absent = LinkBroken(GONE, "unknown", Fate.RESUME)
    main.drop(LinkBroken(GONE, "unknown", Fate.RESUME))
    await until(lambda: not ipc.is_connected())
    yield
    main.absent = None


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what it looks at tells nobody
            await asyncio.sleep(0)


async def hear_call(main: MemoryMain) -> events.Arrived:
    """Return the next event or call that arrives."""
    await until(lambda: not main.heard_nothing())
    return main.hear_call()


async def hear(main: MemoryMain) -> tuple[str, list[Any]]:
    """Return the next event or call that arrives: channel and arguments."""
    event = await hear_call(main)
    return event.body.channel, messages.read_args(event.body)


async def replies(main: MemoryMain, count: int = 1) -> list[events.Replied]:
    """Return the replies to main's calls, when there are so many."""
    await until(lambda: len(main.noted_of(events.Replied)) >= count)
    return main.noted_of(events.Replied)
