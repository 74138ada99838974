"""What was put on a session and has no number yet: large messages, what they hold up.

A number is a place in the session's order, and frames carry numbers without gaps. So a
large message that other lanes may overtake gets numbers chunk by chunk, as they are
written. What is put on its lane meanwhile waits behind it, and gets its number after
the last chunk. While nothing is large, nothing of this exists.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias, final

from renderer.wire.chunks import Piece, abort
from renderer.wire.droppable import Droppable
from renderer.wire.frames import call_id, without_lane
from renderer.wire.limits import MAX_TRANSFERS, Peer
from renderer.wire.parcel import Parcel

Item: TypeAlias = Parcel | Piece | Droppable
"""What gets a number."""


@final
class Mark:
    """How far a session had come at some moment: all that was put until then.

    Args:
        number: the last number that was given away.
        waits: the receipts of what had none yet.
    """

    __slots__ = ("number", "waits")

    def __init__(self, number: int, waits: set[int] | None = None) -> None:
        self.number = number
        """The last number of it, as far as it has numbers."""
        self.waits = waits or set[int]()
        """What of it has none yet."""


@final
class Held:
    """A message that waits for its number, or for that of its last chunk.

    Args:
        parcel: the message.
        receipt: what its sender knows it by.
        chunk: the bytes of one chunk; 0 if the message needs none.
        spared: its bytes take no room in the window.
        droppable: the same message, if it may be given up.
    """

    __slots__ = (
        "chunk",
        "droppable",
        "parcel",
        "receipt",
        "spared",
        "start",
        "transfer",
    )

    def __init__(
        self,
        parcel: Parcel,
        receipt: int,
        chunk: int,
        *,
        spared: bool = False,
        droppable: Droppable | None = None,
    ) -> None:
        self.parcel: Final = parcel
        self.receipt: Final = receipt
        self.chunk: Final = chunk
        self.spared: Final = spared
        self.droppable: Final = droppable
        self.transfer = 0
        """The number of the transfer; 0 until it has begun."""
        self.start = 0
        """So many bytes have their numbers."""

    def leave(self) -> Item:
        """Return what gets its number, now that nothing holds it up."""
        if self.droppable is None:
            return self.parcel
        self.droppable.held = None
        return self.droppable

    @property
    def left(self) -> int:
        """So many bytes have none."""
        return len(self.parcel.data) - self.start

    def cut(self) -> Piece:
        """Return the next chunk."""
        start = self.start
        self.start = min(start + self.chunk, len(self.parcel.data))
        parcel, transfer = self.parcel, self.transfer
        return Piece(parcel, transfer, start, self.start, spared=self.spared)


@final
class Lanes:
    """The lanes on which something is held up.

    Args:
        transfers: how many transfers the session has had before.
        max_bytes: how many bytes the peer takes of all open transfers together.
    """

    def __init__(self, transfers: int, max_bytes: int) -> None:
        self.transfers = transfers
        """How many transfers the session has had."""
        self._max_bytes = max_bytes
        self._lanes: dict[int, deque[Held]] = {}  # begin with a large message each
        self._ready: deque[Held] = deque()  # the first of their lanes, not begun
        self._open: deque[Held] = deque()  # begun; they take turns
        self._held: dict[int, Held] = {}  # all of them, by their receipts
        self._calls: dict[int, Held] = {}  # the calls among them, by their ids
        self._marks: list[Mark] = []

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        """Yield what waits."""
        return iter(self._held.values())

    def __contains__(self, lane: int) -> bool:
        """Tell whether what is put on a lane has to wait."""
        return lane in self._lanes

    def is_held(self, receipt: int) -> bool:
        """Tell whether a message, or the end of it, waits."""
        return receipt in self._held

    def hold(self, held: Held) -> None:
        """Let a message wait: a large one, or one behind a large one."""
        self._held[held.receipt] = held
        parcel = held.parcel
        if parcel.counted and (id := call_id(parcel.data)):
            self._calls[id] = held
        lane = self._lanes.get(parcel.lane)
        if lane is None:
            self._lanes[parcel.lane] = deque((held,))
            self._ready.append(held)
        else:
            lane.append(held)

    def mark(self, number: int) -> Mark:
        """Return a mark behind all that waits, and behind `number`."""
        mark = Mark(number, set(self._held))
        self._marks.append(mark)
        return mark

    def advance(self, last: int) -> list[Item]:
        """Return what gets the numbers from `last` + 1 on.

        That is one chunk, and with the last chunk of a message what waited behind it.
        """
        self._begin()
        held = self._open.popleft()
        piece = held.cut()
        if held.left:
            self._open.append(held)
            return [piece]
        self._forget(held, last + 1)
        return [piece, *self._release(held, last + 1)]

    def withdraw(self, id: int, last: int) -> tuple[Held | None, list[Item]]:
        """Take back a call whose caller has given it up, if it waits here.

        Returns:
            It, and what gets the numbers from `last` + 1 on: if its transfer has begun
            the end of that, then what is no longer held up.
        """
        held = self._calls.get(id)
        if held is None:
            return None, []
        items: list[Item] = []
        if held.transfer:
            items.append(abort(held.parcel, held.transfer))
            self._open.remove(held)
            last += 1
        elif held in self._ready:
            self._ready.remove(held)
        else:
            self._lanes[held.parcel.lane].remove(held)
            self._forget(held, 0)
            return held, []
        self._forget(held, last if items else 0)
        return held, items + self._release(held, last)

    def drop(self, held: Held, number: int) -> None:
        """Let a message go that waits behind another one.

        Args:
            held: the message.
            number: that of what is left of it.
        """
        self._lanes[held.parcel.lane].remove(held)
        self._forget(held, number)

    def _begin(self) -> None:
        """Open transfers, as many as the peer takes, in the order of their arrival."""
        size = sum(len(held.parcel.data) for held in self._open)
        while self._ready and len(self._open) < MAX_TRANSFERS:
            size += len(self._ready[0].parcel.data)
            if size > self._max_bytes:
                return
            held = self._ready.popleft()
            self.transfers += 1
            held.transfer = self.transfers
            self._open.append(held)

    def _release(self, first: Held, last: int) -> list[Item]:
        """Return what a lane's first message has held up; it has left the lane."""
        number = first.parcel.lane
        lane = self._lanes[number]
        lane.popleft()
        released: list[Item] = []
        while lane:
            held = lane[0]
            if held.chunk:
                self._ready.append(held)
                return released
            lane.popleft()
            released.append(held.leave())
            self._forget(held, last + len(released))
        del self._lanes[number]
        return released

    def _forget(self, held: Held, number: int) -> None:
        """Let a message go that is settled with a number."""
        del self._held[held.receipt]
        if held.parcel.counted:
            self._calls.pop(call_id(held.parcel.data), None)
        for mark in self._marks:
            if held.receipt in mark.waits:
                mark.waits.discard(held.receipt)
                mark.number = max(mark.number, number)
        self._marks = [mark for mark in self._marks if mark.waits]


def on_known_lane(parcel: Parcel, peer: Peer) -> Parcel:
    """Return a message on a lane that the peer knows."""
    if not parcel.lane or "lanes" in peer.features:
        return parcel
    return Parcel(without_lane(parcel.data), parcel.counted, parcel.reply)
