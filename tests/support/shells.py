"""A shell around a session for tests, and the reference model of what it was told.

`Life` records what one end accepted, and what the other was handed and consumed.
Nothing in it is read from the sessions' own books.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import LocalProtocolError, Overloaded, PayloadTooLarge
from renderer.wire.lanes import Mark
from renderer.wire.parcel import Parcel
from renderer.wire.session import Role, Session
from renderer.wire.state import State


class Sent(NamedTuple):
    """A message that a session accepted."""

    key: str
    receipt: int
    counted: bool
    lane: int


CANCELS = -1
"""In place of their lane, which cancels need not keep to."""


@dataclass
class Life:
    """One end's half of one session: from number 1 on, until the session ends."""

    sent: list[Sent] = field(default_factory=list[Sent])
    handed: list[str] = field(default_factory=list[str])
    consumed: set[str] = field(default_factory=set[str])
    left: int | None = None  # so much was handed out when this end said Goodbye
    early: bool = False
    links: int = 0  # that began since anything of `sent` was handed out
    peer: Life | None = None
    marks: list[tuple[Mark, int]] = field(default_factory=list[tuple[Mark, int]])
    given_up: int = 0  # calls that were stopped on their way

    def hand(self, key: str) -> None:
        self.handed.append(key)
        if self.peer:
            self.peer.links = 0

    def unconsumed(self) -> int:
        consumed = self.peer.consumed if self.peer else set[str]()
        return sum(sent.counted and sent.key not in consumed for sent in self.sent)

    def check(self, end: Session) -> None:
        if self.peer is None:
            return
        for lane in {sent.lane for sent in self.sent}:
            self.check_order([sent for sent in self.sent if sent.lane == lane])
        handed, consumed = self.peer.handed, self.peer.consumed
        called = {sent.key for sent in self.sent}  # a call may have been refused
        for place, key in enumerate(handed[: self.peer.left]):
            call = key.replace("cancel", "call")
            assert call == key or call in handed[:place] or call not in called
        for sent in self.sent:
            unacked = not 0 < sent.receipt <= end.outbox.acked
            assert unacked or sent.key in consumed
        for mark, count in self.marks:
            if end.outbox.settled(mark):
                assert all(sent.key in consumed for sent in self.sent[:count])

    def check_order(self, sent: list[Sent]) -> None:
        """What was sent on one lane is handed out in this order."""
        assert self.peer
        handed, left = self.peer.handed, self.peer.left
        keys = {one.key for one in sent}
        before = [key for key in handed[:left] if key in keys]
        assert before == [one.key for one in sent[: len(before)]]
        if left is not None:  # who has said Goodbye still settles its calls
            rest = [one.key for one in sent[len(before) :] if not one.counted]
            after = [key for key in handed[left:] if key in keys]
            assert after == rest[: len(after)]

    def stop(self, call: Sent) -> None:
        """Note that a call was stopped before it was delivered."""
        place = self.sent.index(call)
        del self.sent[place]
        self.marks = [(mark, n - (n > place)) for mark, n in self.marks]
        self.given_up += 1


@dataclass(eq=False)
class Link:
    """A link: two queues of frames in flight."""

    epoch: int  # the renderer's
    up: deque[bytes] = field(default_factory=deque[bytes])
    down: deque[bytes] = field(default_factory=deque[bytes])
    main: End | None = None
    main_epoch: int = 0
    refused: bool = False
    broken: bool = False

    def lose(self) -> None:
        self.up.clear()
        self.down.clear()
        self.broken = True


