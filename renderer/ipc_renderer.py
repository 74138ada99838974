"""What `IpcRenderer` is on every face: listeners, handlers, options, texts."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypedDict, TypeVar, overload

from renderer.carrier import Carrier
from renderer.reports import ErrorHook, Reports
from renderer.wire.errors import ConnectionClosed, quote
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.listeners import Kind, Subscription
from renderer.wire.registrar import Registrar
from renderer.wire.session import Role, Session
from renderer.wire.terms import introduction
from renderer.wire.values import Default
from renderer.workers import Job

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
"""Where a main process listens unless it is told otherwise."""

F = TypeVar("F", bound=Callable[..., object])
E = TypeVar("E", bound=ErrorHook)
D = TypeVar("D", bound=Callable[[], object])


class Options(TypedDict, total=False):
    """The keyword arguments of `IpcRenderer` and `connect`."""

    title: str
    url: str
    token: str | None
    connect_timeout: float
    dispatch: Callable[[Job], object] | None
    default: Default | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The same, with what holds where nothing is said."""

    address: str | None = None
    title: str = ""
    url: str = ""
    token: str | None = None
    connect_timeout: float = 10.0
    dispatch: Callable[[Job], object] | None = None
    default: Default | None = None

    def __post_init__(self) -> None:
        if self.token is not None and not _is_header(self.token):
            raise ValueError("a token is printable ASCII")

    def changed(self, address: str | None, options: Options) -> Settings:
        """Return these settings, changed where something is said."""
        changed = replace(self, **options)
        return changed if address is None else replace(changed, address=address)

    @property
    def target(self) -> str:
        """The address, by the first that says one: the program, the user, nobody."""
        return self.address or os.environ.get(_VARIABLE) or DEFAULT_ADDRESS

    def carrier(self) -> Carrier:
        """Return the way to main, over gRPC.

        Raises:
            ConnectionClosed: the address cannot be one.
        """
        if not _is_address(self.target):
            text = f"{quote(self.target)} is no address; give HOST:PORT or unix:PATH"
            raise ConnectionClosed(text, "not-sent")
        # What gRPC's core writes to stderr is told by our own errors.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        # Here and not above: importing this module must load no grpc.
        from renderer.grpc_link import GrpcCarrier

        return GrpcCarrier(self.target, token=self.token)

    def session(self) -> Session:
        """Return a new session as these settings introduce it."""
        hello = introduction(version=_version(), url=self.url, title=self.title)
        return Session(Role.RENDERER, limits=DEFAULT_LIMITS, hello=hello)


_VARIABLE: Final = "ELECTRON_IPC_ADDRESS"


@cache
def _version() -> str:
    try:
        return version("electron-ipc")
    except PackageNotFoundError:  # packed into a program, without metadata
        return ""


def _is_header(token: str) -> bool:
    return token.isascii() and token.isprintable()


def _is_address(address: str) -> bool:
    scheme, colon, rest = address.partition(":")
    if scheme in _SCHEMES:
        return bool(rest)
    _, colon, port = address.rpartition(":")
    return bool(colon) and port.isdecimal() and 0 < int(port) < 2**16


_SCHEMES: Final = frozenset({"unix", "unix-abstract", "dns", "ipv4", "ipv6"})
"""Those that gRPC's targets may begin with, and that need no server of names."""


def no_main(address: str, seconds: float) -> ConnectionClosed:
    """Return the error for an address at which nobody answers."""
    return ConnectionClosed(
        f"no main process at {address} after {seconds:g} s; "
        f"start one with 'mainproc run main.py' or set {_VARIABLE}",
        "not-sent",
    )


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
        self._on_disconnect: list[Callable[[], object]] = []
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
        still run. They run on one thread, so one that takes its time delays the next.
        It may call `send`, `send_sync` and `invoke(…).result()`.

        Args:
            channel: the event's name.
            listener: called with the event's arguments. Without it, a decorator is
                returned.
            thread: run it on a thread of its own; such listeners run one after another,
                in order, and hold nobody else up.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            TypeError: the channel is no str, or the listener cannot be called, or it is
                `async def`.
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
        `RemoteError`. What it sends before it returns arrives before its result.

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
        """Call a function when a connection has ended that was open.

        Whoever ended it: main's Goodbye, a cut, or `close`. It is called without
        arguments, after the listeners of everything that had arrived, on their thread.
        It may `connect` again.

        Args:
            fn: called in the order of registration.

        Returns:
            The function, so that this is a decorator.
        """
        self._on_disconnect.append(fn)
        return fn

    # ---- registering -----------------------------------------------------------------

    def _added(self, kind: Kind, channel: str, fn: Callable[..., object]) -> None:
        self._registered = True
        self._reports.registered(kind, channel, fn)


__all__ = (
    "DEFAULT_ADDRESS",
    "Channels",
    "Options",
    "Settings",
    "is_async",
    "no_main",
)
