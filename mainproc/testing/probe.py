"""A renderer for tests, on threads, with its main process in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Final, Self, Unpack, final

from mainproc.ipc_main import IpcMain
from mainproc.security.identity import Identity
from mainproc.testing.links import MainEnd, ThreadEnd
from mainproc.testing.mains import MainThread, on_thread
from mainproc.testing.probed import Links, Probed
from mainproc.testing.record import Record, raise_what, still_running, unsettled
from renderer import IpcRenderer
from renderer.carrier import LinkBroken, Source
from renderer.deadline import Deadline
from renderer.settings import ThreadOptions
from renderer.wire.errors import ConnectionClosed, IpcTimeout
from renderer.wire.events import Arrived
from renderer.wire.link import Fate

_LONG: Final = 365 * 24 * 3600.0
_CUT_WITHIN: Final = 5.0


@final
class MemoryCarrier:
    """The way to a main process in memory. A `Carrier`.

    Args:
        thread: main.
        links: those of the probe.
        identity: who it is.
    """

    def __init__(
        self, thread: MainThread, links: Links[ThreadEnd], identity: Identity | None
    ) -> None:
        self._thread = thread
        self._links = links
        self._identity = identity
        self._link: ThreadEnd | None = None

    def open(self, source: Source) -> ThreadEnd:
        """Begin a link; see `Carrier`."""
        self._links.check()
        self._link = self._thread.open(source, self._identity)
        self._links.add(self._link)
        return self._link

    def send_sync(self, request: bytes, timeout: float | None) -> bytes:
        """Make the unary call; see `Carrier`."""
        main = self._thread.main
        replying = main.sessions.send_sync(
            request,
            _LONG if timeout is None else timeout,
            identity=self._identity,
        )
        reply = asyncio.run_coroutine_threadsafe(replying, main.home.loop)
        try:
            return reply.result(timeout)
        except CancelledError:
            raise LinkBroken("main has ended", "unknown", Fate.GIVE_UP) from None
        except TimeoutError:
            reply.cancel()
            raise IpcTimeout("no reply in time") from None

    def close(self) -> None:
        """Cut the link; see `Carrier`."""
        if self._link is not None:
            self._link.cut()


class RendererProbe(Probed, IpcRenderer):
    """A real renderer whose link to main is memory; made by `connected`.

    It has all that `renderer.IpcRenderer` has, and what a test wants to know. Sessions,
    numbers, values and errors are those of production; only the transport is not. An
    event without listener is no warning here: the probe itself has heard it.
    """

    def __init__(
        self, main: MainThread, identity: Identity | None, *, title: str, url: str
    ) -> None:
        super().__init__("memory", title=title, url=url)
        self._main = main
        self._identity = identity
        self._links: Links[ThreadEnd] = Links()
        self._record = Record()
        self._heard = threading.Condition()
        self._reports.tap = self._take
        self.on_disconnect(self._wake)

    def _carrier(self, settings: object) -> MemoryCarrier:
        return MemoryCarrier(self._main, self._links, self._identity)

    @property
    def _end(self) -> MainEnd:
        return self._links.current.main_end

    # ---- what main has sent ----------------------------------------------------------

    def wait_for(self, channel: str, /, *, timeout: float = 5.0) -> tuple[Any, ...]:
        """Return the arguments of the next event on a channel; wait until it comes.

        Each event is returned once, in order, whether it came before or after the call.
        Listeners of this probe may not have run yet: `settle` waits for them.

        Args:
            channel: the event's name.
            timeout: seconds to wait.

        Raises:
            IpcTimeout: it did not come; what did is named, and what main still runs.
            ConnectionClosed: it cannot come any more: the connection has ended.
        """

        def ready() -> bool:
            return self._record.has(channel) or not self._is_open()

        with self._heard:
            in_time = self._heard.wait_for(ready, timeout)
            if self._record.has(channel):
                return self._record.take(channel)
            if in_time:
                raise self._record.lost(channel)
            late = self._record.late(channel, timeout, self._running())
        # What a listener raised is probably why.
        raise late from next(iter(self._end.raised), None)

    def _is_open(self) -> bool:
        connection = self._connection
        return connection is not None and connection.error is None

    def _take(self, event: Arrived) -> None:
        with self._heard:
            self._record.add(event)
            self._heard.notify_all()

    def _wake(self) -> None:
        with self._heard:
            self._heard.notify_all()

    # ---- coming to rest --------------------------------------------------------------

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until all that was sent is consumed and what it started has ended.

        Main's listeners and handlers for this renderer are through then, those that are
        `async def` or on threads included, and so are this probe's listeners for what
        main sent meanwhile, and so on until nothing moves. Tasks and timers of main's
        own are not waited for. On a connection that has ended it waits for what still
        runs.

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
        deadline = Deadline(timeout)
        settled = self._has_flushed(deadline)
        while settled:
            moves = self._end.moves
            settled = self._rests(deadline) and self._has_flushed(deadline)
            # Nobody has sent anything since, so nothing can follow from it.
            if settled and moves == self._end.moves:
                raise_what(self._end.raised)
                return
        raise unsettled(timeout, self._running())

    def _has_flushed(self, deadline: Deadline) -> bool:
        try:
            self.flush(deadline.left)
        except IpcTimeout:
            return False
        except ConnectionClosed:
            pass  # then main has what it has
        return True

    def _rests(self, deadline: Deadline) -> bool:
        """Wait for main, for what it has sent, and for listeners; tell if in time."""
        dispatcher = self._dispatcher
        return (
            self._main.wait(self._end.rest(), deadline.left or 0.0)
            and self._links.current.caught_up(deadline.left or 0.0)
            and (dispatcher is None or dispatcher.settle(deadline.left or 0.0))
        )

    def _running(self) -> str:
        held = self._main.held_by()
        if held is not None:
            return f"main is held by {held}"
        return still_running(self.contents.work.channels)

    # ---- breaking --------------------------------------------------------------------

    def connect(
        self, address: str | None = None, **options: Unpack[ThreadOptions]
    ) -> Self:
        """Connect, also after a cut for good; see `renderer.IpcRenderer`."""
        self._links.severed = False
        return super().connect(address, **options)

    def cut(self, *, resume: bool = True) -> None:
        """Break the link, as a network would; return when both sides know.

        Args:
            resume: the renderer comes back to its session by itself, within a tenth of
                a second. Nothing is lost, calls wait, and `contents` hears
                "disconnected" and "resumed". False: it does not come back. Nobody says
                goodbye, what is under way is lost, waiting calls fail with
                `ConnectionClosed`, and `contents.is_destroyed()` is true. `connect`
                begins anew, as another renderer.

        Raises:
            IpcTimeout: main did not take note; something holds its loop.
        """
        link, connection = self._links.current, self._connection
        self._links.severed = not resume
        link.cut(resume=resume)
        deadline = Deadline(_CUT_WITHIN)
        if connection is not None and resume:
            # Or it is back so soon that nobody has seen it go.
            connection.exchange.wait_until(
                lambda: not connection.linked or self._links.current is not link,
                deadline,
            )
        elif connection is not None:
            connection.wait_over(deadline)
        if self._main.main.home.is_here():
            return  # main is told when the listener that does this has returned
        if not self._main.wait(link.main_end.over(), _CUT_WITHIN):
            raise IpcTimeout(f"main did not notice the cut; {self._running()}")


@contextmanager
def probing(
    ipc: IpcMain, title: str, url: str, identity: Identity | None
) -> Generator[RendererProbe]:
    """Connect a probe while the block runs; see `connected`."""
    with (
        on_thread(ipc) as main,
        RendererProbe(main, identity, title=title, url=url) as probe,
    ):
        yield probe.connect()


__all__ = ("RendererProbe", "probing")
