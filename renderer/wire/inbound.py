"""Messages as they arrive: each is numbered, and is handed on or dealt with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.inbox import Inbox
from renderer.wire.limits import MAX_NUMBER, Limits
from renderer.wire.transfers import Reassembly


class Inbound:
    """Turns the messages of a direction's frames into events, each number once."""

    def __init__(self, inbox: Inbox, limits: Limits) -> None:
        self.features: frozenset[str] = frozenset()
        """The features that were agreed on."""
        self.closing = False
        """Nothing is given to the dispatcher any more."""
        self._inbox = inbox
        self._reassembly = Reassembly(limits.max_message_bytes)

    def receive(
        self,
        first: int | None,
        messages: Iterable[pb.Message],
        out: list[events.SessionEvent],
    ) -> Iterator[int]:
        """Append to `out` what the messages say; yield ids of unknown kinds' calls.

        Args:
            first: the number of the first message; None for the next expected one.
            messages: the messages, in order.
            out: where events go.

        Raises:
            RemoteProtocolError: numbers or messages that cannot be.
        """
        number = self._inbox.start(first)
        for message in messages:
            kind = message.WhichOneof("kind")
            last = number
            if kind == "dropped":
                last += max(message.dropped.count, 1) - 1
            if last > self._inbox.received:  # else an overlap
                self._take(last, kind, message, out)
                if kind is None and message.id:
                    yield message.id
            number = last + 1

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
            whole = self._reassemble(message)
            if whole is not None:
                kind, message = whole
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
        if kind == "call" and not 0 < message.id <= MAX_NUMBER:
            raise RemoteProtocolError(f"a call cannot have the id {message.id}")
        self._inbox.arrive(number, waits=not self.closing)
        if not self.closing:
            out.append(events.Arrived(number, kind, message))

    def _reassemble(self, message: pb.Message) -> tuple[str, pb.Message] | None:
        if "chunks" not in self.features:
            raise RemoteProtocolError("chunks were not agreed on")
        return self._reassembly.add(message.chunk, message.lane)
