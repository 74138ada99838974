"""Sync messages outside the stream: their replies, and retries of the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, final

from mainproc.calls import SyncCall
from mainproc.home import Home
from renderer.wire.errors import ConnectionClosed, IpcError, IpcTimeout
from renderer.wire.metadata import NO_METADATA, Metadata
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default

_REMEMBERED: Final = 16


class SessionGone(IpcError):
    """The session that a sync message belongs to is over, or never was."""

    status = "ABORTED"


class NotBegun(ConnectionClosed):
    """Main stops, and a sync message without a session was not begun.

    The status is what says that it may be sent again, to the next main: behind
    UNAVAILABLE, everything may have happened.
    """

    status = "ABORTED"


class Forgotten(IpcError):
    """It cannot be told any more whether a sync message of this id was run."""

    status = "FAILED_PRECONDITION"


@final
class UnaryCall(SyncCall):
    """A sync message whose reply goes to whoever awaits it.

    Args:
        channel: its channel.
        home: main's loop.
        timeout: seconds its caller waits.
        default: converts results that have no form on the wire.
        packed: the caller reads packed values.
        metadata: what accompanies it.
    """

    __slots__ = ("begun", "reply")

    def __init__(
        self,
        channel: str,
        *,
        home: Home,
        timeout: float,
        default: Default | None,
        packed: bool = False,
        metadata: Metadata = NO_METADATA,
    ) -> None:
        super().__init__(
            0,
            channel,
            home=home,
            deadline=home.loop.time() + timeout,
            send=_nowhere,
            default=default,
            packed=packed,
        )
        self.metadata = metadata
        self.begun = False
        """Its listeners were called."""
        self.reply: asyncio.Future[Parcel] = home.loop.create_future()
        """The reply; `IpcTimeout` or `SessionGone` if there will be none."""

    def abandon(self) -> None:
        """Stop the listeners' work: the session is gone, or the caller."""
        self._fail(SessionGone("the session is gone"))
        super().abandon()

    def give_up_waiting(self) -> None:
        """Fail if it has not begun: what was to come before it never came."""
        if not self.begun:
            self.abandon()

    def _expire(self) -> None:
        self._fail(IpcTimeout("the deadline is over"))
        self._settle(None, "timeout", "TIMEOUT")
        self._stop()

    def _reply(self, parcel: Parcel) -> bool:
        # Not by `send`: a call that holds a method of its own is left to the collector.
        self._home.call(self._set, parcel)
        return True

    def _set(self, parcel: Parcel) -> None:
        if not self.reply.done():
            self.reply.set_result(parcel)

    def _fail(self, error: IpcError) -> None:
        if not self.settled and not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()  # if nobody awaits it any more, that is no news


def _nowhere(_: Parcel) -> None:
    """Send nothing: there is no stream."""


@final
class Answers:
    """The sync messages of one session by id, so that a retry runs nothing twice."""

    def __init__(self) -> None:
        self._calls: dict[int, UnaryCall] = {}
        self._forgotten = 0  # the highest id that is not here any more

    def get(self, id: int, begin: Callable[[], UnaryCall]) -> UnaryCall:
        """Return the call of this id; begin it if it is a new one.

        Raises:
            Forgotten: it may have been run before.
        """
        known = self._calls.get(id)
        if known is not None:
            return known
        if id <= self._forgotten:
            raise Forgotten(f"the reply to {id} is forgotten")
        call = self._calls[id] = begin()
        settled = [old for old, other in self._calls.items() if other.reply.done()]
        for old in settled[: max(0, len(self._calls) - _REMEMBERED)]:
            del self._calls[old]
            self._forgotten = max(self._forgotten, old)
        return call
