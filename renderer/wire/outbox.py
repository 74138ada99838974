"""What one end has put on the session: numbers, replay and the window's debit."""

from __future__ import annotations

from typing import final

from renderer.wire.chunks import (
    Piece,
    check_size,
    chunk_bytes,
    fits,
    price_in_chunks,
)
from renderer.wire.debit import Debit
from renderer.wire.droppable import (
    Droppable,
    Droppables,
    Entry,
    split,
)
from renderer.wire.errors import Overloaded, RemoteProtocolError
from renderer.wire.frames import CONTROL_RESERVE, call_id, head_of
from renderer.wire.lanes import Held, Item, Lanes, Mark, on_known_lane
from renderer.wire.limits import KIB, MAX_FRAME_MESSAGES, Limits, Peer
from renderer.wire.parcel import Parcel
from renderer.wire.progress import Progress


@final
class Outbox(Debit):
    """The messages of one direction, from `put` to the peer's ack.

    Three things hold them: `_lanes` those without number, `_queued` those that are not
    written on the present link, `_unacked` those that are. Numbering moves them from
    the first to the second, writing on to the third; resuming moves back what the peer
    has not received. The numbers are dense, so none is kept: `_unacked` begins behind
    `acked`, `_queued` behind `written`, and ends with `last`. Each has one, except that
    a tombstone may have several: then `_droppables` is there.

    Args:
        limits: ours.
    """

    __slots__ = (
        "_beside",
        "_droppables",
        "_lanes",
        "_may_hold",
        "_passed",
        "_progress",
        "_queued",
        "_receipts",
        "_transfers",
        "_unacked",
        "acked",
        "last",
        "written",
    )

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.last = 0
        """The last number that a message has."""
        self.acked = 0
        """The peer has consumed everything up to here."""
        self._queued: list[Entry] = []
        self._unacked: list[Entry] = []
        self._droppables: Droppables | None = None  # from the first one on
        self._may_hold = True
        self._lanes: Lanes | None = None
        self._transfers = 0  # so many, before `_lanes`
        self._receipts = 0  # the last that was no number
        self._passed = 0  # the weight of what has passed large messages by
        self.written = 0
        """The highest number written on the present link, or received by the peer."""
        self._beside = 0  # up to here they went another way, too: see `unacked`
        self._progress = Progress()

    # ---- putting ---------------------------------------------------------------------

    def put(self, parcel: Parcel, peer: Peer, *, overshoot: bool = False) -> int:
        """Queue a message; return its receipt: see `was_written`.

        Raises:
            PayloadTooLarge: it is larger than the peer takes.
            Overloaded: it does not fit the peer's window.
        """
        size = len(parcel.data)
        too_large = size + CONTROL_RESERVE > peer.max_frame_bytes  # `fits`, in place
        if too_large or self._lanes is not None or parcel.lane:
            return self._put_on_lane(parcel, peer, overshoot)
        if parcel.counted:
            if (
                self.outstanding >= peer.window_messages
                or self.outstanding_bytes + size > peer.window_bytes
            ):
                self._check(parcel, peer, overshoot)
            self.outstanding += 1
            self.outstanding_bytes += size
        else:
            self.free += 1
            self._free_bytes += size
        self._queued.append(parcel)
        self.last += 1
        return self.last

    def _check(
        self,
        parcel: Parcel,
        peer: Peer,
        overshoot: bool,
        without: tuple[int, int] = (0, 0),
    ) -> None:
        if not self.admits(parcel, peer, overshoot=overshoot, without=without):
            raise Overloaded(f"{self.backlog} wait for the other side")

    def put_droppable(self, parcel: Parcel, peer: Peer, channel: str) -> int:
        """Queue an event, if need be in place of older ones of its channel.

        Only those may go that were put by this, and of which nothing was written on any
        link; and none that is too large for one frame.

        Args:
            parcel: the event.
            peer: whose window it is to fit.
            channel: its channel.

        Returns:
            How many went.

        Raises:
            PayloadTooLarge: it is larger than the peer takes; none went.
            Overloaded: it would not fit if all of them went; none went.
        """
        parcel = on_known_lane(parcel, peer)
        check_size(len(parcel.data), peer)
        droppables = self._droppables = self._droppables or Droppables()
        self._check(parcel, peer, overshoot=False, without=droppables.of(channel))
        gone = 0
        while not self.admits(parcel, peer):
            self._drop(droppables.oldest(channel), droppables)
            gone += 1
        if not fits(len(parcel.data), peer):
            self._put_on_lane(parcel, peer, overshoot=False)
            return gone
        event, lanes = droppables.add(parcel, channel), self._lanes
        if lanes is not None and parcel.lane in lanes:
            event.held = Held(parcel, self._receipt(), 0, droppable=event)
            lanes.hold(event.held)
            self._charge(parcel, 1)
        else:
            self._number(event)
            droppables.number(self.last, peer)
            self._charge(parcel, 1)
            self._note_passed(parcel)
        return gone

    def _drop(self, event: Droppable, droppables: Droppables) -> None:
        droppables.forget(event)
        self._charge(event.parcel, -1)
        if event.held is not None and self._lanes is not None:
            # It had no number yet. While its lane waits, a tombstone may pass by.
            self._lanes.drop(event.held, self.last + 1)
            self._number(event)
        event.give_up()
        droppables.note_grave(self._queued)

    def _put_on_lane(self, parcel: Parcel, peer: Peer, overshoot: bool) -> int:
        parcel = on_known_lane(parcel, peer)
        size, lanes = len(parcel.data), self._lanes
        check_size(size, peer, reply=parcel.reply)
        self._check(parcel, peer, overshoot)
        if lanes is not None and not (parcel.counted or parcel.reply):
            return self._put_cancel(parcel, lanes)
        chunk = 0 if fits(size, peer) else chunk_bytes(self._limits, peer)
        if not chunk and (lanes is None or parcel.lane not in lanes):
            return self._put_past(parcel)
        if lanes is None:
            lanes = self._lanes = Lanes(self._transfers, peer.max_message_bytes)
        spared = bool(chunk) and self._spare(parcel)
        held = Held(parcel, self._receipt(), chunk, spared=spared)
        lanes.hold(held)
        self._charge_left(held, 1)
        return held.receipt

    def _put_past(self, parcel: Parcel) -> int:
        """Queue a message on a lane on which nothing waits."""
        self._number(parcel)
        self._charge(parcel, 1)
        self._note_passed(parcel)
        return self.last

    def _note_passed(self, parcel: Parcel) -> None:
        if self._lanes is not None:
            # What has its number is written first. However much there is of that, large
            # messages get ahead.
            self._passed += len(parcel.data) + KIB
            if self._passed >= self._limits.batch_bytes:
                self._advance(self._lanes)

    def _put_cancel(self, parcel: Parcel, lanes: Lanes) -> int:
        """Queue a cancel, unless it can stop its call on this end."""
        held, items = lanes.withdraw(call_id(parcel.data), self.last)
        if held is None:
            return self._put_past(parcel)
        self._charge_left(held, -1)
        if held.spared:
            self._set_spared(held.parcel, 0)
        if held.transfer:
            self._charge(items[0], 1)  # the end of the transfer
        self._extend(items, lanes)
        return self._receipt()

    def _receipt(self) -> int:
        self._receipts -= 1
        return self._receipts

    def was_written(self, receipt: int) -> bool:
        """Tell whether the peer may have got a message, by what `put` returned.

        That is its number, or below 0 if it had none yet.
        """
        if receipt > 0:
            return receipt <= max(self.written, self._beside)
        return self._lanes is None or not self._lanes.is_held(receipt)

    def mark(self) -> Mark:
        """Return a mark behind all that was put until now; see `settled`."""
        return Mark(self.last) if self._lanes is None else self._lanes.mark(self.last)

    def settled(self, mark: Mark) -> bool:
        """Tell whether the peer has consumed everything before a mark."""
        return self.acked >= mark.number and not mark.waits

    # ---- how much there is -----------------------------------------------------------

    @property
    def total(self) -> int:
        """The last number that will have been used when everything is written."""
        if self._lanes is None:
            return self.last
        return self.last + sum(
            price_in_chunks(held.left, held.chunk)[0] if held.chunk else 1
            for held in self._lanes
        )

    # ---- writing ---------------------------------------------------------------------

    def has_unwritten(self) -> bool:
        """Tell whether a message waits for the link, and may go."""
        if self._lanes is not None:
            return True
        return bool(self._queued) and not (self._droppables and self.holds_back)

    @property
    def holds_back(self) -> bool:
        """All that waits for the link waits for acks, so that it may be given up."""
        droppables = self._droppables
        return (
            droppables is not None
            and self._lanes is None
            and self._may_hold
            and droppables.holds(self._queued, self.last, self.written)
            and droppables.suffice(self.outstanding, self.outstanding_bytes)
        )

    def hold_nothing_back(self) -> None:
        """Let everything go to the link, from now on."""
        self._may_hold = False

    def take(
        self, max_messages: int, max_bytes: int, acks: bool
    ) -> tuple[int, list[bytes | memoryview]]:
        """Return the next batch as (number of the first, parts of a frame), as written.

        Something must wait for the link: see `has_unwritten`.

        Args:
            max_messages: the most messages in the batch.
            max_bytes: the most bytes; one larger message goes alone.
            acks: the peer acks. If not, what is written is acked.
        """
        if not self._queued and self._lanes is not None:
            self._advance(self._lanes)
        queued = self._queued
        max_messages = self._progress.batch(max_messages)
        if self._droppables is not None:
            max_messages = self._at_once(self._droppables, max_messages)
        parts: list[bytes | memoryview] = []
        size = count = 0
        for item in queued if len(queued) <= max_messages else queued[:max_messages]:
            if type(item) is Piece:
                more: tuple[bytes | memoryview, ...] = item.parts()
                size += sum(map(len, more))
            else:
                data = item.data
                head = head_of(len(data))
                more = head, data
                size += len(head) + len(data)
            if size > max_bytes and count:
                break
            parts += more
            count += 1
        first = self.written + 1
        if count == len(queued):
            self._queued = []
        else:
            queued = queued[:count]
            del self._queued[:count]
        if self._droppables is None:
            self._unacked += queued
        else:
            written, count = self._droppables.write(queued)
            self._unacked += written
        self.written += count
        if not acks:
            self.ack(self.written)
        return first, parts

    def _at_once(self, droppables: Droppables, most: int) -> int:
        """Return how many of what is queued the next frame may have, of so many."""
        droppables.merge(self._queued, most)
        if self._lanes is not None or not self._may_hold:
            return most
        outstanding = self.outstanding, self.outstanding_bytes
        return droppables.at_once(
            self._queued[:most], self.last, self.written, *outstanding
        )

    def unacked(self, up_to: int, room: int) -> list[bytes] | None:
        """Return all from `acked` + 1 up to a number; it counts as written.

        For another way than a link, and only while no link takes messages. What of it
        has arrived a resume tells, or an ack: it may arrive behind the Welcome, too.

        Args:
            up_to: the number of a message, or 0.
            room: the most bytes, with what precedes each in a frame.

        Returns:
            The serialized messages; None if they have no room, are more than a frame
            may have, or one is a chunk.
        """
        ahead = max(0, up_to - self.written)
        items = self._unacked[: max(0, up_to - self.acked)] + self._queued[:ahead]
        if len(items) > MAX_FRAME_MESSAGES:
            return None
        found: list[bytes] = []
        for item in items:
            if type(item) is not Parcel:
                return None
            room -= len(item.data) + len(head_of(len(item.data)))
            found.append(item.data)
        if room < 0:
            return None
        self._unacked += self._queued[:ahead]
        del self._queued[:ahead]
        self.written += ahead
        self._beside = max(self._beside, self.acked + len(found))
        return found

    def _heard_beside(self, number: int) -> None:
        """Take as written what the peer has, and did not get on the present link."""
        count = number - self.written
        self._unacked += self._queued[:count]
        del self._queued[:count]
        self.written = number

    def _advance(self, lanes: Lanes) -> None:
        self._passed = 0
        self._extend(lanes.advance(self.last), lanes)

    def _extend(self, items: list[Item], lanes: Lanes) -> None:
        for item in items:
            self._number(item)
        if not lanes:
            self._lanes, self._transfers = None, lanes.transfers

    def _number(self, item: Entry) -> None:
        self._queued.append(item)
        self.last += 1

    # ---- what the peer says ----------------------------------------------------------

    def ack(self, number: int) -> bool:
        """Forget what the peer has consumed; return whether that was anything new.

        Raises:
            RemoteProtocolError: the ack falls, or exceeds what was sent.
        """
        count = number - self.acked
        if count < 0:
            raise RemoteProtocolError(f"ack fell from {self.acked} to {number}")
        if number > self.written:
            if number > self._beside:
                raise RemoteProtocolError(
                    f"ack {number} exceeds what was sent ({self.written})"
                )
            self._heard_beside(number)
        if not count:
            return False
        end = count if self._droppables is None else split(self._unacked, count)
        counted = size = 0
        for item in self._unacked[:end]:
            if type(item) is Parcel and item.counted:
                counted += 1
                size += len(item.data)
            else:
                self._charge(item, -1)
        self.outstanding -= counted
        self.outstanding_bytes -= size
        del self._unacked[:end]
        self.acked = number
        return True

    def check_received(self, received: int) -> None:
        """Raise RemoteProtocolError if the peer cannot have received just that."""
        sent = max(self.written, self._beside)
        if not self.acked <= received <= sent:
            raise RemoteProtocolError(
                f"received {received} lies outside {self.acked}…{sent}"
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
        if received > self.written:
            self._heard_beside(received)
        undelivered = confirmed and self.written > received
        kept = received - self.acked
        if self._droppables is not None:
            kept = split(self._unacked, kept)
        self._queued[:0] = self._unacked[kept:]
        del self._unacked[kept:]
        self.written = received
        return self._progress.resumed(received, undelivered=undelivered)
