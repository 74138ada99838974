"""What goes out on a link: frames made of messages, acks and control fields."""

from __future__ import annotations

import enum

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.frames import CONTROL_RESERVE, join
from renderer.wire.inbox import Inbox
from renderer.wire.limits import Limits, Peer
from renderer.wire.outbox import Outbox


class Role(enum.Enum):
    """Which end of the session this is."""

    MAIN = "main"
    RENDERER = "renderer"


class Writer:
    """Decides what the next frame of the present link is."""

    def __init__(self, role: Role, limits: Limits) -> None:
        self.finished = False
        """Our Goodbye is written: nothing more will be, on this link."""
        self._role = role
        self._limits = limits
        self._may_write = False
        self._greeting: pb.Hello | pb.Welcome | None = None
        self._goodbye: pb.Goodbye | None = None
        self._want_ack_from: int | None = None
        self._pong: int | None = None
        self._urgent = False  # a frame is due even without messages

    def begin(self, greeting: pb.Hello | pb.Welcome, *, may_write: bool) -> None:
        """Start a link with a greeting; `may_write`: messages may follow at once."""
        self.finished = False
        self._may_write = may_write
        self._greeting = greeting
        self._goodbye = None
        self._pong = None
        self._urgent = True

    def confirm(self) -> None:
        """Messages may go from now on; a frame, even an empty one, is due."""
        self._may_write = True
        self._urgent = True

    def request_ack(self, number: int) -> None:
        """Ask for an ack when the message `number` is written."""
        self._want_ack_from = number
        self._urgent = True

    def pong(self, number: int) -> None:
        """Answer a ping."""
        self._pong = number
        self._urgent = True

    def part(self, goodbye: pb.Goodbye) -> None:
        """Say Goodbye as soon as all messages are written."""
        self._goodbye = goodbye
        self._urgent = True

    def break_off(self, goodbye: pb.Goodbye) -> None:
        """Say Goodbye in the next frame, whatever else waits."""
        self._may_write = False
        self._greeting = None
        self.part(goodbye)

    def next_frame(
        self, outbox: Outbox, inbox: Inbox, peer: Peer, now: float
    ) -> bytes | None:
        """Return the next frame, or None; see `Session.next_frame`."""
        if self.finished:
            return None
        messages = self._may_write and self._greeting is None and outbox.has_unwritten()
        ack_due = peer.acks and inbox.is_due(now)
        if not (messages or ack_due or self._urgent):
            return None
        first, batch = 0, list[bytes]()
        if messages:
            room = min(self._limits.batch_bytes, peer.max_frame_bytes - CONTROL_RESERVE)
            first, batch = outbox.take(self._limits.batch_messages, room, peer.acks)
        control = self._control(outbox, inbox, peer)
        # Goodbye is the last frame and goes alone: its text has no bound.
        if self._goodbye is not None and not batch:
            self._say_goodbye(control, outbox, inbox, peer)
        self._urgent = self._goodbye is not None
        return join(control, first, batch)

    def _control(
        self, outbox: Outbox, inbox: Inbox, peer: Peer
    ) -> pb.StreamRequest | pb.StreamResponse:
        # A Hello may begin a new session, for which an old ack would be wrong.
        hello = isinstance(self._greeting, pb.Hello)
        ack = inbox.tell() if peer.acks and not hello else None
        want_ack = (
            self._want_ack_from is not None and self._want_ack_from <= outbox.written
        )
        if want_ack:
            self._want_ack_from = None
        pong, self._pong = self._pong, None
        greeting, self._greeting = self._greeting, None
        if self._role is Role.MAIN:
            assert not isinstance(greeting, pb.Hello)
            return pb.StreamResponse(
                welcome=greeting, ack=ack, want_ack=want_ack, pong=pong
            )
        assert not isinstance(greeting, pb.Welcome)
        return pb.StreamRequest(hello=greeting, ack=ack, want_ack=want_ack, pong=pong)

    def _say_goodbye(
        self,
        control: pb.StreamRequest | pb.StreamResponse,
        outbox: Outbox,
        inbox: Inbox,
        peer: Peer,
    ) -> None:
        assert self._goodbye is not None
        if self._may_write and outbox.has_unwritten():
            return  # only after the greeting's own frame
        if not self._goodbye.may_resume:
            self._goodbye.last_sent = outbox.last
        if peer.acks:
            control.ack = inbox.ack
        control.goodbye.CopyFrom(self._goodbye)
        self.finished = True