class End:
    """A session, with as much of a shell as it needs."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.life = Life()
        self.lost = Life()  # the one before, which could not be resumed
        self.link: Link | None = None
        self.waiting: deque[tuple[Life, str]] = deque()  # for the dispatcher
        self.calls: list[int] = []  # to be replied to
        self.called: list[int] = []  # that may be cancelled
        self.last_sent = 0  # as the peer's Goodbye told
        self.over: events.Ended | None = None

    @property
    def state(self) -> State:
        return self.session.state

    def put(self, parcel: Parcel, key: str, *, overshoot: bool = False) -> None:
        outbox, peer = self.session.outbox, self.session.peer
        alone, before = not outbox.outstanding, outbox.total
        stopped = self.stopped_by(key)
        try:
            receipt = self.session.put(parcel, overshoot=overshoot)
        except Overloaded:
            assert parcel.counted
            assert not alone
            assert outbox.total == before
            return
        except PayloadTooLarge:
            assert outbox.total == before
            return
        except LocalProtocolError:
            assert not parcel.counted, "only replies can flood"
            return
        if stopped:
            self.life.stop(stopped)
            return
        lane = CANCELS if key.startswith("cancel") else parcel.lane
        self.life.sent.append(Sent(key, receipt, parcel.counted, lane))
        # Before Welcome, a renderer reckons with the default limits.
        renderer = self.session.role is Role.RENDERER
        self.life.early |= renderer and not self.session.welcome.token
        if parcel.counted and not alone:
            factor = self.session.limits.overshoot if overshoot else 1
            assert outbox.outstanding <= peer.window_messages * factor
            assert outbox.outstanding_bytes <= peer.window_bytes * factor

    def stopped_by(self, key: str) -> Sent | None:
        """Return the call that a cancel stops on this end, if it is one and can."""
        call, outbox = key.replace("cancel", "call"), self.session.outbox
        for sent in self.life.sent if call != key else ():
            held = sent.receipt < 0 and not outbox.was_written(sent.receipt)
            if sent.key == call and held:
                return sent
        return None

    def mark(self) -> None:
        self.life.marks.append((self.session.outbox.mark(), len(self.life.sent)))

    def take(self, event: events.SessionEvent) -> None:
        assert self.over is None, f"{event} after the end"
        match event:
            case events.Arrived():
                key = key_of(event.message)
                self.life.hand(key)
                self.waiting.append((self.life, key))
                if event.kind == "call":
                    self.calls.append(event.message.id)
            case events.Replied() | events.Cancelled():
                kind = "reply" if isinstance(event, events.Replied) else "cancel"
                self.life.hand(f"{kind} {event.id}")
                self.life.consumed.add(f"{kind} {event.id}")
            case events.Acked():
                assert event.number <= self.session.outbox.acked
            case events.Gap():
                assert event.sent_unconfirmed >= self.lost.unconsumed()
            case events.Ended():
                self.check_end(event)
                self.over = event
            case events.Detached():
                self.link = None
            case events.Opened() | events.GoodbyeHeard():
                pass
            case events.GivenUp():
                assert self.life.peer
                assert self.life.peer.given_up, "nobody gave anything up"
                self.life.peer.given_up -= 1

    def consume(self) -> None:
        life, key = self.waiting.popleft()
        life.consumed.add(key)
        self.session.consume()

    def goodbye(self) -> None:
        self.session.goodbye()
        self.life.left = len(self.life.handed)

    def check_end(self, ended: events.Ended) -> None:
        assert ended.error is None, f"both obey, and yet: {ended.error}"
        assert ended.reason != pb.GOODBYE_REASON_PROTOCOL
        assert ended.unconfirmed >= self.life.unconsumed()
        peer = self.life.peer
        if ended.reason == pb.GOODBYE_REASON_NO_PROGRESS:
            assert peer
            assert max(self.life.links, peer.links) >= 3
        if peer and self.last_sent:
            received = self.session.inbox.received
            assert (ended.missing or 0) >= sum(
                sent.receipt > received for sent in peer.sent
            )

    def check(self) -> None:
        if self.over is None:
            self.life.check(self.session)
        # Main may overshoot a renderer's window; a renderer keeps to main's.
        peer = self.life.peer
        if self.session.role is Role.MAIN and peer and not peer.early:
            assert not self.session.inbox.overrun


def key_of(message: pb.Message) -> str:
    kind = message.WhichOneof("kind")
    return message.event.channel if kind == "event" else f"{kind} {message.id}"
