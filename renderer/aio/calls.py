"""Calls to main that have no reply yet, on an event loop."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Sequence
from typing import Any, Final, Protocol, final

from renderer.deadline import Deadline, no_reply
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcError, IpcTimeout
from renderer.wire.events import Replied
from renderer.wire.parcel import Parcel
from renderer.wire.seconds import seconds
from renderer.wire.values import Default

_TIMEOUT: Final = IpcTimeout.reason


class Way(Protocol):
    """Where calls go out."""

    packed: bool
    """Main reads packed values."""

    def put(
        self, parcel: Parcel, sender: Invocation | None = None, *, soon: bool = False
    ) -> None:
        """Put a message on the session; `soon`: write it in the loop's next turn."""
        ...

    def withdraw(self, sender: Invocation) -> bool:
        """Take back a call that has not been put on the session."""
        ...

    def was_written(self, receipt: int) -> bool:
        """Tell whether main may have got a message."""
        ...


@final
class Invocation(asyncio.Future[Any]):
    """The reply to a call that has been sent; `cancel()` reaches its handler.

    Args:
        id: the call's id.
        channel: its channel.
        calls: whose it is.
        loop: the loop that it is awaited on.
    """

    def __init__(
        self, id: int, channel: str, calls: AioCalls, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(loop=loop)
        self.id = id
        self.channel = channel
        self.receipt = 0
        """The session's, of the call's message; 0 before it is put there."""
        self._calls = calls

    def cancel(self, msg: Any | None = None) -> bool:
        """Stop waiting, and tell main; return whether there was no reply yet."""
        if not super().cancel(msg):
            return False
        self._calls.give_up(self)
        return True

    def refuse(self, error: IpcError) -> None:
        """Fail: the message was not sent after all."""
        self._calls.forget(self)
        if not self.done():
            self.set_exception(error)

    def replied(self, event: Replied) -> None:
        """Take the reply."""
        try:
            result = messages.read_result(event.reply, self.channel)
        except IpcError as error:
            self.set_exception(error)
        else:
            self.set_result(result)


@final
class AioCalls:
    """Keeps who waits for which reply.

    Args:
        way: where calls go out.
        loop: the loop.
    """

    def __init__(self, way: Way, loop: asyncio.AbstractEventLoop) -> None:
        self._way = way
        self._loop = loop
        self._ids = itertools.count(1)
        self._open: dict[int, Invocation] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def begin(
        self,
        channel: str,
        args: Sequence[object],
        timeout: float | None,
        default: Default | None,
        *,
        sync: bool,
        lane: int,
    ) -> Invocation:
        """Send a call.

        Raises:
            DataCloneError: an argument cannot be carried.
            ConnectionClosed: the session is over; it was not sent.
            PayloadTooLarge: main does not take as much.
            Overloaded: main's window is full.
        """
        timeout = seconds(timeout)
        id = next(self._ids)
        parcel = messages.call(
            id,
            channel,
            args,
            sync=sync,
            timeout=timeout,
            default=default,
            packed=self._way.packed,
            lane=lane,
        )
        call = Invocation(id, channel, self, self._loop)
        self._way.put(parcel, call, soon=bool(self._open))
        self._open[id] = call
        if timeout is not None:
            deadline = Deadline(timeout)
            expire = self._loop.call_later(timeout, self._expire, call, deadline)
            self._timers[id] = expire
        return call

    def replied(self, event: Replied) -> None:
        """Complete a call; a reply that nobody waits for is ignored."""
        if event.id in self._timers and event.reply.failure.reason == _TIMEOUT:
            return  # main's timer was quicker; ours decides what is said
        call = self._settle(event.id)
        if call is not None:
            call.replied(event)

    def forget(self, call: Invocation) -> None:
        """Wait for a call's reply no longer."""
        self._settle(call.id)

    def give_up(self, call: Invocation) -> None:
        """Forget a call, and tell main."""
        if self._settle(call.id) is None or self._way.withdraw(call):
            return
        try:
            self._way.put(messages.cancel(call.id))
        except ConnectionClosed:
            pass  # then main knows

    def fail(self, error: IpcError, *, forgive: bool) -> None:
        """Fail all calls: there will be no replies.

        Args:
            error: why. Each gets one of its own.
            forgive: do not have it logged if nobody looks.
        """
        while self._open:
            call = self._settle(next(iter(self._open)))
            if call is None or call.done():
                continue
            call.set_exception(self._failure(error, call))
            if forgive:
                call.exception()

    def _failure(self, error: IpcError, call: Invocation) -> IpcError:
        failure = copy.copy(error)
        failure.__cause__ = error.__cause__
        if isinstance(failure, ConnectionClosed):
            written = self._way.was_written(call.receipt)
            failure.outcome = "unknown" if written else "not-sent"
        return failure

    def _expire(self, call: Invocation, deadline: Deadline) -> None:
        if not call.done():
            self.give_up(call)
            call.set_exception(no_reply(call.channel, deadline))

    def _settle(self, id: int) -> Invocation | None:
        if self._timers and (timer := self._timers.pop(id, None)) is not None:
            timer.cancel()
        return self._open.pop(id, None)


__all__ = ("AioCalls", "Invocation", "Way")
