"""What main asks a renderer: its calls, from the question to the answer."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, final

from mainproc.home import Home
from renderer.reply import Reply
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcTimeout, Outcome, quote
from renderer.wire.events import Replied
from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

# One counter for all renderers: a call to many of them is the same bytes to each.
_ids: Final = itertools.count(1)


def next_id() -> int:
    """Return an id for a call."""
    return next(_ids)


class Put(Protocol):
    """Puts a message on a session, from any thread."""

    def __call__(
        self, parcel: Parcel, noted: Callable[[int], object] | None = None
    ) -> bool:
        """Do so; tell its receipt before it can be answered; False if it is over."""
        ...


@final
class Asks:
    """Main's calls to one renderer that have no reply yet. From any thread.

    Args:
        home: main's loop.
        renderer: who is asked, for texts.
        put: puts a message on its session.
    """

    def __init__(self, home: Home, renderer: object, put: Put) -> None:
        self._home = home
        self._renderer = renderer
        self._put = put
        self._replies: dict[int, Reply[Any]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}  # on the loop only

    def ask(
        self, id: int, channel: str, parcel: Parcel, timeout: float | None
    ) -> Reply[Any]:
        """Send a call; return its reply to come.

        Args:
            id: the call's id.
            channel: its channel.
            parcel: its message.
            timeout: seconds to wait for the reply; None for ever.

        Raises:
            ConnectionClosed: the renderer is gone; it was not sent.
            Overloaded: the renderer's window is full.
            PayloadTooLarge: the renderer does not take messages of this size.
        """
        reply = Reply[Any](channel, id, self)
        if not self._put(parcel, partial(self._sent, id, reply)):
            raise gone(self._renderer)
        if reply.receipt:
            do = self._home.call
        else:  # a finalizer asks: it is sent soon, and before this
            do = self._home.later
            do(self._look_for, reply)
        if timeout is not None:
            when = self._home.loop.time() + timeout
            do(self._watch, id, channel, when, timeout)
        return reply

    def _sent(self, id: int, reply: Reply[Any], receipt: int) -> None:
        reply.receipt = receipt
        self._replies[id] = reply

    def _look_for(self, reply: Reply[Any]) -> None:
        if not reply.receipt:
            reply.failed(gone(self._renderer))

    # ---- from the session, on the loop -----------------------------------------------

    def replied(self, event: Replied) -> None:
        """Take a reply; one that nobody waits for any more is ignored."""
        reply = self._settle(event.id)
        if reply is not None:
            reply.replied(event)

    def fail(self, why: str, was_written: Callable[[int], bool]) -> None:
        """Fail all calls: there will be no more replies.

        Args:
            why: for people.
            was_written: tells by its receipt whether the renderer may have got a call.
        """
        for id in list(self._replies):
            reply = self._settle(id)
            if reply is not None:
                written = was_written(reply.receipt)
                outcome: Outcome = "unknown" if written else "not-sent"
                reply.failed(ConnectionClosed(why, outcome))

    def _watch(self, id: int, channel: str, when: float, timeout: float) -> None:
        if id in self._replies:
            expire = partial(self._expire, id, channel, timeout)
            self._timers[id] = self._home.loop.call_at(when, expire)

    def _expire(self, id: int, channel: str, timeout: float) -> None:
        reply = self._settle(id)
        if reply is None:
            return
        self._put(messages.cancel(id))
        whose = f"no reply to {quote(channel)} from {self._renderer}"
        reply.failed(IpcTimeout(f"{whose} within {timeout:g} s"))

    def _settle(self, id: int) -> Reply[Any] | None:
        timer = self._timers.pop(id, None)
        if timer is not None:
            timer.cancel()
        return self._replies.pop(id, None)

    # ---- as a reply's line -----------------------------------------------------------

    def give_up(self, id: int) -> None:
        """Tell the renderer that nobody waits for a reply any more."""
        if self._replies.pop(id, None) is not None:
            self._home.call(self._settle, id)
            self._put(messages.cancel(id))

    def post(self, job: Callable[[], None]) -> None:
        """Run a job on main's loop."""
        self._home.later(job)

    def check_wait(self) -> None:
        """Refuse to hold the loop on which the reply will arrive.

        Raises:
            RuntimeError: this is the loop's thread.
        """
        if self._home.is_here():
            raise RuntimeError(
                "this would hold main's event loop, and the reply with it: use await"
            )


def gone(renderer: object) -> ConnectionClosed:
    """Return the error for a question to a renderer that is destroyed."""
    return ConnectionClosed(f"{renderer} is gone; it was not asked", "not-sent")


__all__ = ("Asks", "Put", "gone", "next_id")
