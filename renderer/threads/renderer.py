"""The blocking face: `ipc` for scripts, GUI programs and everything with threads."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from renderer import texts
from renderer.deadline import Deadline
from renderer.ipc_renderer import is_async
from renderer.reply import Reply
from renderer.settings import ThreadSettings
from renderer.threads import lifetime, staying
from renderer.threads.connected import FOR_EVER, Connected
from renderer.threads.connection import DRAIN_S, Connection
from renderer.threads.dispatcher import ThreadDispatcher
from renderer.threads.lifetime import quiet_interrupts
from renderer.threads.one_shot import OneShots
from renderer.tls import TLS
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcError, IpcTimeout, quote
from renderer.wire.listeners import Kind, checked_channel, checked_lane
from renderer.wire.values import Default
from renderer.workers import Job

logger = logging.getLogger("ipc.renderer")

_FLUSH_S: Final = 5.0
_PART_S: Final = 5.0
_PART_UNLINKED_S: Final = 1.0


class IpcRenderer(Connected):
    """A renderer: sends to main, and listens to what main sends.

    Making one opens nothing. The first `send`, `invoke`, `flush` or `wait` connects,
    and waits up to `connect_timeout` for a main process to appear. All methods may be
    called from any thread, and by listeners.

    When the link to main breaks, it is looked for again, and the session goes on where
    it was: what is sent meanwhile waits, calls wait for their replies (their timeouts
    run on), and everything arrives once and in order. If main was restarted meanwhile,
    or has given this renderer up, a new session begins and `on_gap` tells what may be
    lost. If main cannot be found for most of the time that it would wait (60 s unless
    it says otherwise), the connection ends: whatever waits fails with
    `ConnectionClosed`, and so does whatever is sent afterwards, until `connect` is
    called. Listeners and handlers stay registered.

    Args:
        address: where main is: "host:port" or "unix:PATH". None: what the environment
            variable ELECTRON_IPC_ADDRESS says, or else 127.0.0.1:50051.
        title: what main sees as `WebContents.title`.
        url: what main sees as `WebContents.url`.
        token: a bearer token for main. None: ELECTRON_IPC_TOKEN, if address is None.
        tls: how to encrypt. None: by ELECTRON_IPC_CA, _CERT and _KEY, if they are set.
        connect_timeout: seconds to wait for main to appear.
        dispatch: gives listeners, handlers and callbacks to another loop, as of a GUI:
            called from any thread with a function without arguments to be called there,
            soon and in order (`call_soon_threadsafe`, the `put` of a queue that the
            loop empties). None: they run on a thread of their own.
        default: called with a value that cannot be sent; returns what to send in its
            place, as in `json.dumps`.
        reconnect: look for main again after a cut. False: a cut ends the connection.
        dead_after: seconds until a connection on which nothing comes, not even a sign
            of life, counts as cut; 2 or more.
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
        dispatch: Callable[[Job], object] | None = None,
        default: Default | None = None,
        reconnect: bool = True,
        dead_after: float = 20.0,
    ) -> None:
        super().__init__(
            ThreadSettings(
                address,
                title,
                url,
                token,
                tls,
                connect_timeout,
                default,
                reconnect,
                dead_after,
                dispatch,
            )
        )
        staying.note(self)

    # ---- sending ---------------------------------------------------------------------

    def send(self, channel: str, /, *args: object, lane: int = 0) -> None:
        """Send an event to main's listeners on a channel.

        Returns as soon as it is on its way. Events, sync messages and invokes arrive in
        the order of their lane, each once, as long as the session lasts. Without a
        link they wait for the next one.
        While main has not consumed a full window of them (65,536 messages or 64 MiB),
        this waits.

        Args:
            channel: the event's name.
            *args: values of any type that can be sent.
            lane: 0 to 2³² − 1. Messages of one lane keep their order; lanes overtake
                each other; a large message holds up its own lane only.

        Raises:
            DataCloneError: an argument cannot be sent; its path says which part.
            ConnectionClosed: there is no connection; it was not sent.
            PayloadTooLarge: it is larger than main takes.
            ValueError: there is no such lane.
        """
        channel, lane = checked_channel(channel), checked_lane(lane)
        # What cannot be sent is refused before there need be a connection.
        connection, default = self._connection, self._settings.default
        packed = connection is not None and connection.packed
        parcel = messages.event(channel, args, default, packed=packed, lane=lane)
        line = self._line()
        if packed and line is not connection:  # it has ended, and another began
            parcel = messages.event(channel, args, default, lane=lane)
        line.exchange.send(parcel)

    def send_sync(
        self, channel: str, /, *args: object, timeout: float | None = 30.0
    ) -> Any:
        """Send a sync message and wait for what a listener sets as return value.

        It arrives in order with what was sent before. A program that does nothing else
        with this object (no `connect`, no listeners, nothing sent) opens no session for
        it (but under `python -m renderer`): `event.sender` is good for the reply only.

        Args:
            channel: the channel.
            *args: values of any type that can be sent.
            timeout: seconds to wait; None for ever.

        Returns:
            The return value.

        Raises:
            NoListener: nobody listens on the channel.
            ReplyNeverSent: all listeners are through and none set a value.
            RemoteError: a listener raised, and none set a value.
            IpcTimeout: nothing came in time. Main is told.
            DataCloneError: an argument cannot be sent.
            ConnectionClosed: there is no connection, or it ended meanwhile; its
                `outcome` says whether the message may have arrived.
            PayloadTooLarge: it is larger than main takes.
        """
        channel = checked_channel(channel)
        deadline, default = Deadline(timeout), self._settings.default
        if self._is_one_shot() and (
            request := OneShots.request(channel, args, default)
        ):
            patience = self._patience(deadline)
            return self._one_shots.send_sync(request, channel, deadline, patience)
        return self._line(deadline).send_sync(channel, args, deadline, default)

    sendSync = send_sync
    """The same, as Electron spells it."""

    def invoke(
        self,
        channel: str,
        /,
        *args: object,
        timeout: float | None = None,
        lane: int = 0,
    ) -> Reply[Any]:
        """Call main's handler of a channel.

        The message is sent when this returns, in order with the others of its lane;
        like `send`, this waits while main's window is full.

        Args:
            channel: the channel.
            *args: values of any type that can be sent.
            timeout: seconds until the call fails with `IpcTimeout` and main cancels the
                handler; None for ever.
            lane: as for `send`; the reply comes on the same.

        Returns:
            The result to come: a `concurrent.futures.Future` that can be awaited, too.
            `cancel()` reaches the handler.

        Raises:
            DataCloneError: an argument cannot be sent.
            ConnectionClosed: there is no connection; it was not sent.
            PayloadTooLarge: it is larger than main takes.
            IpcTimeout: main's window was full all the time; it was not sent.
            ValueError: there is no such lane.
        """
        channel, lane = checked_channel(channel), checked_lane(lane)
        deadline, default = Deadline(timeout), self._settings.default
        return self._line(deadline).invoke(channel, args, deadline, default, lane)

    # ---- the unary way ---------------------------------------------------------------

    def _is_one_shot(self) -> bool:
        return (
            OneShots.allowed_to(self._settings)
            and self._connection is None
            and not self._registered
            and not self._closed.is_set()
            and self._pid == os.getpid()
        )

    def _send_sync_unary(
        self, channel: str, /, *args: object, timeout: float | None = 30.0
    ) -> Any:
        """Like `send_sync`, beside the stream, in its place among what is on it."""
        deadline, default = Deadline(timeout), self._settings.default
        return self._line(deadline).send_sync_unary(channel, args, deadline, default)

    # ---- waiting ---------------------------------------------------------------------

    def flush(self, timeout: float | None = 10.0) -> None:
        """Wait until main has consumed all that was sent.

        A plain listener of main's has returned by then, an async one was started.

        Args:
            timeout: seconds to wait; None for ever.

        Raises:
            IpcTimeout: main has not consumed it all in time.
            ConnectionClosed: the connection ended before.
        """
        deadline = Deadline(timeout)
        if not self._line(deadline).exchange.flush(deadline):
            raise IpcTimeout(f"main has not consumed it all{deadline.within()}")

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all that was sent is written and the next `send` need not wait.

        Args:
            timeout: seconds to wait; None for ever.

        Raises:
            IpcTimeout: it was not so in time.
            ConnectionClosed: there is no connection.
        """
        deadline = Deadline(timeout)
        if not self._line(deadline).exchange.drain(deadline):
            raise IpcTimeout(f"main's window has got no room{deadline.within()}")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until main says goodbye; connect first if need be.

        When this returns, the listeners of all that arrived are through, and so are
        those of `on_disconnect`, unless one of them takes longer than 5 s. One that
        connects again may take as long as that takes; this then waits for the goodbye
        of the new connection.

        Args:
            timeout: seconds to wait; None for ever.

        Returns:
            True if main said goodbye; False if the connection broke, or the time is
            over.

        Raises:
            ConnectionClosed: there is no main process.
        """
        line = self._last_line(Deadline(timeout))
        return line is not None and line.parted

    def _last_line(self, deadline: Deadline) -> Connection | None:
        """Wait for the end of the connection after which there is none.

        Returns:
            That connection; None if the time is over.
        """
        with quiet_interrupts():
            line = self._line(deadline)
            while line.wait_over(deadline):
                following = self._following(line, deadline)
                if following is None:
                    return line if self._idle.is_set() else None
                line = following
        return None

    def _following(self, line: Connection, deadline: Deadline) -> Connection | None:
        """Return the connection that a hook opens when one is over; None: no hook does.

        Also None if a hook is still at it when the time is over.
        """
        while True:
            if self._dispatcher is not None:
                self._dispatcher.join(DRAIN_S)
            # A hook that has tried may try again, or do something else then.
            tries = not self._idle.is_set()
            in_time = self._wait_idle(deadline)
            following = self._connection
            if following is not None and following is not line:
                return following
            if not (tries and in_time):
                return None

    # ---- the end ---------------------------------------------------------------------

    def close(self) -> None:
        """Wait until main has consumed what was sent, say goodbye, and disconnect.

        Both together take 10 s at most; what main has not confirmed then is logged.
        While the link to main is looked for, nothing is waited for.
        Listeners get what arrived before, calls under way fail with `ConnectionClosed`.
        Nothing happens if there is no connection. Afterwards only `connect` opens one.
        In a signal handler that interrupts this object it goes on behind the handler.
        """
        self._closed.set()
        if self._pid != os.getpid():
            return
        connection, attempt = self._connection, self._attempt
        if attempt is not None:
            attempt.cut()
        if connection is not None and connection.exchange.is_interrupted():
            # By a signal handler, in the same thread: it has to return first.
            threading.Thread(target=self.close, name="electron-ipc close").start()
            return
        self._one_shots.close()
        if self.is_connected():
            count = self._leave(_FLUSH_S, _PART_S)
        else:
            count = self._leave(0.0, _PART_UNLINKED_S)
        if count:
            text = "main at %s has not confirmed %s sent to it"
            logger.warning(text, self.address, texts.how_many(count))

    def _leave(self, flush_s: float, part_s: float) -> int:
        connection, dispatcher = self._connection, self._dispatcher
        lifetime.disconnected(self._leave)
        if connection is None or dispatcher is None or connection.over:
            return 0  # what it left unconfirmed was told then
        if flush_s:
            self._flush(connection, dispatcher, Deadline(flush_s))
        connection.say_goodbye()
        if not connection.wait_over(Deadline(part_s)):
            connection.cut()
            connection.wait_over(Deadline(part_s))
        dispatcher.join(part_s)
        return connection.unconfirmed

    @staticmethod
    def _flush(
        connection: Connection, dispatcher: ThreadDispatcher, deadline: Deadline
    ) -> None:
        try:
            flushed = connection.exchange.flush(deadline)
        except ConnectionClosed:
            return  # it is counted afterwards
        # What main sent in answer is here by now, and is for the listeners.
        if flushed and not dispatcher.drain(deadline.left or 0.0):
            logger.warning("not all that main sent was dispatched at the end")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _stay(self) -> IpcError | None:
        """Wait if there is something to listen for; return why that was cut short."""
        names = (*self.table.names("listener"), *self.table.names("handler"))
        if not names or self._closed.is_set():
            return None
        line = self._last_line(FOR_EVER)
        return None if line is None or line.parted else line.error

    def _check(self, kind: Kind, channel: str, fn: object, *, thread: bool) -> None:
        if is_async(fn):
            raise TypeError(
                f"the {kind} for {quote(channel)} is `async def`, which needs an event "
                "loop: use `renderer.aio`, or a plain function here"
            )


__all__ = ("IpcRenderer",)
