"""Listeners and handlers of the main process: those of `ipc`, or of one renderer."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from mainproc.guard import Allow, check_allow
from renderer.wire.errors import quote
from renderer.wire.listeners import Kind, Subscription
from renderer.wire.registrar import Registrar

if TYPE_CHECKING:
    from mainproc.events import IpcMainEvent, IpcMainInvokeEvent


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


class Channels(Registrar):
    """Listeners and handlers by channel. Registering is allowed from any thread."""

    def __init__(self) -> None:
        super().__init__(threading.RLock())

    @overload
    def on(
        self,
        channel: str,
        listener: Listener,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
    ) -> Subscription: ...
    @overload
    def on(
        self, channel: str, /, *, thread: bool = False, allow: Allow | None = None
    ) -> Callable[[_L], _L]: ...

    def on(
        self,
        channel: str,
        listener: Listener | None = None,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
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
            allow: called with the sender, `event.sender`, on main's loop before each
                call; where it returns False, or raises, the listener is not called. A
                sync message for which none is left fails with `AccessDenied`.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            TypeError: the channel is no str, or the listener cannot be called, or is an
                `async def` with `thread`; or `allow` is one.
        """
        check_allow(allow)
        return self._register(
            "listener", channel, listener, once=False, thread=thread, allow=allow
        )

    @overload
    def once(
        self,
        channel: str,
        listener: Listener,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
    ) -> Subscription: ...
    @overload
    def once(
        self, channel: str, /, *, thread: bool = False, allow: Allow | None = None
    ) -> Callable[[_L], _L]: ...

    def once(
        self,
        channel: str,
        listener: Listener | None = None,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
    ) -> Any:
        """Like `on`, for one message: the listener is removed before it is called."""
        check_allow(allow)
        return self._register(
            "listener", channel, listener, once=True, thread=thread, allow=allow
        )

    @overload
    def handle(
        self,
        channel: str,
        handler: Handler,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
    ) -> Subscription: ...
    @overload
    def handle(
        self, channel: str, /, *, thread: bool = False, allow: Allow | None = None
    ) -> Callable[[_H], _H]: ...

    def handle(
        self,
        channel: str,
        handler: Handler | None = None,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
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
            allow: called with the sender, `event.sender`, on main's loop before each
                call; where it returns False, or raises, the invoke fails with
                `AccessDenied`.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            DuplicateHandler: the channel has a handler already.
            TypeError: the channel is no str, or the handler cannot be called, or is an
                `async def` with `thread`; or `allow` is one.
        """
        check_allow(allow)
        return self._register(
            "handler", channel, handler, once=False, thread=thread, allow=allow
        )

    @overload
    def handle_once(
        self,
        channel: str,
        handler: Handler,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
    ) -> Subscription: ...
    @overload
    def handle_once(
        self, channel: str, /, *, thread: bool = False, allow: Allow | None = None
    ) -> Callable[[_H], _H]: ...

    def handle_once(
        self,
        channel: str,
        handler: Handler | None = None,
        /,
        *,
        thread: bool = False,
        allow: Allow | None = None,
    ) -> Any:
        """Like `handle`, for one invoke: the handler is removed before it is called."""
        check_allow(allow)
        return self._register(
            "handler", channel, handler, once=True, thread=thread, allow=allow
        )

    def add_listener(self, channel: str, listener: Listener, /) -> Subscription:
        """Do the same as `on`."""
        return self.on(channel, listener)

    def _check(self, kind: Kind, channel: str, fn: object, *, thread: bool) -> None:
        if thread and inspect.iscoroutinefunction(fn):
            raise TypeError(
                f"thread=True is for plain functions; the {kind} for {quote(channel)} "
                "is an `async def`, which runs on main's loop"
            )


__all__ = ("Channels", "Handler", "Listener")
