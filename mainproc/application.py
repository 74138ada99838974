"""`app`: what happens to the main process as a whole."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeVar, final, overload

from mainproc import emitter
from mainproc.emitter import Emitter
from mainproc.home import Home
from mainproc.web_contents import WebContents
from renderer.wire.listeners import Subscription

AppEvent = Literal[
    "ready",
    "web-contents-created",
    "web-contents-destroyed",
    "window-all-closed",
    "before-quit",
]
_EVENTS: Final[tuple[AppEvent, ...]] = (
    "ready",
    "web-contents-created",
    "web-contents-destroyed",
    "window-all-closed",
    "before-quit",
)

_F = TypeVar("_F", bound=Callable[..., object])


class Serving(Protocol):
    """A main process that serves."""

    @property
    def home(self) -> Home:
        """Its loop."""
        ...

    @property
    def ends_process(self) -> bool:
        """The process ends with it."""
        ...

    def quit(self, code: int) -> None:
        """Stop, on its loop; the process ends with this code, if that is ours to do."""
        ...


@final
class App:
    """The application: every `IpcMain` that this process serves.

    Listeners are called on main's loop; they may be `async def`.
    """

    def __init__(self) -> None:
        self.events: Final = Emitter(_EVENTS)
        """Who listens to what (@private)."""
        self._mains: list[Serving] = []
        self._leaving: list[Serving] = []  # those of them that are about to stop
        self._quitting = False

    @overload
    def on(
        self, event: AppEvent, listener: Callable[..., object], /
    ) -> Subscription: ...
    @overload
    def on(self, event: AppEvent, /) -> Callable[[_F], _F]: ...

    def on(
        self, event: AppEvent, listener: Callable[..., object] | None = None, /
    ) -> Any:
        """Call a listener for an event of the application.

        * `ready`, without arguments: renderers may come. Called soon if they may now.
        * `web-contents-created`, with the `WebContents`: a renderer has come; none of
          its messages has been dispatched yet.
        * `web-contents-destroyed`, with the `WebContents`: it is gone.
        * `window-all-closed`, without arguments: the last one is gone. Not while the
          application quits. Nothing else happens: call `app.quit()` to end then.
        * `before-quit`, without arguments: main is about to stop, and renderers are
          still there. What is `async def` may finish within the grace.

        Args:
            event: its name.
            listener: what to call. Without it, a decorator is returned.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            ValueError: there is no such event.
        """
        added = self._added_ready if event == "ready" else _ignore
        return self.events.on(event, listener, added)

    def _added_ready(self, listener: Callable[..., object]) -> None:
        for main in self._mains[:1]:
            main.home.later(emitter.call, listener, "ready")

    async def when_ready(self) -> None:
        """Wait until renderers may come. Cancelling it changes nothing."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        def tell() -> None:
            loop.call_soon_threadsafe(wake)

        with self.on("ready", tell):
            await ready

    def quit(self, code: int = 0) -> None:
        """End the application: say Goodbye to all renderers, and stop.

        Under `mainproc.run` (or `mainproc run`) the process then ends with the code.
        Under `mainproc.serve` main stops, and the program goes on. May be called from
        any thread; returns at once. Nothing changes when that is under way already.

        Args:
            code: the exit code.

        Raises:
            SystemExit: nothing is served yet: the script ends here.
        """
        if not (self._mains or self._leaving):
            raise SystemExit(code)
        for main in tuple(self._mains):
            main.home.later(main.quit, code)

    def exit(self, error: SystemExit) -> bool:
        """Quit because a listener or handler called `sys.exit` (@private).

        One that does while the application quits changes the exit code.

        Returns:
            Whether there is a `mainproc.run` to end.
        """
        served = (*self._mains, *self._leaving)
        mains = [main for main in served if main.ends_process]
        code = error.code
        if mains and not isinstance(code, int | None):
            sys.stderr.write(f"{code}\n")
            code = 1
        for main in mains:
            main.home.later(main.quit, code or 0)
        return bool(mains)

    # ---- from main processes, on their loops -----------------------------------------

    def serves(self, main: Serving) -> None:
        """Note that a main process serves, and tell (@private)."""
        if self._mains:
            self._mains.append(main)
        else:
            self.events.emit("ready", first=partial(self._mains.append, main))

    async def before_quit(self, main: Serving, grace: float) -> None:
        """Tell that a main process is about to stop (@private).

        It waits for those who have something to do.

        Args:
            main: the main process.
            grace: seconds to wait.
        """
        if main not in self._mains:
            return  # it never served
        self._mains.remove(main)
        self._leaving.append(main)
        self._quitting = not self._mains
        tasks = self.emit("before-quit")
        if tasks:
            await asyncio.wait(tasks, timeout=grace)

    def has_stopped(self, main: Serving) -> None:
        """Note that a main process has ended, or never served (@private)."""
        if main in self._leaving:
            self._leaving.remove(main)

    def emit(self, event: AppEvent, *args: object) -> list[asyncio.Task[None]]:
        """Call the listeners of an event (@private).

        Returns:
            The tasks of those that are `async def`.
        """
        return self.events.emit(event, *args)

    def web_contents_created(self, contents: WebContents) -> None:
        """Tell that a renderer has come (@private)."""
        self._quitting = False
        self.emit("web-contents-created", contents)

    def web_contents_destroyed(self, contents: WebContents) -> None:
        """Tell that a renderer is gone, and whether it was the last (@private)."""
        self.emit("web-contents-destroyed", contents)
        if not (self._quitting or WebContents.get_all()):
            self.emit("window-all-closed")


def _ignore(_: object) -> None:
    pass


app: Final = App()
"""The application of this process."""
emitter.leave = app.exit

__all__ = ("App", "AppEvent", "app")
