"""Messages as they arrive: each is numbered, and is handed on or dealt with."""

from __future__ import annotations

from collections.abc import Iterable

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.inbox import Inbox
from renderer.wire.limits import MAX_NUMBER, Limits
from renderer.wire.transfers import Reassembly

_WHOLE = ("event", "call", "reply")


class Inbound:
    """Turns the messages of a direction's frames into events, each number once."""

    def __init__(self, inbox: Inbox, limits: Limits) -> None:
        self.chunks = False
        """Chunks were agreed on."""
        self.closing = False
        """Nothing is given to the dispatcher any more."""
        self._inbox = inbox
        self._reassembly = Reassembly(limits.max_message_bytes)

    def receive(
        self,
        first: int | None,
        messages: Iterable[pb.Message],
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
        unknown: list[int] = []
        free: list[pb.Message] = []
        counted = False
        number = self._inbox.start(first)
        for message in messages:
            kind = message.WhichOneof("kind")
            last = number
            if kind == "dropped":
                last += max(message.dropped.count, 1) - 1
            fresh = last > self._inbox.received  # else an overlap
            if fresh:
                self._take(last, kind, message, out)
                if kind is None and message.id:
                    unknown.append(message.id)
            if fresh and _counts(kind, message):
                counted = True
            else:
                free.append(message)
            number = last + 1
        if counted and not self.closing:
            self._inbox.note_frame(size - sum(each.ByteSize() for each in free))
        return unknown

    def _take(
        self,
        number: int,
        kind: str | None,
        message: pb.Message,
        out: list[events.SessionEvent],
    ) -> None:
        if message.lane:
            raise RemoteProtocolError(f"lane {message.lane} was not agreed on")
        if kind == "chunk":
            self._take_chunk(number, message.chunk, out)
        elif kind in _WHOLE and self._reassembly.is_open:
            raise RemoteProtocolError(f"a {kind} stands between chunks")
        else:
            self._settle(number, kind, message, out)

    def _take_chunk(
        self, number: int, chunk: pb.Chunk, out: list[events.SessionEvent]
    ) -> None:
        if not self.chunks:
            raise RemoteProtocolError("chunks were not agreed on")
        if chunk.abort:
            lost, whole = self._reassembly.abort(chunk), None
        else:
            lost, whole = False, self._reassembly.add(chunk)
        if whole is not None:
            self._settle(number, *whole, out)
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
        if message.id > MAX_NUMBER:
            raise RemoteProtocolError(f"the id {message.id} exceeds 63 bits")
        if kind == "event" or kind == "call":
            self._arrive(number, kind, message, out)
            return
        fresh = number - self._inbox.received
        self._inbox.arrive(number, waits=False)
        if kind == "reply":
            out.append(events.Replied(message.id, message.reply))
        elif kind == "cancel":
            out.append(events.Cancelled(message.id))
        elif kind == "dropped":
            out.append(events.GivenUp(message.dropped.channel, fresh))

    def _arrive(
        self,
        number: int,
        kind: str,
        message: pb.Message,
        out: list[events.SessionEvent],
    ) -> None:
        if kind == "call" and not message.id:
            raise RemoteProtocolError("a call without id")
        if self.closing:
            self._inbox.refuse(number)
        else:
            self._inbox.arrive(number, waits=True)
            out.append(events.Arrived(number, kind, message))


def _counts(kind: str | None, message: pb.Message) -> bool:
    # What the sender counted against our window.
    return kind in ("event", "call") or (kind == "chunk" and not message.chunk.reply)
