"""Main's calls that have no reply yet: each gets exactly one."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextvars import Context
from functools import partial
from time import monotonic
from typing import Any, Final, final

from renderer.wire import messages
from renderer.wire.errors import IpcError, IpcTimeout, PayloadTooLarge
from renderer.wire.events import Arrived
from renderer.wire.listeners import ListenerTable, Registration, no_handler
from renderer.wire.metadata import context_of, read_metadata
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default

_BEGUN: Final = -1.0
_FOR_EVER: Final = float("inf")


@final
class Asked:
    """Keeps who waits for what. From any thread.

    Args:
        send: puts a reply on the session.
    """

    def __init__(self, send: Callable[[Parcel], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._until: dict[int, float] = {}  # id to when its caller stops waiting
        self._lanes: dict[int, int] = {}  # id to the lane of its reply, but for lane 0
        self._contexts: dict[int, Context] = {}  # id to what its handler runs in

    def arrived(self, event: Arrived) -> None:
        """Note a call that waits for its turn."""
        seconds = event.timeout
        until = _FOR_EVER if seconds is None else monotonic() + seconds
        id, lane = event.message.id, event.message.lane
        with self._lock:
            self._until[id] = until
            if lane:
                self._lanes[id] = lane

    def cancelled(self, id: int) -> None:
        """Answer a call that has not begun; it never will."""
        with self._lock:
            if self._until.get(id, _BEGUN) == _BEGUN:
                return  # unknown, answered, or running: then its result will do
        self.cancel(id)

    def is_waiting(self, id: int) -> bool:
        """Tell whether a call still waits for its turn."""
        return id in self._until

    def lane(self, id: int) -> int:
        """Return the lane of a call, and of its reply."""
        return self._lanes.get(id, 0)

    def served_by(
        self, event: Arrived, table: ListenerTable
    ) -> tuple[Registration, list[Any]] | None:
        """Return the handler of a call, and the arguments; None: it was refused."""
        id, channel = event.message.id, event.body.channel
        if not event.is_invoke:
            text = "a renderer takes invokes only"
            self.refuse(id, IpcError(text, reason="UNIMPLEMENTED"))
            return None
        handler = table.take_handler(channel)
        if handler is None:
            self.refuse(id, no_handler(channel, table, instead="send"))
            return None
        try:
            context = context_of(read_metadata(event.message.call))
            args = messages.read_args(event.body)
        except IpcError as error:
            self.refuse(id, error)
            return None
        if context is not None:
            with self._lock:
                if id in self._until:
                    self._contexts[id] = context
        return handler, args

    def context(self, id: int) -> Context | None:
        """Return the context of a call's handler, if that matters: its trace."""
        return self._contexts.get(id) if self._contexts else None

    def inside(self, id: int, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Return what calls a call's handler in its context."""
        context = self.context(id)
        # Without a frame of ours: by that, wrong arguments are told from other errors.
        return fn if context is None else partial(context.run, fn)

    def left(self, id: int) -> float | None:
        """Return the seconds for which the caller still waits; None without limit."""
        until = self._until.get(id, _FOR_EVER)
        return None if until == _FOR_EVER else max(0.0, until - monotonic())

    def begin(self, id: int) -> bool:
        """Tell whether a call's turn still matters to its caller."""
        with self._lock:
            until = self._until.get(id)
            if until is None:
                return False
            late = until < monotonic()
            if not late:
                self._until[id] = _BEGUN
        if late:
            self.refuse(id, IpcTimeout("the time was over before its turn came"))
        return not late

    def cancel(self, id: int) -> None:
        """Answer a call, begun or not, that its caller has cancelled."""
        self.refuse(id, IpcError("the caller cancelled it", reason="CANCELLED"))

    def abandon(self) -> None:
        """Forget all: nobody waits any more, and none of them gets a reply."""
        with self._lock:
            self._until.clear()
            self._lanes.clear()

    def answer(self, id: int, reply: Parcel) -> None:
        """Send the reply to a call, unless it has got one."""
        with self._lock:
            if self._until.pop(id, None) is None:
                return
            self._lanes.pop(id, None)
            self._contexts.pop(id, None)
        try:
            self._send(reply)
        except PayloadTooLarge as error:
            self._send(messages.refusal(id, error, lane=reply.lane))

    def refuse(self, id: int, error: Exception) -> None:
        """Reply that a call cannot be served."""
        self.answer(id, messages.refusal(id, error, lane=self.lane(id)))


def reply_with(
    id: int, result: object, default: Default | None, *, packed: bool, lane: int
) -> Parcel:
    """Return the reply with what a handler returned.

    Raises:
        TypeError: that is a coroutine, and nobody awaits it here.
        DataCloneError: it cannot be sent.
    """
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("the handler returned a coroutine: use a plain def")
    return messages.reply(id, result, default, packed=packed, lane=lane)


__all__ = ("Asked", "reply_with")
