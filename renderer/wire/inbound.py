"""Messages as they arrive: each is numbered, and is handed on or dealt with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import Overloaded, RemoteProtocolError
from renderer.wire.inbox import Inbox
from renderer.wire.limits import (
    LARGE_FRAME,
    MAX_FRAME_MESSAGES,
    MAX_NUMBER,
    Limits,
    Peer,
)
from renderer.wire.transfers import Reassembly


@final
class Inbound:
    """Turns the messages of a direction's frames into events, each number once.

    Args:
        inbox: counts them.
        limits: ours.
    """

    __slots__ = (
        "_inbox",
        "_large",
        "_limits",
        "_numbered",
        "_unnumbered",
        "chunks",
        "closing",
        "lanes",
    )

    def __init__(self, inbox: Inbox, limits: Limits) -> None:
        self.chunks = False
        """Chunks were agreed on."""
        self.lanes = False
        """Lanes were agreed on."""
        self.closing = False
        """Nothing is given to the dispatcher any more."""
        self._inbox = inbox
        self._limits = limits
        self._large: Reassembly | None = None  # from the first chunk on
        self._numbered = False  # every frame must say the number of its first message
        self._unnumbered = False  # a frame has left it out

    def agree(self, peer: Peer, *, numbered: bool) -> None:
        """Take note of what both ends know.

        Args:
            peer: the other end.
            numbered: it must tell the number of the first message of every frame.
        """
        self._numbered = numbered
        self.chunks = "chunks" in peer.features
        self.lanes = "lanes" in peer.features

    def receive(
        self,
        first: int | None,
        messages: Sequence[pb.Message],
        size: int,
        out: list[events.SessionEvent],
    ) -> list[int]:
        """Append to `out` what the messages say; return ids of unknown kinds' calls.

        Args:
            first: the number of the first message; None for the next expected one.
            messages: the messages, in order.
            size: the bytes of their frame.
            out: where events go.

        Raises:
            RemoteProtocolError: numbers or messages that cannot be.
        """
        if len(messages) > MAX_FRAME_MESSAGES:
            raise RemoteProtocolError(
                f"{len(messages):,} messages in one frame; "
                f"it may have {MAX_FRAME_MESSAGES:,}"
            )
        if first is None:
            self._go_without_number()
        unknown: list[int] = []
        free: list[pb.Message] = []
        counted, before = False, len(out)
        number = self._inbox.start(first)
        received = self._inbox.received  # up to here it is an overlap
        for message in messages:
            kind = message.WhichOneof("kind")
            if kind == "dropped":
                number += max(message.dropped.count, 1) - 1
            if number <= received:
                free.append(message)
            else:
                if self._large is not None or not self.lanes or kind == "chunk":
                    self._take(number, kind, message, out)
                else:  # on any lane, and nothing stands in its way
                    self._settle(number, kind, message, out)
                if kind == "event" or kind == "call":
                    counted = True
                elif kind != "chunk" or message.chunk.reply:
                    free.append(message)
                else:
                    counted = True
                if kind is None and message.id:
                    unknown.append(message.id)
            number += 1
        if size > LARGE_FRAME:
            for event in out[before:]:
                _mark_as_large(event)
        if counted and not self.closing:
            for message in free:
                size -= message.ByteSize()
            self._inbox.note_frame(size)
        return unknown

    def _go_without_number(self) -> None:
        if self._numbered:
            raise RemoteProtocolError("a frame with messages must carry first")
        self._unnumbered = True

    def merge(
        self,
        first: int,
        messages: Sequence[pb.Message],
        size: int,
        out: list[events.SessionEvent],
    ) -> list[int]:
        """Do the same as `receive` with messages that came beside the link.

        Raises:
            RemoteProtocolError: numbers or messages that cannot be.
            Overloaded: they exceed the window; none was taken.
        """
        if self._unnumbered:
            raise RemoteProtocolError(
                "the frames of this session tell no numbers: nothing can be merged"
            )
        inbox, limits = self._inbox, self._limits
        fresh = inbox.start(first) + len(messages) - 1 - inbox.received
        if (
            inbox.waiting + fresh > limits.window_messages
            or size > limits.window_bytes + limits.max_message_bytes
        ):
            raise Overloaded("the messages beside the call exceed the window")
        self._numbered = True
        return self.receive(first, messages, size, out)

    def _take(
        self,
        number: int,
        kind: str | None,
        message: pb.Message,
        out: list[events.SessionEvent],
    ) -> None:
        lane = message.lane
        if lane and not self.lanes:
            raise RemoteProtocolError(f"lane {lane} was not agreed on")
        if kind == "chunk":
            self._take_chunk(number, lane, message.chunk, out)
            return
        between = self._large is not None and self._large.holds(lane)
        if between and kind in ("event", "call", "reply"):
            raise RemoteProtocolError(f"a {kind} stands between chunks")
        self._settle(number, kind, message, out)

    def _take_chunk(
        self,
        number: int,
        lane: int,
        chunk: pb.Chunk,
        out: list[events.SessionEvent],
    ) -> None:
        if not self.chunks:
            raise RemoteProtocolError("chunks were not agreed on")
        if self._large is None:
            self._large = Reassembly(self._limits.max_message_bytes)
        if chunk.abort:
            lost, whole = self._large.abort(lane, chunk), None
        else:
            lost, whole = False, self._large.add(lane, chunk)
        if whole is not None:
            self._settle(number, *whole, out)
            for event in out[-1:]:
                _mark_as_large(event)
            return
        self._inbox.arrive(number, waits=False)
        if lost:
            out.append(events.GivenUp("", 1))

    def _settle(
        self,
        number: int,
        kind: str | None,
        message: pb.Message,
        out: list[events.SessionEvent],
    ) -> None:
        inbox, id = self._inbox, message.id
        if id > MAX_NUMBER:
            raise RemoteProtocolError(f"the id {id} exceeds 63 bits")
        if kind == "event" or kind == "call":
            if kind == "call" and not id:
                raise RemoteProtocolError("a call without id")
            if self.closing:
                inbox.refuse(number)
            else:
                inbox.arrive(number, waits=True)
                out.append(events.Arrived(number, kind, message))
            return
        fresh = number - inbox.received
        inbox.arrive(number, waits=False)
        if kind == "reply":
            out.append(events.Replied(id, message.reply))
        elif kind == "cancel":
            out.append(events.Cancelled(id))
        elif kind == "dropped":
            out.append(events.GivenUp(message.dropped.channel, fresh))


def _mark_as_large(event: events.SessionEvent) -> None:
    if isinstance(event, events.Arrived):
        event.large = True
