"""What main has sent to a probe."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final, final

from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, DataCloneError, IpcTimeout, quote
from renderer.wire.events import Arrived

Args = tuple[Any, ...]

_CHANNELS_NAMED: Final = 10


@final
class Record:
    """Every event main sent, in order, and which of them a test has waited for."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Args]] = []
        self._unread: dict[str, deque[Args]] = {}

    def add(self, event: Arrived) -> None:
        """Note an event that has arrived."""
        channel = event.body.channel
        try:
            # Read once more by the dispatcher: what listeners change stays theirs.
            args = tuple(messages.read_args(event.body))
        except DataCloneError:
            return  # told where listeners would have got it
        self.events.append((channel, args))
        self._unread.setdefault(channel, deque()).append(args)

    def has(self, channel: str) -> bool:
        """Tell whether there is an event on a channel that `take` has not returned."""
        return bool(self._unread.get(channel))

    def take(self, channel: str) -> Args:
        """Return the arguments of the oldest such event."""
        return self._unread[channel].popleft()

    # ---- for texts -------------------------------------------------------------------

    def late(self, channel: str, timeout: float, runs: str) -> IpcTimeout:
        """Return the error for an event that did not come in time."""
        text = f"nothing on {quote(channel)} within {timeout:g} s; {self._arrived()}"
        return IpcTimeout(f"{text}; {runs}" if runs else text)

    def lost(self, channel: str) -> ConnectionClosed:
        """Return the error for an event that cannot come any more."""
        text = f"nothing on {quote(channel)} before the connection ended"
        return ConnectionClosed(f"{text}; {self._arrived()}")

    def _arrived(self) -> str:
        counts = Counter(channel for channel, _ in self.events)
        if not counts:
            return "main has sent nothing"
        named = [
            quote(channel) + (f" ({count} times)" if count > 1 else "")
            for channel, count in list(counts.items())[-_CHANNELS_NAMED:]
        ]
        more = len(counts) - len(named)
        return f"main has sent {', '.join(named)}" + (f" and {more} more" * bool(more))


def still_running(channels: Iterable[str]) -> str:
    """Say for which channels something runs in main; empty if nothing does."""
    named = ", ".join(quote(channel) for channel in sorted(channels))
    return f"main still runs {named}" if named else ""


def unsettled(seconds: float, runs: str) -> IpcTimeout:
    """Return the error for what does not come to rest."""
    why = runs or "listeners of the probe still run"
    return IpcTimeout(f"not settled within {seconds:g} s; {why}")


def raise_what(errors: list[BaseException]) -> None:
    """Raise what main's listeners have raised, once."""
    raised = errors.copy()
    errors.clear()
    if len(raised) == 1:
        raise raised[0]
    if raised:
        raise BaseExceptionGroup("listeners in main raised", raised)


__all__ = ("Record", "raise_what", "still_running", "unsettled")
