"""Who waits for a reply: `Reply` is what `invoke` returns, `SyncAnswer` a thread's."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from functools import partial
from typing import Any, Protocol, TypeVar, final

from renderer.deadline import SLICE_S, Deadline
from renderer.wire import messages
from renderer.wire.errors import IpcError, IpcTimeout, quote
from renderer.wire.events import Replied

T = TypeVar("T")
logger = logging.getLogger("ipc")


class Caller(Protocol):
    """Who waits for a reply. Both methods are called at most once, from any thread."""

    receipt: int
    """What the session knows the call's message by; 0 before it is put there."""

    def replied(self, event: Replied) -> None:
        """Take the reply."""
        ...

    def failed(self, error: IpcError) -> None:
        """Take the reason why there will be none."""
        ...


@final
class SyncAnswer:
    """Where a thread that called `send_sync` finds its answer."""

    __slots__ = ("queue", "receipt")

    def __init__(self) -> None:
        self.receipt = 0
        # A SimpleQueue is the quickest way from thread to thread, and Ctrl-C ends
        # the waiting for it.
        self.queue: queue.SimpleQueue[Replied | IpcError] = queue.SimpleQueue()

    def replied(self, event: Replied) -> None:
        """Wake the thread."""
        self.queue.put(event)

    def failed(self, error: IpcError) -> None:
        """Wake the thread."""
        self.queue.put(error)


class Line(Protocol):
    """What a `Reply` needs of the connection that its call went out on."""

    def give_up(self, id: int) -> object:
        """Tell main that nobody waits any more."""
        ...

    def post(self, job: Callable[[], None]) -> None:
        """Run a job on the thread of listeners and callbacks."""
        ...

    def check_wait(self) -> None:
        """Refuse to block the thread that the reply needs.

        Raises:
            RuntimeError: this is it.
        """
        ...


class Reply(Future[T]):
    """The result of `invoke`, which has been sent already.

    A `concurrent.futures.Future`: wait with `result()`, or `await` it in a program that
    runs asyncio. Callbacks run where listeners do: on their thread in a renderer, on
    its event loop in main. If it fails and nobody ever looks, that is logged.

    Args:
        channel: the channel of the call.
        id: the call's id.
        line: where it went out.
    """

    def __init__(self, channel: str, id: int, line: Line) -> None:
        super().__init__()
        self.receipt = 0
        """The session's, of the call's message; 0 before it has one (@private)."""
        self.id = id
        """The call's id (@private)."""
        self._channel = channel
        self._line = line
        self._decoding = threading.RLock()  # a signal handler may look, too
        self._value: list[Any] = []  # the decoded result, once somebody wanted it
        self._unseen: IpcError | None = None  # a failure that nobody has looked at

    # ---- from the connection ---------------------------------------------------------

    def replied(self, event: Replied) -> None:
        """Take the reply. A result is decoded by who asks for it (@private)."""
        if event.reply.HasField("failure"):
            try:
                messages.read_result(event.reply, self._channel)
            except IpcError as error:
                # Without frames of ours, of which one holds this object.
                self.failed(error.with_traceback(None))
            return
        try:
            self.set_result(event)  # type: ignore[arg-type]  # decoded in result()
        except InvalidStateError:
            pass  # cancelled meanwhile

    def failed(self, error: IpcError) -> None:
        """Take the reason why there will be no reply (@private)."""
        self._unseen = error
        try:
            self.set_exception(error)
        except InvalidStateError:
            self._unseen = None

    def answered(self, result: T) -> None:
        """Take a result that needs no decoding (@private)."""
        self._value.append(result)
        try:
            self.set_result(result)
        except InvalidStateError:
            pass  # cancelled meanwhile

    def when_done(self, fn: Callable[[Future[T]], object]) -> None:
        """Call a function when this is done (@private).

        At once, and on whichever thread.
        """
        super().add_done_callback(fn)

    def forgive(self) -> None:
        """Do not log the failure if nobody looks at it (@private)."""
        self._unseen = None

    # ---- for the caller --------------------------------------------------------------

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result and return it.

        Args:
            timeout: seconds to wait; None for ever. The call goes on when they are
                over: ask again, or `cancel()`.

        Raises:
            RemoteError: the handler raised.
            NoHandler: the channel has none.
            ConnectionClosed: the connection ended before there was a reply.
            IpcTimeout: the call's own timeout, or this one, is over.
            concurrent.futures.CancelledError: it was cancelled.
            DataCloneError: the result cannot be read.
            RuntimeError: there is none yet, and this is main's own event loop.
        """
        if timeout != 0 and not self.done():
            self.check_wait()
        try:
            event: Any = self._wait(Deadline(timeout))
        except TimeoutError:
            if self.done():
                self._unseen = None
                raise
            text = f"no reply to {quote(self._channel)} within {timeout:g} s so far"
            raise IpcTimeout(text) from None
        except BaseException:
            self._unseen = None
            raise
        return self._decode(event)

    def _wait(self, deadline: Deadline) -> object:
        # In slices: a signal that comes while the thread is about to sleep does not
        # wake it, and Ctrl-C would be without effect.
        while not self.done():
            left = deadline.left
            last = left is not None and left <= SLICE_S
            try:
                return super().result(left if last else SLICE_S)
            except TimeoutError:
                if last and not self.done():
                    raise
        return super().result(0)

    def check_wait(self) -> None:
        """Refuse to block the thread that the reply needs (@private).

        Raises:
            RuntimeError: this is it: main's own event loop.
        """
        self._line.check_wait()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the reply; return the error that stands in its place, or None.

        Args:
            timeout: as for `result`.

        Raises:
            IpcTimeout: the timeout is over.
            concurrent.futures.CancelledError: it was cancelled.
        """
        try:
            self.result(timeout)
        except IpcTimeout as error:
            if not self.done():
                raise
            return error
        except IpcError as error:
            return error
        return None

    def cancel(self) -> bool:
        """Stop waiting, and tell main, which cancels the handler if it still runs.

        Returns:
            Whether it is cancelled: False if there was a reply already.
        """
        if self.cancelled():
            return True
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # tells concurrent.futures.wait()
        self._line.give_up(self.id)
        return True

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call a function with this object when it is done.

        It runs on the thread of the listeners, after what that is doing, and so may
        itself call `send_sync` or wait for another `Reply`.

        Args:
            fn: called with this object, also if it is done by now.
        """
        super().add_done_callback(
            lambda reply: self._line.post(partial(_call_back, fn, reply))
        )

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in a coroutine; cancelling it cancels the call."""
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def tell(_: object) -> None:
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:
                pass  # the loop is closed: nobody waits

        def wake() -> None:
            if not arrived.done():
                arrived.set_result(None)

        # The loop may be served by a listener: do not go by the listeners' thread.
        self.when_done(tell)
        try:
            yield from arrived
        except asyncio.CancelledError:
            self.cancel()
            raise
        if self.cancelled():
            raise asyncio.CancelledError
        return self.result(0)

    def _decode(self, event: Replied) -> T:
        with self._decoding:
            if not self._value:
                self._value.append(messages.read_result(event.reply, self._channel))
        result: T = self._value[0]
        return result

    def __del__(self) -> None:
        error = getattr(self, "_unseen", None)
        if error is not None:
            channel = quote(self._channel)
            logger.error("nobody looked at the failed invoke of %s: %s", channel, error)


def _call_back(fn: Callable[[Future[T]], object], reply: Future[T]) -> None:
    try:
        fn(reply)
    except Exception:
        logger.exception("a callback of %r raised", reply)


__all__ = ("Caller", "Line", "Reply", "SyncAnswer")
