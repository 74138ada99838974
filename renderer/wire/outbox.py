"""What one end has put on the session: numbers, replay and the window's debit."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from renderer.wire.errors import Overloaded, RemoteProtocolError
from renderer.wire.frames import as_field
from renderer.wire.limits import MIB, RESUMES_WITHOUT_PROGRESS, Limits, Peer
from renderer.wire.parcel import Parcel
from renderer.wire.transfers import Cutter


@dataclass(slots=True)
class Entry:
    """A message, from the moment it is put on the session until it is acked."""

    number: int
    """Its number."""
    field: bytes
    """Its serialized form as an entry of a frame."""
    size: int
    """The bytes of its serialized form alone."""
    counted: bool
    """It takes room in the window."""
    whole: bool
    """It is a message or the end of one: no chunk that another follows."""


class Outbox:
    """The messages of one direction, from `put` to the peer's ack.

    Two queues hold them: `queued` is not written on the present link, `unacked` is.
    Writing moves from one to the other, resuming moves back what the peer has not
    received.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cutter = Cutter(limits)
        self.last = 0
        """The number of the last message put."""
        self.acked = 0
        """The peer has consumed everything up to here."""
        self.outstanding = 0
        """Counted messages that are not acked."""
        self.outstanding_bytes = 0
        """The same in bytes."""
        self.unconfirmed = 0
        """Events and calls that are not acked: one in chunks is one."""
        self.free = 0
        """Uncounted messages that are not acked: replies and cancels."""
        self.free_bytes = 0
        """The same in bytes."""
        self._queued: deque[Entry] = deque()
        self._unacked: deque[Entry] = deque()
        self.written = 0
        """The highest number written on the present link, or received by the peer."""
        self._stuck_at = 0  # where the peer's `received` stood at the last resumes …
        self._stuck = 0  # … so many of them in a row, although more was written

    def admits(self, parcel: Parcel, peer: Peer, *, overshoot: bool = False) -> bool:
        """Tell whether a message fits the peer's window.

        Args:
            parcel: the message.
            peer: whose window it is.
            overshoot: the window may be exceeded as far as our limits say.
        """
        if not parcel.counted or not self.outstanding:
            return True  # one larger than the window may go alone
        factor = self._limits.overshoot if overshoot else 1
        messages, size = self._cutter.price(len(parcel.data), peer)
        return (
            self.outstanding + messages <= peer.window_messages * factor
            and self.outstanding_bytes + size <= peer.window_bytes * factor
        )

    def check(self, parcel: Parcel, peer: Peer, *, overshoot: bool = False) -> None:
        """Refuse what cannot be put now.

        Raises:
            PayloadTooLarge: it is larger than the peer takes.
            Overloaded: it does not fit the peer's window.
        """
        self._cutter.check(len(parcel.data), peer)
        if not self.admits(parcel, peer, overshoot=overshoot):
            raise Overloaded(f"{self.backlog} wait for the other side")

    def put(self, parcel: Parcel, peer: Peer) -> int:
        """Queue a message that `check` lets through; return its last number."""
        pieces = self._cutter.cut(parcel, peer)
        for piece in pieces:
            self.last += 1
            whole = piece is pieces[-1]
            field = as_field(piece)
            entry = Entry(self.last, field, len(piece), parcel.counted, whole)
            self._charge(entry, 1)
            self._queued.append(entry)
        return self.last

    def exceeds(self, peer: Peer) -> bool:
        """Tell whether what is not acked, replies included, is beyond the window."""
        return (
            max(self.outstanding, self.free) > peer.window_messages
            or max(self.outstanding_bytes, self.free_bytes) > peer.window_bytes
        )

    @property
    def floods(self) -> bool:
        """More replies wait for an ack than anyone should hold.

        Measured by our own limits: a peer may have a small window and many calls.
        """
        limits = self._limits
        return (
            self.free > limits.window_messages * limits.overshoot
            or self.free_bytes
            > limits.window_bytes * limits.overshoot + limits.max_message_bytes
        )

    def runs_short(self, peer: Peer) -> bool:
        """Tell whether half of the peer's window is used up."""
        return (
            self.outstanding * 2 >= peer.window_messages
            or self.outstanding_bytes * 2 >= peer.window_bytes
        )

    @property
    def backlog(self) -> str:
        """What waits for the peer's ack, for people: "65,536 messages (8.1 MiB)"."""
        mib = self.outstanding_bytes / MIB
        return f"{self.outstanding:,} messages ({mib:.1f} MiB)"

    def has_unwritten(self) -> bool:
        """Tell whether a message waits for the link."""
        return bool(self._queued)

    def take(
        self, max_messages: int, max_bytes: int, acks: bool
    ) -> tuple[int, list[bytes]]:
        """Return the next batch as (number of the first, entries): written now.

        Something must wait for the link: see `has_unwritten`.

        Args:
            max_messages: the most messages in the batch.
            max_bytes: the most bytes; one larger message goes alone.
            acks: the peer acks. If not, what is written is acked.
        """
        queued = self._queued
        first = queued[0].number
        batch: list[bytes] = []
        size = 0
        while queued and len(batch) < max_messages:
            entry = queued[0]
            size += len(entry.field)
            if batch and size > max_bytes:
                break
            queued.popleft()
            batch.append(entry.field)
            self._unacked.append(entry)
            self.written = entry.number
        if not acks:
            self.ack(self.written)
        return first, batch

    def ack(self, number: int) -> bool:
        """Forget what the peer has consumed; return whether that was anything new.

        Raises:
            RemoteProtocolError: the ack falls, or exceeds what was sent.
        """
        if number < self.acked:
            raise RemoteProtocolError(f"ack fell from {self.acked} to {number}")
        if number > self.written:
            raise RemoteProtocolError(
                f"ack {number} exceeds what was sent ({self.written})"
            )
        unacked = self._unacked
        while unacked and unacked[0].number <= number:
            self._charge(unacked.popleft(), -1)
        progress = number > self.acked
        self.acked = number
        return progress

    def check_received(self, received: int) -> None:
        """Raise RemoteProtocolError if the peer cannot have received just that."""
        if not self.acked <= received <= self.written:
            raise RemoteProtocolError(
                f"received {received} lies outside {self.acked}…{self.written}"
            )

    def resume(self, received: int, *, confirmed: bool) -> bool:
        """Queue again what the peer has not received; see `check_received` first.

        Args:
            received: the number of the last message that the peer has.
            confirmed: a link was confirmed since the last resume.

        Returns:
            False if what was written got stuck at this number three times in a row:
            a message that kills every link that carries it.
        """
        undelivered = confirmed and self.written > received
        unacked = self._unacked
        while unacked and unacked[-1].number > received:
            self._queued.appendleft(unacked.pop())
        self.written = received
        if received != self._stuck_at:
            self._stuck_at, self._stuck = received, 0
        elif undelivered:
            self._stuck += 1
        return self._stuck < RESUMES_WITHOUT_PROGRESS

    def _charge(self, entry: Entry, sign: int) -> None:
        if entry.counted:
            self.outstanding += sign
            self.outstanding_bytes += sign * entry.size
            self.unconfirmed += sign * entry.whole
        else:
            self.free += sign
            self.free_bytes += sign * entry.size
