"""Events that give way to newer ones of their channel, and what is left of them.

A number is never given away twice, so an event that is given up leaves a tombstone:
it says "dropped" to the receiver, who counts. Only an event may go of which nothing
was written on any link: what was, the peer may have, and a replay must say the same.

Events that a peer has not consumed but has in hand cannot go any more. So that there is
always something that can, those at the end of the queue are held back while half of
the window is on its way, and a frame takes no more of them than make it half. Nothing
else ever waits for that: whatever is put behind them takes them along. (In a window of
one message nothing can wait, nor can an event that needs more than half of one.)

A sender that is a million messages ahead must not hold a million tombstones. Those
that stand side by side become one for each channel: their numbers tell nothing of
their order. Of what is given up at least one newer event of its channel waits in the
queue, so there are not many channels; and between two runs of tombstones stands a
message, so there are not many runs.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias, final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.chunks import Piece
from renderer.wire.limits import Peer
from renderer.wire.parcel import Parcel

if TYPE_CHECKING:
    from renderer.wire.lanes import Held

_TIDY_FROM: Final = 1_024
"""So many that were given up may lie about in a queue before it is tidied."""


@final
class Droppable:
    """An event on its way out that may be given up while it is not written.

    Args:
        parcel: the event.
        channel: its channel.
    """

    __slots__ = ("channel", "held", "parcel")

    def __init__(self, parcel: Parcel, channel: str) -> None:
        self.parcel = parcel
        self.channel: Final = channel
        self.held: Held | None = None
        """How it waits for its number; None once it has one."""

    @property
    def data(self) -> bytes:
        """The message, serialized."""
        return self.parcel.data

    @property
    def given_up(self) -> bool:
        """It is not to be written; its number is used all the same."""
        return self.parcel is _NOTHING

    def give_up(self) -> None:
        """Let the message go."""
        self.parcel = _NOTHING


_NOTHING: Final = Parcel(b"", counted=False, reply=False)


@final
class Tombstone:
    """What is left of events of one channel that were given up: their numbers.

    Args:
        channel: their channel.
        count: how many numbers it stands for.
    """

    __slots__ = ("channel", "count", "written")

    def __init__(self, channel: str, count: int) -> None:
        self.channel: Final = channel
        self.count: Final = count
        self.written = False
        """The peer may have it: it stays as it is."""

    @property
    def data(self) -> bytes:
        """The message, serialized."""
        dropped = pb.Dropped(channel=self.channel, count=self.count)
        return pb.Message(dropped=dropped).SerializeToString()


Entry: TypeAlias = Parcel | Piece | Droppable | Tombstone
"""What has a number, or several, and is not acked."""


def split(items: list[Entry], numbers: int) -> int:
    """Return how many items have the first so many numbers, when none straddles them.

    Args:
        items: the items; a tombstone that straddles the place becomes two.
        numbers: how many numbers.
    """
    for index, item in enumerate(items):
        if not numbers:
            return index
        if type(item) is not Tombstone:
            numbers -= 1
        elif item.count <= numbers:
            numbers -= item.count
        else:
            parts = (numbers, item.count - numbers)
            halves = [Tombstone(item.channel, part) for part in parts]
            for half in halves:
                half.written = item.written
            items[index : index + 1] = halves
            return index + 1
    return len(items)


@final
class Droppables:
    """The events of one direction that may be given up."""

    __slots__ = (
        "_all_bytes",
        "_begin",
        "_bytes",
        "_count",
        "_end",
        "_fresh",
        "_graves",
        "_window",
    )

    def __init__(self) -> None:
        self._fresh: dict[str, deque[Droppable]] = {}  # by channel, the oldest first
        self._bytes: dict[str, int] = {}
        self._count = self._all_bytes = 0  # of all of them
        self._graves = 0  # tombstones in the queue that were never merged
        self._begin = self._end = 0  # the numbers of the latest ones in a row
        self._window = 0, 0  # the peer's

    def add(self, parcel: Parcel, channel: str) -> Droppable:
        """Return an event as one that may be given up from now on."""
        event = Droppable(parcel, channel)
        fresh = self._fresh.get(channel)
        if fresh is None:
            fresh = self._fresh[channel] = deque()
            self._bytes[channel] = 0
        fresh.append(event)
        self._bytes[channel] += len(parcel.data)
        self._count += 1
        self._all_bytes += len(parcel.data)
        return event

    def of(self, channel: str) -> tuple[int, int]:
        """Return what could be given up of a channel, as (messages, bytes)."""
        fresh = self._fresh.get(channel)
        return (len(fresh), self._bytes[channel]) if fresh else (0, 0)

    def oldest(self, channel: str) -> Droppable:
        """Return the next one to give up."""
        return self._fresh[channel][0]

    def forget(self, event: Droppable) -> None:
        """Note that an event is written, or given up."""
        fresh = self._fresh[event.channel]
        if fresh[0] is event:
            fresh.popleft()
        else:  # what was put before it waits on another lane
            fresh.remove(event)
        self._bytes[event.channel] -= len(event.data)
        self._count -= 1
        self._all_bytes -= len(event.data)
        if not fresh:
            del self._fresh[event.channel], self._bytes[event.channel]

    # ---- holding back ----------------------------------------------------------------

    def number(self, number: int, peer: Peer) -> None:
        """Note the number of the latest one, which is the last of all messages.

        Args:
            number: the number.
            peer: whose window it is in.
        """
        if number != self._end + 1:
            self._begin = number
        self._end = number
        self._window = peer.window_messages, peer.window_bytes

    def holds(self, queue: list[Entry], last: int, written: int) -> bool:
        """Tell whether nothing but events that may be given up waits for the link.

        Args:
            queue: what waits, and has numbers.
            last: the last number of all messages.
            written: the last that is written.
        """
        if not queue or last != self._end or written + 1 < self._begin:
            return False
        return _may_wait(queue[0])

    def suffice(self, messages: int, size: int) -> bool:
        """Tell whether half of the window is on its way.

        Args:
            messages: how many are not acked, written or not.
            size: their bytes.
        """
        return self._is_half(messages - self._count, size - self._all_bytes)

    def _is_half(self, messages: int, size: int) -> bool:
        return messages * 2 >= self._window[0] or size * 2 >= self._window[1]

    def at_once(
        self, items: list[Entry], last: int, written: int, messages: int, size: int
    ) -> int:
        """Return how many items the next frame may take.

        Of those that only events follow which may be given up, as many as make half of
        the window be on its way.

        Args:
            items: the first of what waits for the link, merged; one of them may go.
            last: the last number of all messages.
            written: the last that is written.
            messages: how many are not acked, written or not.
            size: their bytes.
        """
        if last != self._end or not self._is_half(messages, size):
            return len(items)  # not even all of them make half
        messages, size = messages - self._count, size - self._all_bytes
        number = written + 1
        for index, item in enumerate(items):
            waits = number >= self._begin and _may_wait(item)
            if waits and self._is_half(messages, size):
                return index
            if type(item) is Droppable:
                messages += 1
                size += len(item.data)
            number += item.count if type(item) is Tombstone else 1
        return len(items)

    # ---- the queue -------------------------------------------------------------------

    def note_grave(self, queue: list[Entry]) -> None:
        """Note that one more in the queue is given up."""
        self._graves += 1
        if self._graves >= _TIDY_FROM and self._graves * 2 > len(queue):
            self.merge(queue, len(queue))

    def merge(self, queue: list[Entry], most: int) -> None:
        """Make few tombstones of many, among the first so many messages of a queue."""
        if not self._graves:
            return
        merged: list[Entry] = []
        run: dict[str, int] = {}
        seen = 0
        for item in queue:
            if type(item) is Droppable and item.given_up:
                run[item.channel] = run.get(item.channel, 0) + 1
                self._graves -= 1
            elif type(item) is Tombstone and not item.written:
                run[item.channel] = run.get(item.channel, 0) + item.count
            else:
                merged += _tombstones(run)
                run.clear()
                if len(merged) >= most:
                    break
                merged.append(item)
            seen += 1
        queue[:seen] = [*merged, *_tombstones(run)]

    def write(self, items: list[Entry]) -> tuple[list[Entry], int]:
        """Note that these are written, none of them given up but not merged.

        Returns:
            What they are from now on, and how many numbers they have.
        """
        written: list[Entry] = []
        numbers = len(items)
        for item in items:
            if type(item) is Droppable:
                self.forget(item)
                written.append(item.parcel)
                continue
            if type(item) is Tombstone:
                item.written = True
                numbers += item.count - 1
            written.append(item)
        return written, numbers


def _may_wait(item: Entry) -> bool:
    if type(item) is Tombstone:
        return not item.written
    return type(item) is Droppable  # if not, the peer may have lost it in a cut


def _tombstones(run: dict[str, int]) -> list[Tombstone]:
    return [Tombstone(channel, count) for channel, count in run.items()]


__all__ = ("Droppable", "Droppables", "Entry", "Tombstone", "split")
