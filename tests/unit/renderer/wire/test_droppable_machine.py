"""Events that give way to newer ones of their channel, whatever happens."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import Overloaded
from renderer.wire.limits import KIB, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from tests.support.wires import event, reply
from tests.unit.renderer.wire.test_droppable import LIMITS, on_lane, write

CHANNELS = st.sampled_from("abc")


class Dropping(RuleBasedStateMachine):
    """A sender, a peer that keeps what it got by number, and links that break."""

    @initialize(window=st.integers(1, 12))
    def begin(self, window: int) -> None:
        self.peer = Peer(
            window_messages=window,
            window_bytes=8_000,
            max_frame_bytes=4 * KIB,
            max_message_bytes=20_000,
            features=frozenset({"chunks", "lanes"}),
        )
        self.outbox = Outbox(LIMITS)
        self.put: Counter[str] = Counter()
        self.gone: Counter[str] = Counter()
        self.on_wire: dict[int, str] = {}
        self.received = 0

    @rule(channel=CHANNELS, size=st.sampled_from((0, 0, 900, 3_000, 5_000)))
    def put_one(self, channel: str, size: int) -> None:
        self._put(event(channel, size), channel)

    @rule(channel=CHANNELS, lane=st.integers(1, 2))
    def put_on_a_lane(self, channel: str, lane: int) -> None:
        self._put(on_lane(lane, channel), channel)

    def _put(self, parcel: Parcel, channel: str) -> None:
        before = self.outbox.unconfirmed, self.outbox.outstanding_bytes
        try:
            gone = self.outbox.put_droppable(parcel, self.peer, channel)
        except Overloaded:
            assert before == (self.outbox.unconfirmed, self.outbox.outstanding_bytes)
            return
        self.put[channel] += 1
        self.gone[channel] += gone

    @rule(size=st.sampled_from((0, 5_000)))
    def put_one_that_stays(self, size: int) -> None:
        try:
            self.outbox.put(event("kept", size), self.peer)
        except Overloaded:
            return
        self.put["kept"] += 1

    @rule()
    def reply(self) -> None:
        self.outbox.put(reply(), self.peer)

    @precondition(lambda self: self.outbox.has_unwritten())
    @rule(count=st.integers(1, 5), arrives=st.booleans())
    def write(self, count: int, arrives: bool) -> None:
        first, messages = write(self.outbox, count)
        assert first == number_after(self.outbox, messages)
        for message in messages:
            kind = message.WhichOneof("kind") or ""
            says, count = f"{kind} {message.event.channel}", 1
            if kind == "dropped":
                says, count = (
                    f"dropped {message.dropped.channel}",
                    message.dropped.count,
                )
            elif kind == "chunk":
                chunk = message.chunk
                says = f"chunk {chunk.transfer} {len(chunk.data)} {chunk.last}"
            for number in range(first, first + count):
                # Whatever was ever written for a number is written again.
                assert self.on_wire.setdefault(number, says) == says
            first += count
        if arrives:
            self.received = self.outbox.written

    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        self.outbox.ack(data.draw(st.integers(self.outbox.acked, self.received)))

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        low = max(self.outbox.acked, 0)
        self.received = data.draw(st.integers(low, self.received))
        self.outbox.check_received(self.received)
        self.outbox.resume(self.received, confirmed=False)

    @invariant()
    def it_keeps_to_the_window(self) -> None:
        if hasattr(self, "outbox") and self.outbox.unconfirmed > 1:
            assert self.outbox.outstanding <= max(self.peer.window_messages, 6)

    def teardown(self) -> None:
        if not hasattr(self, "outbox"):
            return
        outbox = self.outbox
        while outbox.acked < outbox.last or outbox.has_unwritten():
            while outbox.has_unwritten():
                self.write(5, arrives=True)
            # What is held back goes when the peer acks, if not before.
            assert outbox.written > outbox.acked
            outbox.ack(outbox.written)
        assert (outbox.outstanding, outbox.outstanding_bytes, outbox.free) == (0, 0, 0)
        assert sorted(self.on_wire) == list(range(1, outbox.last + 1))
        seen = Counter(self.on_wire.values())
        whole = sum(n for says, n in seen.items() if says.endswith(" True"))
        for channel, gone in self.gone.items():
            assert seen[f"dropped {channel}"] == gone
        events = sum(n for says, n in seen.items() if says.startswith("event "))
        assert events + whole == self.put.total() - self.gone.total()


def number_after(outbox: Outbox, messages: list[pb.Message]) -> int:
    """Return the number of the first of the messages that were written last."""
    counts = [max(m.dropped.count, 1) for m in messages]
    return outbox.written + 1 - sum(counts)


TestDropping = Dropping.TestCase
