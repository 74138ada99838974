"""A renderer for tests, on the event loop that its main process in memory runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Self, final

from mainproc.ipc_main import IpcMain
from mainproc.security.identity import Identity
from mainproc.testing.links import AioEnd, MainEnd
from mainproc.testing.mains import Main, on_this_loop
from mainproc.testing.probed import Links, Probed
from mainproc.testing.record import Record, raise_what, still_running, unsettled
from renderer.aio import IpcRenderer
from renderer.wire.errors import ConnectionClosed
from renderer.wire.events import Arrived


@final
class MemoryAioCarrier:
    """The way to a main process in memory. An `AioCarrier`.

    Args:
        main: on the loop that runs.
        links: those of the probe.
        identity: who it is.
    """

    def __init__(
        self, main: Main, links: Links[AioEnd], identity: Identity | None
    ) -> None:
        self._main = main
        self._links = links
        self._identity = identity
        self._link: AioEnd | None = None

    def open(self) -> AioEnd:
        """Begin a link; see `AioCarrier`."""
        self._links.check()
        self._link = AioEnd(self._main, self._identity)
        self._links.add(self._link)
        return self._link

    async def close(self) -> None:
        """Cut the link; see `AioCarrier`."""
        if self._link is not None:
            self._link.cut()


class AioRendererProbe(Probed, IpcRenderer):
    """A real renderer whose link to main is memory; made by `connected_aio`.

    It has all that `renderer.aio.IpcRenderer` has, and what a test wants to know; see
    `RendererProbe`.
    """

    def __init__(
        self, main: Main, identity: Identity | None, *, title: str, url: str
    ) -> None:
        super().__init__("memory", title=title, url=url)
        self._main = main
        self._identity = identity
        self._links: Links[AioEnd] = Links()
        self._record = Record()
        self._heard = asyncio.Event()
        self._reports.tap = self._take
        self.on_disconnect(self._heard.set)

    def _carrier(self, settings: object) -> MemoryAioCarrier:
        return MemoryAioCarrier(self._main, self._links, self._identity)

    @property
    def _end(self) -> MainEnd:
        return self._links.current.main_end

    # ---- what main has sent ----------------------------------------------------------

    async def wait_for(
        self, channel: str, /, *, timeout: float = 5.0
    ) -> tuple[Any, ...]:
        """Return the arguments of the next event on a channel; wait until it comes.

        Each event is returned once, in order, whether it came before or after the call.
        Listeners of this probe may not have run yet: `settle` waits for them.
        Cancelling this changes nothing.

        Args:
            channel: the event's name.
            timeout: seconds to wait.

        Raises:
            IpcTimeout: it did not come; what did is named, and what main still runs.
            ConnectionClosed: it cannot come any more: the connection has ended.
        """
        try:
            async with asyncio.timeout(timeout):
                while not self._record.has(channel) and self._is_open():
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            late = self._record.late(channel, timeout, self._running())
            # What a listener raised is probably why.
            raise late from next(iter(self._end.raised), None)
        if not self._record.has(channel):
            raise self._record.lost(channel)
        return self._record.take(channel)

    def _is_open(self) -> bool:
        connection = self._connection
        return connection is not None and connection.error is None

    def _take(self, event: Arrived) -> None:
        self._record.add(event)
        self._heard.set()

    # ---- coming to rest --------------------------------------------------------------

    async def settle(self, timeout: float = 5.0) -> None:
        """Wait until all that was sent is consumed and what it started has ended.

        Main's listeners and handlers for this renderer are through then, those that are
        `async def` or on threads included, and so are this probe's listeners for what
        main sent meanwhile, and so on until nothing moves. Other tasks and timers are
        not waited for. On a connection that has ended it waits for what still runs.
        Cancelling this changes nothing.

        What main's listeners raised for events of this probe is raised here: a plain
        event has no caller who would hear of it. Not if `ipc.on_error` is set. (What
        handlers, and listeners of sync messages, raise gets to their callers.)

        Args:
            timeout: seconds to wait.

        Raises:
            IpcTimeout: something still moves; its channels are named.
            BaseException: what a listener raised; several are a `BaseExceptionGroup`
                (an `ExceptionGroup`, unless one is no `Exception`).
        """
        try:
            async with asyncio.timeout(timeout):
                await self._settle()
        except TimeoutError:
            raise unsettled(timeout, self._running()) from None
        raise_what(self._end.raised)

    async def _settle(self) -> None:
        await self._flush_all()
        while True:
            moves = self._end.moves
            await self._end.rest()
            await self._links.current.caught_up()
            if self._connection is not None:
                await self._connection.settle()
            await self._flush_all()
            # Nobody has sent anything since, so nothing can follow from it.
            if moves == self._end.moves:
                return

    async def _flush_all(self) -> None:
        try:
            await self.flush(None)
        except ConnectionClosed:
            pass  # then main has what it has

    def _running(self) -> str:
        return still_running(self.contents.work.channels)

    # ---- breaking --------------------------------------------------------------------

    async def connect(self, address: str | None = None, **options: Any) -> Self:
        """Connect, also after a cut for good; see `renderer.aio.IpcRenderer`."""
        self._links.severed = False
        return await super().connect(address, **options)

    async def cut(self, *, resume: bool = True) -> None:
        """Break the link, as a network would; return when both sides know.

        The link is broken when this is called and awaited; cancelling it ends the
        waiting only.

        Args:
            resume: the renderer comes back to its session by itself, within a tenth of
                a second. Nothing is lost, calls wait, and `contents` hears
                "disconnected" and "resumed". False: it does not come back. Nobody says
                goodbye, what is under way is lost, waiting calls fail with
                `ConnectionClosed`, and `contents.is_destroyed()` is true. `connect`
                begins anew, as another renderer.
        """
        link, connection = self._links.current, self._connection
        self._links.severed = not resume
        link.cut(resume=resume)
        await link.main_end.over()
        if connection is not None:
            await (connection.wait_cut() if resume else connection.wait_over())


@asynccontextmanager
async def probing_aio(
    ipc: IpcMain, title: str, url: str, identity: Identity | None
) -> AsyncGenerator[AioRendererProbe]:
    """Connect a probe while the block runs; see `connected_aio`."""
    async with (
        on_this_loop(ipc) as main,
        AioRendererProbe(main, identity, title=title, url=url) as probe,
    ):
        yield probe


__all__ = ("AioRendererProbe", "probing_aio")
