"""The calls of a session that have no reply yet, and who waits for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import final

from renderer.deadline import Deadline
from renderer.reply import Caller, Reply
from renderer.threads.clock import Alarm, Clock
from renderer.wire.errors import ConnectionClosed, IpcError, Outcome
from renderer.wire.outbox import Outbox


@final
class Calls:
    """Keeps who waits for what, and for how long. From any thread.

    Args:
        clock: for their timeouts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._callers: dict[int, Caller] = {}
        self.timed: dict[int, Alarm] = {}
        """The alarms of those that have a timeout."""
        self._behind: list[tuple[Outbox, dict[int, Caller]]] = []  # of lost sessions

    def next_id(self) -> int:
        """Return an id that no call has had."""
        return next(self._ids)

    def add(self, id: int, caller: Caller, receipt: int) -> None:
        """Note who waits, and what the session knows the call's message by."""
        caller.receipt = receipt
        self._callers[id] = caller

    def limit(self, id: int, deadline: Deadline, expire: Callable[[], None]) -> None:
        """Have a function called when a call's time is over, unless it is settled."""
        if deadline.at is None:
            return
        self.timed[id] = self._clock.call_at(deadline.at, expire)
        if id not in self._callers:
            self.settle(id)  # it was answered meanwhile

    def get(self, id: int) -> Caller | None:
        """Return who waits."""
        return self._callers.get(id)

    def settle(self, id: int) -> Caller | None:
        """Forget a call; return who made it, unless that was done before."""
        if self.timed and (alarm := self.timed.pop(id, None)) is not None:
            self._clock.cancel(alarm)
        return self._callers.pop(id, None)

    def fail(
        self, error: IpcError, cause: BaseException | None, outbox: Outbox, quiet: bool
    ) -> None:
        """Fail all, since there will be no replies.

        Args:
            error: why.
            cause: why that.
            outbox: of their messages.
            quiet: nobody need be told who does not ask.
        """
        while self._callers:
            try:
                caller = self._callers.popitem()[1]
            except KeyError:
                break  # somebody gave the last one up
            failure = ConnectionClosed(str(error), _outcome(caller, outbox))
            failure.__cause__ = cause
            caller.failed(failure)
            if quiet and isinstance(caller, Reply):
                caller.forgive()

    def leave_behind(self, outbox: Outbox) -> None:
        """Set all aside: their session is lost, and what follows is of another one.

        Args:
            outbox: of their messages.
        """
        self._behind.append((outbox, self._callers))
        self._callers = {}

    def fail_left_behind(self, text: str) -> None:
        """Fail those that were set aside."""
        while self._behind:
            outbox, callers = self._behind.pop()
            for id, caller in callers.items():
                self.settle(id)  # its alarm
                caller.failed(ConnectionClosed(text, _outcome(caller, outbox)))


def _outcome(caller: Caller, outbox: Outbox) -> Outcome:
    return "unknown" if outbox.was_written(caller.receipt) else "not-sent"


__all__ = ("Calls",)
