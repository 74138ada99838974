"""`ipc`, as the main process has it: listeners, handlers, renderers."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, overload

from mainproc.dispatch import Dispatcher, ErrorHook
from mainproc.events import IpcMainEvent, IpcMainInvokeEvent
from mainproc.web_contents import WebContents
from renderer.wire.errors import quote
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.listeners import Kind, Subscription
from renderer.wire.registrar import Registrar


class Listener(Protocol):
    """What `on` and `once` register: `(event, *args)`, plain or `async def`."""

    def __call__(self, event: IpcMainEvent, /, *args: Any, **kwargs: Any) -> object:
        """Take a message."""
        ...


class Handler(Protocol):
    """What `handle` registers: `(event, *args)`, plain or `async def`."""

    def __call__(
        self, event: IpcMainInvokeEvent, /, *args: Any, **kwargs: Any
    ) -> object:
        """Take an invoke; what it returns is the result."""
        ...


_L = TypeVar("_L", bound=Listener)
_H = TypeVar("_H", bound=Handler)
_E = TypeVar("_E", bound=Callable[..., object])


class Channels(Registrar):
    """Listeners and handlers by channel. Registering is allowed from any thread."""

    def __init__(self) -> None:
        super().__init__(threading.RLock())

    @overload
    def on(
        self, channel: str, listener: Listener, /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def on(self, channel: str, /, *, thread: bool = False) -> Callable[[_L], _L]: ...

    def on(
        self,
        channel: str,
        listener: Listener | None = None,
        /,
        *,
        thread: bool = False,
    ) -> Any:
        """Call a listener for every event and sync message on a channel.

        All listeners of a channel are called, in the order of their registration; one
        that raises is logged (or given to `on_error`) and the others still run. A plain
        function runs on main's event loop and holds it meanwhile, as in Electron; an
        `async def` runs to its first await before the next message of the same renderer
        is dispatched.

        Args:
            channel: the event's name.
            listener: called with `(event, *args)`. Without it, a decorator is returned.
            thread: run it on a thread; such listeners of one renderer run one after
                another, in order.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            TypeError: the channel is no str, or the listener cannot be called, or is an
                `async def` with `thread`.
        """
        return self._register("listener", channel, listener, once=False, thread=thread)

    @overload
    def once(
        self, channel: str, listener: Listener, /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def once(self, channel: str, /, *, thread: bool = False) -> Callable[[_L], _L]: ...

    def once(
        self,
        channel: str,
        listener: Listener | None = None,
        /,
        *,
        thread: bool = False,
    ) -> Any:
        """Like `on`, for one message: the listener is removed before it is called."""
        return self._register("listener", channel, listener, once=True, thread=thread)

    @overload
    def handle(
        self, channel: str, handler: Handler, /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def handle(
        self, channel: str, /, *, thread: bool = False
    ) -> Callable[[_H], _H]: ...

    def handle(
        self, channel: str, handler: Handler | None = None, /, *, thread: bool = False
    ) -> Any:
        """Answer every `invoke` on a channel with what a handler returns.

        Handlers start in the order in which a renderer asked; they may end in any.
        What a handler sends before it returns arrives before its result. When the
        caller cancels, its time is over, or the renderer is gone, an `async def` is
        cancelled, and `event.cancelled` is true for a plain one.

        Args:
            channel: what is asked for.
            handler: called with `(event, *args)`. Without it, a decorator is returned.
            thread: run it on a thread of a bounded pool, concurrently.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            DuplicateHandler: the channel has a handler already.
            TypeError: the channel is no str, or the handler cannot be called, or is an
                `async def` with `thread`.
        """
        return self._register("handler", channel, handler, once=False, thread=thread)

    @overload
    def handle_once(
        self, channel: str, handler: Handler, /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def handle_once(
        self, channel: str, /, *, thread: bool = False
    ) -> Callable[[_H], _H]: ...

    def handle_once(
        self, channel: str, handler: Handler | None = None, /, *, thread: bool = False
    ) -> Any:
        """Like `handle`, for one invoke: the handler is removed before it is called."""
        return self._register("handler", channel, handler, once=True, thread=thread)

    def add_listener(self, channel: str, listener: Listener, /) -> Subscription:
        """Do the same as `on`."""
        return self.on(channel, listener)

    def _check(self, kind: Kind, channel: str, fn: object, *, thread: bool) -> None:
        if thread and inspect.iscoroutinefunction(fn):
            raise TypeError(
                f"thread=True is for plain functions; the {kind} for {quote(channel)} "
                "is an `async def`, which runs on main's loop"
            )


class IpcMain(Channels):
    """The main process's end of the conversation with all its renderers.

    Making one opens nothing: `mainproc.run` or `mainproc.serve` does.

    Args:
        default: converts values that have no form on the wire, as json's `default`.
        limits: what renderers may do.
    """

    def __init__(
        self,
        *,
        default: Callable[[object], object] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__()
        self.limits = limits
        self.default = default
        self.dispatcher = Dispatcher(self.table, default=default)
        self.renderers: set[WebContents] = set()
        self.served = False
        """It has been served at least once."""

    @property
    def web_contents(self) -> tuple[WebContents, ...]:
        """The renderers that are connected, the oldest first."""
        return tuple(sorted(self.renderers, key=lambda contents: contents.id))

    def on_error(self, fn: _E) -> _E:
        """Call `fn(error, event)` for what listeners and handlers raise, not the log.

        Usable as a decorator. The caller of an invoke gets its error in any case.
        """
        hook: ErrorHook = fn
        self.dispatcher.error_hook = hook
        return fn
