"""The asyncio face's `IpcRenderer`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, Unpack

from renderer import texts
from renderer.aio.connection import FLUSH_S, AioConnection
from renderer.carrier import AioCarrier
from renderer.carriers import grpc_aio_carrier
from renderer.ipc_renderer import Channels, is_async
from renderer.patience import closed_early
from renderer.settings import Options, Settings
from renderer.tls import TLS
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcError, IpcTimeout, quote
from renderer.wire.listeners import Kind, checked_channel, checked_lane
from renderer.wire.seconds import seconds
from renderer.wire.values import Default

_PART_S: Final = 5.0


class IpcRenderer(Channels):
    """A renderer on an event loop: sends to main, and listens to what main sends.

    Making one opens nothing. The first `send`, `invoke`, `flush` or `wait` begins to
    connect in the background, and goes on for `connect_timeout` while there is no main
    process; what is sent meanwhile waits, and goes out in order. If main does not come,
    calls fail with `ConnectionClosed`, and events that were accepted are told in the
    log and by the next `flush`, `wait` or `aclose`.

    It belongs to the loop on which it connects, and listeners run there. When that loop
    is closed, the next use connects anew: one object serves several `asyncio.run`. At
    the end of each, what was sent is flushed, for 5 s at most, and main gets Goodbye.

    A connection that breaks is restored, while main keeps the session (for a minute,
    unless it says otherwise): what is sent meanwhile waits, calls wait for their
    replies, and nothing is lost, doubled or out of order, both ways. If main has lost
    the session, because it was started anew, a new one takes its place, and `on_gap`
    tells so. If there is no way back whatever waits fails with `ConnectionClosed`, and
    so does whatever is sent afterwards, until `connect` is called. Listeners and
    handlers stay registered.

    Args:
        address: where main is: "host:port" or "unix:PATH". None: what the environment
            variable ELECTRON_IPC_ADDRESS says, or else 127.0.0.1:50051.
        title: what main sees as `WebContents.title`.
        url: what main sees as `WebContents.url`.
        token: a bearer token for main. None: ELECTRON_IPC_TOKEN, if address is None.
        tls: how to encrypt. None: by ELECTRON_IPC_CA, _CERT and _KEY, if they are set.
        connect_timeout: seconds to wait for main to appear.
        default: called with a value that cannot be sent; returns what to send in its
            place, as in `json.dumps`.
        reconnect: come back after a cut. Without it each cut is the end.
        dead_after: seconds after which a connection on which nothing comes any more
            counts as broken; 2 or more.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        title: str = "",
        url: str = "",
        token: str | None = None,
        tls: TLS | None = None,
        connect_timeout: float = 10.0,
        default: Default | None = None,
        reconnect: bool = True,
        dead_after: float = 20.0,
    ) -> None:
        super().__init__()
        self._settings = Settings(
            address,
            title,
            url,
            token,
            tls,
            connect_timeout,
            default,
            reconnect,
            dead_after,
        )
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._connection: AioConnection | None = None
        self._closed = False
        self._closings = 0  # so often it was closed
        self._loss: ConnectionClosed | None = None  # of events, not told yet

    # ---- connecting ------------------------------------------------------------------

    @property
    def id(self) -> int | None:
        """The `WebContents.id` of this renderer in main; None while not connected."""
        connection = self._connection
        if connection is None or not self.is_connected():
            return None
        return connection.id

    @property
    def address(self) -> str:
        """Where main is, or is looked for."""
        connection = self._connection
        return self._settings.target if connection is None else connection.address

    def is_connected(self) -> bool:
        """Tell whether there is an open connection; not while it is being restored."""
        connection = self._connection
        return (
            connection is not None
            and connection.connected
            and connection.error is None
            and not connection.loop.is_closed()
            and self._pid == os.getpid()
        )

    async def connect(
        self, address: str | None = None, **options: Unpack[Options]
    ) -> Self:
        """Connect, and wait until main has said welcome.

        Nothing happens if there is a connection to that address (options that would
        change it are named in the log); if it is being restored this waits for that.
        After a connection has ended this begins a new session; listeners and handlers
        stay registered. Cancelling this changes nothing but the waiting.

        Args:
            address: as for `IpcRenderer`. None: what was said there.
            **options: as for `IpcRenderer`, in place of what was said there.

        Returns:
            This object.

        Raises:
            ConnectionClosed: there is no main process, or it does not want us now.
            AccessDenied: this renderer may not come in.
            IpcError: there is a connection to another address, or on another loop.
        """
        if self._pid != os.getpid():
            self._begin()
        settings, closings = self._settings.changed(address, options), self._closings
        while (previous := self._present()) is not None and not previous.over:
            if previous.error is not None:
                await previous.wait_over()
            elif previous.target != settings.target:
                raise texts.elsewhere(previous.target)
            else:
                self._settings.warn_of_late(settings)
                await previous.wait_connected()
                if previous.connected:
                    return self
                await previous.wait_opened()
        if self._closings != closings:  # while it waited for the end of another
            raise closed_early()
        self._closed = False
        self._settings = settings
        await self._start().wait_opened()
        return self

    def _present(self) -> AioConnection | None:
        """Return the connection of this loop, if there is one, even if it is over.

        Raises:
            IpcError: there is one of another loop.
        """
        connection = self._connection
        if connection is None:
            return None
        loop = _running_loop()
        if connection.loop is loop:
            return connection
        if not connection.over and not connection.loop.is_closed():
            raise IpcError(
                "connected on another event loop; from another thread, have that loop "
                "do it: loop.call_soon_threadsafe(ipc.send, channel, …)"
            )
        return None

    def _line(self) -> AioConnection:
        """Return the connection; the first use begins to open it."""
        connection = self._connection
        # In a forked child no loop runs, or another one than this.
        if (
            connection is not None
            and connection.loop is _running_loop()
            and (connection.opened or connection.error is None)
        ):
            return connection
        return self._other_line()

    def _other_line(self) -> AioConnection:
        if self._pid != os.getpid():
            raise texts.forked(self._pid)
        connection = self._present()
        if connection is not None and (connection.opened or connection.error is None):
            return connection
        if self._closed:
            raise texts.closed_for_good()
        return self._start()

    def _start(self) -> AioConnection:
        if _running_loop() is None:
            raise IpcError(
                "no event loop runs here: call it in a coroutine, or from a program "
                "without asyncio use `from renderer import ipc`"
            )
        previous, before = self._connection, None
        if previous is not None:
            self._loss = previous.take_loss() or self._loss
            if previous.loop is _running_loop() and not previous.ended:
                before = previous.dispatcher
        connection = AioConnection(
            self.table,
            self._reports,
            self._settings,
            self._carrier,
            self._hooks,
            before,
        )
        self._connection = connection
        connection.begin()
        return connection

    def _carrier(self, settings: Settings) -> AioCarrier:
        return grpc_aio_carrier(settings)

    # ---- sending ---------------------------------------------------------------------

    def send(self, channel: str, /, *args: object, lane: int = 0) -> None:
        """Send an event to main's listeners on a channel. There is nothing to await.

        Events, sync messages and invokes of a lane arrive in the order in which they
        were sent, each once, over cuts as well. Those of which main has not said that
        it consumed them when its session is lost are told by `on_gap`; at the end of
        the connection they are told in the log.

        Args:
            channel: the event's name.
            *args: values of any type that can be sent.
            lane: 0 to 2³² − 1. Messages of one lane keep their order; lanes overtake
                each other; a large message holds up its own lane only.

        Raises:
            DataCloneError: an argument cannot be sent; its path says which part.
            ConnectionClosed: the connection is over; it was not sent.
            Overloaded: main has not consumed a full window (65,536 messages or 64 MiB);
                `await drain()`.
            PayloadTooLarge: it is larger than main takes.
            IpcError: the connection belongs to another loop, or none runs here.
            ValueError: there is no such lane.
        """
        if type(channel) is not str or not channel.isascii():
            channel = checked_channel(channel)
        if type(lane) is not int or lane:
            lane = checked_lane(lane)
        line, default = self._line(), self._settings.default
        packed = line.packed
        line.put(messages.event(channel, args, default, packed=packed, lane=lane))

    def send_sync(
        self, channel: str, /, *args: object, timeout: float | None = 30.0
    ) -> asyncio.Future[Any]:
        """Send a sync message; await what a listener sets as return value.

        The message is on its way when this returns, in order with the others.

        Args:
            channel: the channel.
            *args: values of any type that can be sent.
            timeout: seconds until it fails with `IpcTimeout`, and main learns of that;
                None for ever.

        Returns:
            The return value to come. Awaiting it raises `NoListener` if nobody listens,
            `ReplyNeverSent` if no listener set a value, `RemoteError` if one raised,
            `ConnectionClosed` if the connection ends before or main loses the session
            (a cut alone does neither), `DataCloneError` if the value cannot be read.
            Cancelling it tells main.

        Raises:
            IpcError: as for `send`; nothing was sent.
        """
        return self._call(channel, args, timeout, sync=True, lane=0)

    sendSync = send_sync
    """The same, as Electron spells it."""

    def invoke(
        self,
        channel: str,
        /,
        *args: object,
        timeout: float | None = None,
        lane: int = 0,
    ) -> asyncio.Future[Any]:
        """Call main's handler of a channel; await the result.

        The message is on its way when this returns, in order with the others of its
        lane.

        Args:
            channel: the channel.
            *args: values of any type that can be sent.
            timeout: seconds until the call fails with `IpcTimeout` and main cancels the
                handler; None for ever.
            lane: as for `send`; the reply comes on the same.

        Returns:
            The result to come. Awaiting it raises `RemoteError` if the handler raised,
            `NoHandler` if there is none, `ConnectionClosed` if the connection ends
            before or main loses the session (a cut alone does neither),
            `DataCloneError` if the result cannot be read. Cancelling it, or who awaits
            it, cancels the handler.

        Raises:
            IpcError: as for `send`; nothing was sent.
        """
        return self._call(channel, args, timeout, sync=False, lane=lane)

    def _call(
        self,
        channel: str,
        args: tuple[object, ...],
        timeout: float | None,
        *,
        sync: bool,
        lane: int,
    ) -> asyncio.Future[Any]:
        if type(channel) is not str or not channel.isascii():
            channel = checked_channel(channel)
        if type(lane) is not int or lane:
            lane = checked_lane(lane)
        calls, default = self._line().calls, self._settings.default
        return calls.begin(channel, args, timeout, default, sync=sync, lane=lane)

    # ---- waiting ---------------------------------------------------------------------

    async def flush(self, timeout: float | None = 10.0) -> None:
        """Wait until main has consumed all that was sent; connect first if need be.

        A plain listener of main's has returned by then, an async one was started.
        Cancelling this changes nothing but the waiting.

        Args:
            timeout: seconds to wait; None for ever.

        Raises:
            IpcTimeout: main has not consumed it all in time.
            ConnectionClosed: the connection ended before, main lost the session, or
                there was no connection for what was sent.
        """
        self._raise_loss()
        line = self._line()
        try:
            async with asyncio.timeout(seconds(timeout)):
                await line.flush()
        except TimeoutError:
            text = f"main has not consumed it all within {timeout:g} s"
            raise IpcTimeout(text) from None
        except ConnectionClosed:
            self._raise_loss()
            raise

    async def drain(self, timeout: float | None = None) -> None:
        """Wait until half of main's window is free; connect first if need be.

        Cancelling this changes nothing but the waiting.

        Args:
            timeout: seconds to wait; None for ever.

        Raises:
            IpcTimeout: it was not so in time.
            ConnectionClosed: there is no connection.
        """
        line = self._line()
        try:
            async with asyncio.timeout(seconds(timeout)):
                await line.drain()
        except TimeoutError:
            text = f"main's window has got no room within {timeout:g} s"
            raise IpcTimeout(text) from None

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until main says goodbye; connect first if need be.

        When this returns, the listeners of all that arrived are through, and so are
        those of `on_disconnect`, unless one of them takes longer than 5 s, or is the
        one that waits. Cancelling this changes nothing but the waiting.

        Args:
            timeout: seconds to wait; None for ever.

        Returns:
            True if main said goodbye; False if the connection broke, or the time is
            over.

        Raises:
            ConnectionClosed: there is no main process, or there was none for what was
                sent.
        """
        self._raise_loss()
        line = self._line()
        try:
            async with asyncio.timeout(seconds(timeout)):
                await line.wait_opened()
                await line.wait_ended()
                last = line  # that was opened: what a hook found nobody for is not
                while (later := self._connection) is not None and later is not line:
                    line = later  # an on_disconnect hook has connected again
                    await line.wait_ended()
                    last = line if line.opened else last
        except TimeoutError:
            return False
        except ConnectionClosed:
            self._raise_loss()
            raise
        return last.parted

    def _raise_loss(self) -> None:
        loss, self._loss = self._loss, None
        if self._connection is not None:
            loss = self._connection.take_loss() or loss
        if loss is not None:
            raise loss

    # ---- the end ---------------------------------------------------------------------

    async def aclose(self) -> None:
        """Wait until main has consumed what was sent, say goodbye, and disconnect.

        Both together take 10 s at most; what main has not confirmed then is logged. A
        connection that is being restored ends at once.
        Listeners get what arrived before, calls under way fail with `ConnectionClosed`.
        Nothing happens if there is no connection. Afterwards only `connect` opens one.
        Cancelling this cuts the connection.

        Raises:
            ConnectionClosed: there was no connection for what was sent.
        """
        self._closed = True
        self._closings += 1
        if self._pid != os.getpid():
            return
        connection = self._present()
        if connection is not None:
            try:
                await connection.leave(FLUSH_S, _PART_S, at_end=False)
                await connection.wait_ended()
            except asyncio.CancelledError:
                connection.cut()
                raise
            connection.tell_unconfirmed()
        self._raise_loss()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.aclose()
        except ConnectionClosed:
            if error is None:  # else that one matters more; this one is in the log
                raise

    def __repr__(self) -> str:
        connection = self._connection
        state = f"is {self.id}" if self.is_connected() else "not connected"
        if connection is not None and connection.is_reconnecting:
            state = "reconnecting"
        return f"<IpcRenderer at {self.address}, {state}>"

    def _check(self, kind: Kind, channel: str, fn: object, *, thread: bool) -> None:
        if thread and is_async(fn):
            raise TypeError(
                f"thread=True is for plain functions; the {kind} for {quote(channel)} "
                "is an `async def`, which runs on the event loop"
            )


# As `asyncio.get_running_loop`, but None where there is none. Its stubs leave it out.
_running_loop: Callable[[], asyncio.AbstractEventLoop | None] = getattr(  # noqa: B009
    asyncio, "_get_running_loop"
)


__all__ = ("IpcRenderer",)
