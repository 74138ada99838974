"""What a sender has taken of its peer's window, and what goes beside it."""

from __future__ import annotations

from renderer.wire.chunks import Piece, price, price_in_chunks
from renderer.wire.droppable import Droppable, Entry, Tombstone
from renderer.wire.lanes import Held
from renderer.wire.limits import MIB, Limits, Peer
from renderer.wire.parcel import Parcel


class Debit:
    """How much is not acked, in messages and bytes, and whether more may be.

    Args:
        limits: ours.
    """

    __slots__ = (
        "_free_bytes",
        "_limits",
        "_spared_message",
        "_spared_reply",
        "_unfinished",
        "free",
        "outstanding",
        "outstanding_bytes",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.outstanding: int = 0
        """Counted messages that are not acked: of a large one, its chunks."""
        self.outstanding_bytes: int = 0
        """The same in bytes."""
        self._unfinished: int = 0  # of these, chunks that another one follows
        self.free: int = 0
        """Uncounted messages that are not acked: replies and cancels."""
        self._free_bytes: int = 0
        # The bytes of one large message, and of one large reply, that take no room.
        # Otherwise one of 64 MiB would hold up all others until it is acked.
        self._spared_message = self._spared_reply = 0

    def admits(
        self,
        parcel: Parcel,
        peer: Peer,
        *,
        overshoot: bool = False,
        without: tuple[int, int] = (0, 0),
    ) -> bool:
        """Tell whether a message fits the peer's window.

        Args:
            parcel: the message.
            peer: whose window it is.
            overshoot: the window may be exceeded as far as our limits say.
            without: so many messages and bytes of what is outstanding would go.
        """
        outstanding = self.outstanding - without[0]
        if not parcel.counted or not outstanding:
            return True  # one larger than the window may go alone
        factor = self._limits.overshoot if overshoot else 1
        messages, size = price(len(parcel.data), self._limits, peer)
        if messages > 1 and not self._spared_message:
            size = 0
        return (
            outstanding + messages <= peer.window_messages * factor
            and self.outstanding_bytes - without[1] + size <= peer.window_bytes * factor
        )

    # ---- how much there is -----------------------------------------------------------

    @property
    def unconfirmed(self) -> int:
        """Events and calls that are not acked: one in chunks is one."""
        return self.outstanding - self._unfinished

    def exceeds(self, peer: Peer) -> bool:
        """Tell whether what is not acked, replies included, is beyond the window."""
        return (
            self.outstanding > peer.window_messages
            or self.outstanding_bytes > peer.window_bytes
            or self.free > peer.window_messages
            or self._free_bytes > peer.window_bytes
        )

    @property
    def floods(self) -> bool:
        """More replies wait for an ack than anyone should hold.

        Measured by our own limits: a peer may have a small window and many calls.
        """
        limits = self._limits
        return (
            self.free > limits.window_messages * limits.overshoot
            or self._free_bytes
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
        mib = (self.outstanding_bytes + self._spared_message) / MIB
        return f"{self.outstanding:,} messages ({mib:.1f} MiB)"

    # ---- taking and giving back ------------------------------------------------------

    def _charge(self, item: Entry, sign: int) -> None:
        if type(item) is Piece:
            size, parcel = item.price, item.parcel
            self._unfinished += sign * (parcel.counted and not item.last)
            if item.spared and item.last:
                self._set_spared(parcel, 0)
        elif type(item) is Tombstone:
            return  # it needs no room
        else:
            parcel = item.parcel if type(item) is Droppable else item
            size = len(parcel.data)
        self._book(parcel.counted, sign, sign * size)

    def _charge_left(self, held: Held, sign: int) -> None:
        """Take room, or give it back, for what has no number yet of a message."""
        messages, size, counted = 1, held.left, held.parcel.counted
        if held.chunk:
            messages, size = price_in_chunks(size, held.chunk)
        self._unfinished += sign * (messages - 1) * counted
        self._book(counted, sign * messages, 0 if held.spared else sign * size)

    def _book(self, counted: bool, messages: int, size: int) -> None:
        if counted:
            self.outstanding += messages
            self.outstanding_bytes += size
        else:
            self.free += messages
            self._free_bytes += size

    def _spare(self, parcel: Parcel) -> bool:
        """Tell whether a large message's bytes take no room; if so, no other's do."""
        if self._spared_message if parcel.counted else self._spared_reply:
            return False
        self._set_spared(parcel, len(parcel.data))
        return True

    def _set_spared(self, parcel: Parcel, size: int) -> None:
        if parcel.counted:
            self._spared_message = size
        else:
            self._spared_reply = size


__all__ = ("Debit",)
