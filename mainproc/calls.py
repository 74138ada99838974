"""A call that a renderer made, from its arrival to its one reply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

from mainproc.home import Home
from mainproc.observe.observer import Outcome, name_of, outcome_of
from mainproc.observe.observers import Watch
from renderer.wire import messages
from renderer.wire.errors import (
    IpcError,
    IpcTimeout,
    PayloadTooLarge,
    ReplyNeverSent,
    quote,
)
from renderer.wire.listeners import Registration
from renderer.wire.metadata import NO_METADATA, Metadata
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default

logger = logging.getLogger("ipc.main")


class Call:
    """An invoke or sync message, and its reply: whoever settles it first wins.

    A call may be settled from any thread. What happens around it (timer, task, place
    among the running calls) belongs to main's loop.

    Args:
        id: the call's id; 0 for one outside the stream.
        channel: its channel.
        home: main's loop.
        deadline: when the caller gives up, on the loop's clock; None for never.
        send: takes the reply's parcel, from any thread.
        default: converts results that have no form on the wire.
        packed: the caller reads packed values.
        lane: the call's, and so the reply's.
    """

    __slots__ = (
        "__weakref__",
        "_deadline",
        "_default",
        "_home",
        "_lane",
        "_packed",
        "_right_to_reply",
        "_send",
        "_timer",
        "cancelled",
        "channel",
        "context",
        "id",
        "key",
        "metadata",
        "observed",
        "on_settled",
        "task",
    )

    def __init__(
        self,
        id: int,
        channel: str,
        *,
        home: Home,
        deadline: float | None,
        send: Callable[[Parcel], object],
        default: Default | None,
        packed: bool = False,
        lane: int = 0,
    ) -> None:
        self.id = id
        self.key: object = id or self
        """What tells it from the renderer's other calls."""
        self.channel = channel
        self.cancelled = False
        """The caller no longer waits."""
        self.metadata: Metadata = NO_METADATA
        """What accompanies it."""
        self.context: Context | None = None
        """What its handler or listeners run in; None: nothing of its own."""
        self.observed: Watch | None = None
        """Told of its end, if somebody observes."""
        self.task: asyncio.Task[None] | None = None
        """The handler, while it runs as a task."""
        self.on_settled: Callable[[Call], object] | None = None
        """Called on main's loop when the reply has been sent."""
        self._home = home
        self._deadline = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._send = send
        self._default = default
        self._packed = packed
        self._lane = lane
        # Popping the one item is atomic: the thread that gets it may reply.
        self._right_to_reply = [True]

    @property
    def remaining(self) -> float | None:
        """Seconds until the caller gives up; None if it does not."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - self._home.loop.time())

    @property
    def settled(self) -> bool:
        """The reply has been sent."""
        return not self._right_to_reply

    def inside(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Return what calls a handler or listener in the call's context."""
        # Without a frame of ours: by that, wrong arguments are told from other errors.
        # A copy for each: several may run at once.
        return fn if self.context is None else partial(self.context.copy().run, fn)

    def watch(self) -> None:
        """Start the timer: the call was not settled while it was dispatched."""
        if self._deadline is not None and not self.settled:
            self._timer = self._home.loop.call_at(self._deadline, self._expire)

    def resolve(self, value: object, name: str = "result") -> bool:
        """Reply with a result; return whether this was the first settlement.

        Args:
            value: the result.
            name: what it is called in the path of an error.

        Raises:
            DataCloneError: the result cannot be carried. Nothing is settled.
        """
        if not self._right_to_reply:
            return False
        packed, lane = self._packed, self._lane
        return self._settle(
            messages.reply(
                self.id, value, self._default, name, packed=packed, lane=lane
            )
        )

    def refuse(self, error: IpcError) -> None:
        """Reply that there is no result, for a reason of ours."""
        if not self.settled:
            refusal = messages.refusal(self.id, error, lane=self._lane)
            self._settle(refusal, outcome_of(error), error.reason)

    def fail(
        self, error: BaseException, *, debug: bool = False, name: str = ""
    ) -> None:
        """Reply with what a handler or listener raised.

        Args:
            error: what the caller is told.
            debug: tell it the traceback, too.
            name: the class of what was raised, if that is another one.
        """
        if not self.settled:
            reply = self._as_raised(error, debug=debug)
            self._settle(reply, "error", name or name_of(error))

    def _as_raised(self, error: BaseException, *, debug: bool) -> Parcel:
        default, lane = self._default, self._lane
        return messages.raised(self.id, error, default, debug=debug, lane=lane)

    def cancel(self) -> None:
        """Reply that the call was cancelled, and stop its handler."""
        self.refuse(IpcError("the caller cancelled it", reason="CANCELLED"))
        self._stop()

    def abandon(self) -> None:
        """Stop the handler: nobody is left to reply to."""
        self._settle(None, "lost")
        self._stop()

    def _expire(self) -> None:
        text = f"{quote(self.channel)} took longer than its caller waits"
        self.refuse(IpcTimeout(text))
        self._stop()

    def _stop(self) -> None:
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()

    def _settle(
        self, parcel: Parcel | None, outcome: Outcome = "ok", reason: str = ""
    ) -> bool:
        try:
            self._right_to_reply.pop()
        except IndexError:
            return False
        if parcel is not None and not self._reply(parcel):
            outcome, reason = "refused", PayloadTooLarge.reason
        if self.observed is not None:
            self.observed.end(outcome, reason)
        # On the loop, there is nothing to end before `watch` has begun.
        if self.on_settled is not None or not self._home.is_here():
            self._home.call(self._settled)
        return True

    def _reply(self, parcel: Parcel) -> bool:
        """Send a reply; if it is too large, that instead, and return False."""
        try:
            self._send(parcel)
        except PayloadTooLarge as error:
            told = PayloadTooLarge(f"{quote(self.channel)}: {error}")
            logger.warning("%s", told)
            self._send(messages.refusal(self.id, told, lane=self._lane))
            return False
        return True

    def _settled(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.on_settled is not None:
            self.on_settled(self)


class SyncCall(Call):
    """A sync message: its listeners may reply, and must be watched.

    It is over without a reply when all listeners have finished and one of them raised,
    or when all have finished and the event is gone: then nobody can set the return
    value any more.
    """

    __slots__ = ("_event_gone", "_raised", "_returned", "_unfinished", "listeners")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listeners: tuple[Registration, ...] = ()
        """Those that run for it."""
        self._unfinished = 0
        self._returned = False
        self._raised: tuple[Parcel, str] | None = None  # the reply, and its name
        self._event_gone = False

    def begin(self, listeners: tuple[Registration, ...]) -> None:
        """Note who will run. One more `finish` than these ends the dispatch itself."""
        self.listeners = listeners
        self._unfinished = len(listeners) + 1

    def finish(self, *, returned: bool = False) -> None:
        """Note that a listener has finished, or the dispatch; on main's loop."""
        self._returned |= returned
        self._unfinished -= 1
        self._decide()

    def listener_raised(
        self, error: BaseException, *, debug: bool, name: str = ""
    ) -> None:
        """Keep what a listener raised, as bytes: no reference to it stays.

        Args:
            error: as for `fail`, and so the others.
            debug: the same.
            name: the same.
        """
        if self._raised is None and not self.settled:
            reply = self._as_raised(error, debug=debug)
            self._raised = reply, name or name_of(error)

    def event_gone(self) -> None:
        """Note that the event object is no more; called by its finalizer, anywhere."""
        self._event_gone = True
        # While a listener runs, its `finish` decides. One of the two sees the other.
        if not self._unfinished and not self.settled:
            self._home.later(self._decide)

    def _decide(self) -> None:
        if self._unfinished or self.settled:
            return
        if self._raised is not None:
            reply, name = self._raised
            self._settle(reply, "error", name)
        elif self._event_gone:
            self.refuse(ReplyNeverSent(self._never_sent()))

    def _never_sent(self) -> str:
        count = len(self.listeners)
        ran = f"{count} listener{'s' * (count != 1)} ran"
        where = ", ".join(map(_whereabouts, self.listeners))
        returned = " and returned a value" if self._returned else ""
        return (
            f"{quote(self.channel)}: {ran} ({where}){returned}; "
            "set event.return_value, or use handle and invoke"
        )


def _whereabouts(registration: Registration) -> str:
    fn = registration.fn
    name = getattr(fn, "__qualname__", None) or type(fn).__name__
    code = getattr(fn, "__code__", None)
    if code is None:
        return str(name)
    file = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{name}, {file}:{code.co_firstlineno}"
