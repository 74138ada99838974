"""What `IpcRenderer` is on every face: listeners, handlers, hooks."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from renderer.hooks import DroppedHook, GapHook, Hooks
from renderer.reports import ErrorHook, Reports
from renderer.wire.listeners import Kind, Subscription
from renderer.wire.registrar import Registrar

F = TypeVar("F", bound=Callable[..., object])
E = TypeVar("E", bound=ErrorHook)
D = TypeVar("D", bound=Callable[[], object])
G = TypeVar("G", bound=GapHook)
P = TypeVar("P", bound=DroppedHook)


def is_async(fn: object) -> bool:
    """Tell whether calling this gives a coroutine."""
    while isinstance(fn, partial):
        fn = fn.func
    if not (inspect.isroutine(fn) or inspect.isclass(fn)):
        fn = getattr(fn, "__call__", fn)  # noqa: B004 - the method, not whether it is
    return inspect.iscoroutinefunction(fn)


class Channels(Registrar):
    """Listeners and handlers by channel. Registering is allowed from any thread.

    They get the arguments only, no event. They outlive connections.
    """

    def __init__(self) -> None:
        super().__init__(threading.RLock())
        self._reports = Reports(self.table)
        self._hooks = Hooks()
        self._registered = False  # something, ever

    # ---- listeners -------------------------------------------------------------------

    @overload
    def on(
        self, channel: str, listener: Callable[..., object], /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def on(self, channel: str, /, *, thread: bool = False) -> Callable[[F], F]: ...

    def on(
        self,
        channel: str,
        listener: Callable[..., object] | None = None,
        /,
        *,
        thread: bool = False,
    ) -> Any:
        """Call a listener for every event that main sends on a channel.

        All listeners of a channel are called, in the order of their registration and
        of the events; one that raises is logged (or given to `on_error`) and the others
        still run. A plain function that takes its time delays the next one.

        With `renderer.ipc` they run on one thread of their own, and may call `send`,
        `send_sync` and `invoke(…).result()`. With `renderer.aio` they run on the event
        loop, and may be `async def`: such a listener has run to its first await when
        the next message is dispatched.

        Args:
            channel: the event's name.
            listener: called with the event's arguments. Without it, a decorator is
                returned.
            thread: run it on a thread of its own; such listeners run one after another,
                in order, and hold nobody else up. For plain functions.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            TypeError: the channel is no str, or the listener cannot be called, or it is
                `async def` where that cannot run.
            DataCloneError: the channel cannot be sent.
        """
        return self._register("listener", channel, listener, once=False, thread=thread)

    @overload
    def once(
        self, channel: str, listener: Callable[..., object], /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def once(self, channel: str, /, *, thread: bool = False) -> Callable[[F], F]: ...

    def once(
        self,
        channel: str,
        listener: Callable[..., object] | None = None,
        /,
        *,
        thread: bool = False,
    ) -> Any:
        """Like `on`, for one event: the listener is removed before it is called."""
        return self._register("listener", channel, listener, once=True, thread=thread)

    def add_listener(
        self, channel: str, listener: Callable[..., object], /
    ) -> Subscription:
        """The same as `on` with a function."""
        return self.on(channel, listener)

    # ---- handlers --------------------------------------------------------------------

    @overload
    def handle(
        self, channel: str, handler: Callable[..., object], /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def handle(self, channel: str, /, *, thread: bool = False) -> Callable[[F], F]: ...

    def handle(
        self,
        channel: str,
        handler: Callable[..., object] | None = None,
        /,
        *,
        thread: bool = False,
    ) -> Any:
        """Answer every `contents.invoke` of main's on a channel.

        What the handler returns is the result; what it raises arrives in main as
        `RemoteError`. What it sends before it returns arrives before its result. An
        `async def` (`renderer.aio` only) is cancelled when main gives the call up.

        Args:
            channel: what is asked for.
            handler: called with the arguments. Without it, a decorator is returned.
            thread: run it on a thread of a bounded pool; such handlers start in order
                and run at the same time.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            DuplicateHandler: the channel has a handler already.
            TypeError: as for `on`.
            DataCloneError: the channel cannot be sent.
        """
        return self._register("handler", channel, handler, once=False, thread=thread)

    @overload
    def handle_once(
        self, channel: str, handler: Callable[..., object], /, *, thread: bool = False
    ) -> Subscription: ...
    @overload
    def handle_once(
        self, channel: str, /, *, thread: bool = False
    ) -> Callable[[F], F]: ...

    def handle_once(
        self,
        channel: str,
        handler: Callable[..., object] | None = None,
        /,
        *,
        thread: bool = False,
    ) -> Any:
        """Like `handle`, for one call: the handler is removed before it is called."""
        return self._register("handler", channel, handler, once=True, thread=thread)

    # ---- hooks -----------------------------------------------------------------------

    def on_error(self, fn: E) -> E:
        """Call a function with what a listener or handler raises, instead of logging.

        Args:
            fn: called with the exception and the channel. The latest one counts.

        Returns:
            The function, so that this is a decorator.
        """
        self._reports.hook = fn
        return fn

    def on_disconnect(self, fn: D) -> D:
        """Call a function when a connection that was open has ended for good.

        Whoever ended it: main's Goodbye, `close`, or a cut from which there was no way
        back. It is called without arguments, after the listeners of everything that
        had arrived, where they run. It may `connect` again; with `renderer.aio` it may
        be `async def`.

        Args:
            fn: called in the order of registration.

        Returns:
            The function, so that this is a decorator.
        """
        self._hooks.disconnect.append(fn)
        return fn

    def on_reconnecting(self, fn: D) -> D:
        """Call a function when the link to main is lost and looked for again.

        What is sent meanwhile waits, in its order, and calls wait for their replies.
        It is followed by `on_reconnected`, or by `on_disconnect`.

        Args:
            fn: called without arguments, where listeners run, in order with them.

        Returns:
            The function, so that this is a decorator.
        """
        self._hooks.reconnecting.append(fn)
        return fn

    def on_reconnected(self, fn: D) -> D:
        """Call a function when there is a link to main again.

        If the session could not be resumed, `on_gap` was called before it.

        Args:
            fn: called without arguments, where listeners run, in order with them.

        Returns:
            The function, so that this is a decorator.
        """
        self._hooks.reconnected.append(fn)
        return fn

    def on_gap(self, fn: G) -> G:
        """Call a function when messages may have been lost.

        Main was restarted, or has given this renderer up: a new session began, which
        knows nothing of the old one. Or the session has ended before all was heard, on
        either side; `on_disconnect` follows then. After `close` it is not called. What
        main had not confirmed is not sent again; it may have been dispatched, or not.
        Pending calls fail with `ConnectionClosed`, outcome "unknown". Without such a
        function the same is logged as a warning.

        Args:
            fn: called with the number of events and calls sent that main has not
                confirmed, and the number of messages of main's that never came (None:
                nobody can know); where listeners run, in order with them.

        Returns:
            The function, so that this is a decorator.
        """
        self._hooks.gap.append(fn)
        return fn

    def on_dropped(self, fn: P) -> P:
        """Call a function when main has given up events for this renderer.

        This renderer did not keep up, and main's policy for the channel is to let newer
        events take the place of the oldest (`IpcMain.overflow`). Without such a
        function the same is logged as a warning.

        Args:
            fn: called with the channel and the number of events that will not come (an
                empty channel if that is not known); where listeners run, in the place
                of what was given up.

        Returns:
            The function, so that this is a decorator.
        """
        self._hooks.dropped.append(fn)
        return fn

    # ---- registering -----------------------------------------------------------------

    def _added(self, kind: Kind, channel: str, fn: Callable[..., object]) -> None:
        self._registered = True
        self._reports.registered(kind, channel, fn)


__all__ = (
    "Channels",
    "is_async",
)
