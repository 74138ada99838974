"""What becomes of an event for a renderer that does not keep up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, Protocol, final, get_args

from mainproc.patterns import expression
from renderer.wire.errors import Overloaded, quote

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents
    from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

OverflowPolicy = Literal["raise", "drop_oldest", "disconnect"]
"""What `send` does when a renderer's window is full.

"raise": it raises `Overloaded`, and nothing is sent. "drop_oldest": the oldest events
of the same channel that are not on their way yet give way; the renderer is told how
many. "disconnect": it is said Goodbye, and destroyed.
"""

_REMEMBERED: Final = 10_000
_CHANNELS_TOLD: Final = 100


class Line(Protocol):
    """What this needs of the way to a renderer."""

    @property
    def backlog(self) -> str:
        """What waits for its ack, for people."""
        ...

    def send(self, parcel: Parcel) -> bool:
        """Put a message on its session, from any thread; False if that is over.

        Raises:
            Overloaded: its window is full.
            PayloadTooLarge: it does not take messages of this size.
        """
        ...

    @property
    def dropped(self) -> Dropped:
        """What it did not get because newer events took its place."""
        ...

    def send_droppable(self, parcel: Parcel, channel: str) -> int:
        """Put an event on its session, if need be in place of older ones.

        Returns:
            How many of its channel went for it; below 0 if the session is over.
        """
        ...

    def give_up(self, why: str) -> None:
        """End its session, since it does not keep up; from any thread."""
        ...


@final
class Overflow:
    """The policies of a main process, by patterns of channels. From any thread.

    Args:
        policies: a policy for all channels, or policies by pattern.
    """

    def __init__(self, policies: OverflowPolicy | Mapping[str, OverflowPolicy]) -> None:
        self.given = False
        """Somewhere it is another one than "raise"."""
        self._patterns: dict[str, OverflowPolicy] = {}
        self._known: dict[str, OverflowPolicy] = {}  # by channel, as looked up
        if isinstance(policies, str):
            policies = {"*": policies}
        for pattern, policy in policies.items():
            self.set(pattern, policy)

    def set(self, pattern: str, policy: OverflowPolicy) -> None:
        """Set the policy of the channels that a pattern matches.

        Raises:
            ValueError: there is no such policy.
        """
        if policy not in get_args(OverflowPolicy):
            known = ", ".join(map(repr, get_args(OverflowPolicy)))
            raise ValueError(
                f"no such overflow policy: {policy!r}; it is one of {known}"
            )
        # As one step each, since another thread may be sending.
        self._patterns = {**self._patterns, pattern: policy}
        self._known = {}
        self.given = any(policy != "raise" for policy in self._patterns.values())

    def of(self, channel: str) -> OverflowPolicy:
        """Return the policy of a channel: that of the longest pattern that matches.

        Stars have no length.
        """
        known = self._known
        policy = known.get(channel)
        if policy is None:
            policy = self._look_up(channel)
            if len(known) < _REMEMBERED:
                known[channel] = policy
        return policy

    def _look_up(self, channel: str) -> OverflowPolicy:
        matching = [p for p in self._patterns if expression(p).fullmatch(channel)]
        return self._patterns[max(matching, key=_length)] if matching else "raise"

    def send(
        self, contents: WebContents, line: Line, channel: str, parcel: Parcel
    ) -> bool:
        """Send an event as its channel's policy wants it.

        Returns:
            Whether it was accepted; False if the renderer is destroyed, also by this.

        Raises:
            Overloaded: there is no room, and none can be made.
            PayloadTooLarge: the renderer does not take messages of this size.
        """
        if self.of(channel) != "drop_oldest":
            try:
                return line.send(parcel)
            except Overloaded:
                if self.disconnects(contents, line, channel):
                    return False
                raise
        gone = line.send_droppable(parcel, channel)
        if gone > 0:
            line.dropped.tell(contents, channel)
            contents.observers.overloaded(contents, "out", channel, "drop_oldest")
        return gone >= 0

    def disconnects(self, contents: WebContents, line: Line, channel: str) -> bool:
        """Give a renderer up that has no room, if its channel's policy is that."""
        if self.of(channel) != "disconnect":
            return False
        contents.observers.overloaded(contents, "out", channel, "disconnect")
        line.give_up(f"it did not keep up: {line.backlog} waited for it")
        return True


@final
class Dropped:
    """What a renderer did not get because newer events took its place."""

    __slots__ = ("_told", "count")

    def __init__(self) -> None:
        self.count = 0
        """So many events; changed with the session's lock held."""
        self._told: dict[str, object] = {}

    def tell(self, contents: WebContents, channel: str) -> None:
        """Log it when it is the first time on this channel; from any thread."""
        if channel in self._told or len(self._told) >= _CHANNELS_TOLD:
            return
        mine = object()
        if self._told.setdefault(channel, mine) is not mine:
            return  # another thread was quicker
        logger.warning(
            "%s does not keep up: its oldest events on %s give way to newer ones",
            contents,
            quote(channel),
        )


def _length(pattern: str) -> tuple[int, bool]:
    return len(pattern) - pattern.count("*"), "*" not in pattern


__all__ = ("Dropped", "Line", "Overflow", "OverflowPolicy")
