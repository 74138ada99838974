"""Main processes in memory: on the loop of a test, or on a thread of their own."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager, contextmanager
from pathlib import PurePath
from types import FrameType
from typing import Any, Final, final

from mainproc import dispatch
from mainproc.application import app
from mainproc.home import Home
from mainproc.ipc_main import IpcMain
from mainproc.security.identity import Identity
from mainproc.sessions import Sessions
from mainproc.sessions.connection import Connection
from mainproc.testing.links import ThreadEnd, observe
from renderer.carrier import LinkBroken, Source
from renderer.wire.link import Fate

logger = logging.getLogger("ipc.main")

_GRACE: Final = 5.0
"""Seconds that handlers have to finish when the application quits, as for `serve`."""
_CANCEL_WITHIN: Final = 1.0
"""Seconds that cancelled tasks have to end; threads cannot be cancelled."""
_END_WITHIN: Final = 5.0


@final
class Main:
    """A main process that listens nowhere. Made on its loop, which `app` may quit.

    Args:
        ipc: whose listeners and handlers serve the renderers.
    """

    def __init__(self, ipc: IpcMain) -> None:
        self.ipc = ipc
        self.home = Home()
        self.ends_process = False
        self.sessions = Sessions(ipc)
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        """Those that somebody still uses; what runs for a renderer does."""
        self._stopping: asyncio.Task[None] | None = None
        ipc.served = True
        ipc.dispatcher.open()
        ipc.dispatcher.observer = observe
        app.serves(self)

    def quit(self, code: int) -> None:
        """Say Goodbye to all renderers, because the application quits."""
        self._stop(_GRACE)

    async def stop(self) -> None:
        """End it: no renderer is left."""
        await asyncio.shield(self._stop(0.0))

    def _stop(self, grace: float) -> asyncio.Task[None]:
        if self._stopping is None:
            self._stopping = self.home.loop.create_task(self._stop_within(grace))
        return self._stopping

    async def _stop_within(self, grace: float) -> None:
        try:
            await self._end_within(grace)
        finally:
            app.has_stopped(self)

    async def _end_within(self, grace: float) -> None:
        self.sessions.stopping = True
        await app.before_quit(self, _GRACE)
        await self.sessions.stop(grace)
        await self._cancel_rest()
        self.ipc.dispatcher.close()

    async def _cancel_rest(self) -> None:
        """Cancel what listeners still do for renderers that have left."""
        left = list(self.connections)
        for connection in left:
            connection.cancel_work()
        if left:
            quiet = [connection.quiet() for connection in left]
            await asyncio.wait(quiet, timeout=_CANCEL_WITHIN)


# ---- on a thread ---------------------------------------------------------------------


@final
class MainThread:
    """A main process on an event loop on a daemon thread.

    Args:
        ipc: whose listeners and handlers serve the renderers.
    """

    def __init__(self, ipc: IpcMain) -> None:
        self.users = 0
        """How many renderers need it."""
        self._ipc = ipc
        self._stop = asyncio.Event()
        self._begun: Future[Main] = Future()
        self._ended: Future[None] = Future()
        self._lock = threading.Lock()
        self._links: weakref.WeakSet[ThreadEnd] = weakref.WeakSet()
        name = "mainproc.testing"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self.main = self._begun.result()

    @property
    def ended(self) -> bool:
        """Its loop is closed."""
        return self._ended.done()

    def open(self, source: Source, identity: Identity | None) -> ThreadEnd:
        """Begin a link to it.

        Args:
            source: where the frames of the renderer come from.
            identity: who it is.

        Raises:
            LinkBroken: it has ended.
        """
        with self._lock:
            if self.ended:
                raise LinkBroken("main has ended", "not-sent", Fate.GIVE_UP)
            link = ThreadEnd(self.main, source, identity)
            self._links.add(link)
            return link

    def _run(self) -> None:
        try:
            # Its end cancels what listeners have left running.
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:
            # As in production: a listener's sys.exit() ends main.
            logger.exception("main ended by %r", error)
            if not self._begun.done():
                self._begun.set_exception(error)
        with self._lock:
            self._ended.set_result(None)
            links = list(self._links)
        for link in links:
            link.cut()  # one that came too late to be served

    async def _serve(self) -> None:
        main = Main(self._ipc)
        self._begun.set_result(main)
        try:
            await self._stop.wait()
        finally:
            await main.stop()

    def wait(self, what: Coroutine[Any, Any, None], timeout: float) -> bool:
        """Wait for something that happens on the loop; return whether it has.

        Args:
            what: ends when it has happened.
            timeout: seconds to wait.
        """
        try:
            waiting = asyncio.run_coroutine_threadsafe(what, self.main.home.loop)
        except RuntimeError:  # the loop is closed: nothing runs there any more
            what.close()
            return True
        done = wait({waiting, self._ended}, timeout, FIRST_COMPLETED).done
        if not done:
            waiting.cancel()
            return False
        if waiting not in done:
            what.close()  # the loop ended before it could begin
        elif not waiting.cancelled():
            waiting.result()
        return True

    def held_by(self) -> str | None:
        """Return the plain function that holds the loop, and where; None if none."""
        frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # documented
        frame = frames.get(self._thread.ident or 0)
        called: FrameType | None = None
        while frame is not None:
            if frame.f_code.co_filename == dispatch.__file__:
                break
            called, frame = frame, frame.f_back
        if frame is None or called is None:
            return None
        code = called.f_code
        file = PurePath(code.co_filename).name
        return f"{code.co_qualname}, {file}:{called.f_lineno}"

    def end(self) -> None:
        """Stop, and wait for it."""
        self.main.home.later(self._stop.set)
        self._thread.join(_END_WITHIN)
        if self._thread.is_alive():
            logger.error("main does not end; it is held by %s", self.held_by())


_lock: Final = threading.Lock()
_threads: Final[dict[IpcMain, MainThread]] = {}


@contextmanager
def on_thread(ipc: IpcMain) -> Generator[MainThread]:
    """Have a main process while the block runs: one for all that overlap."""
    with _lock:
        main = _threads.get(ipc)
        if main is None or main.ended:
            main = _threads[ipc] = MainThread(ipc)
        main.users += 1
    try:
        yield main
    finally:
        with _lock:
            main.users -= 1
            last = not main.users
            if last and _threads.get(ipc) is main:
                del _threads[ipc]
        if last:
            main.end()


# ---- on the loop that runs -----------------------------------------------------------

_mains: Final[dict[tuple[IpcMain, asyncio.AbstractEventLoop], tuple[Main, int]]] = {}


@asynccontextmanager
async def on_this_loop(ipc: IpcMain) -> AsyncGenerator[Main]:
    """Have a main process on the running loop, while the block runs."""
    key = (ipc, asyncio.get_running_loop())
    main, users = _mains.get(key) or (Main(ipc), 0)
    _mains[key] = (main, users + 1)
    try:
        yield main
    finally:
        main, users = _mains.pop(key)
        if users > 1:
            _mains[key] = (main, users - 1)
        else:
            await main.stop()


__all__ = ("Main", "MainThread", "on_this_loop", "on_thread")
