"""What goes out on a link: frames made of messages, acks and control fields."""

from __future__ import annotations

import enum
from typing import final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.frames import CONTROL_RESERVE, join
from renderer.wire.inbox import Inbox
from renderer.wire.lanes import Mark
from renderer.wire.limits import Limits, Peer
from renderer.wire.outbox import Outbox


class Role(enum.Enum):
    """Which end of the session this is."""

    MAIN = "main"
    RENDERER = "renderer"


@final
class Writer:
    """Decides what the next frame of the present link is.

    The greeting goes first and the Goodbye last, each in a frame without messages.

    Args:
        role: which end it is.
        limits: ours.
    """

    __slots__ = (
        "_asked",
        "_goodbye",
        "_greeting",
        "_held_ack",
        "_limits",
        "_pong",
        "_role",
        "_silent",
        "_stopped",
        "_urgent",
        "_wanted",
        "finished",
    )

    def __init__(self, role: Role, limits: Limits) -> None:
        self.finished = False
        """Our Goodbye is written: nothing more will be, on this link."""
        self._role = role
        self._limits = limits
        self._silent = True  # nothing but a greeting may be written
        self._stopped = False  # no messages any more
        self._greeting: pb.Hello | pb.Welcome | None = None
        self._goodbye: pb.Goodbye | None = None
        self._wanted: Mark | None = None  # ask for an ack of everything up to here …
        self._asked = False  # … which was done on this link
        self._held_ack: tuple[int, int] | None = None
        """An ack, and the number behind which it may be told."""
        self._pong: int | None = None
        self._urgent = False  # a frame is due even without messages

    def begin(self, greeting: pb.Hello | pb.Welcome, *, silent: bool) -> None:
        """Start a link with a greeting; `silent`: it is the only frame for now."""
        self.finished = False
        self._held_ack = None
        self._silent = silent
        self._stopped = False
        self._greeting = greeting
        self._goodbye = None
        self._asked = False
        self._pong = None

    def confirm(self) -> None:
        """Write from now on; a frame, even an empty one, is due."""
        self._silent = False
        self._urgent = True

    def stop(self) -> None:
        """Write no messages any more: nobody would consume them."""
        self._silent = False
        self._stopped = True

    def part(self, goodbye: pb.Goodbye) -> None:
        """Say Goodbye as soon as all messages are written."""
        self._goodbye = goodbye

    def break_off(self, goodbye: pb.Goodbye) -> None:
        """Say Goodbye in the next frame, whatever else waits."""
        # Before a Hello nothing can be said.
        self.finished = isinstance(self._greeting, pb.Hello)
        self.stop()
        self._greeting = None
        self.part(goodbye)

    def request_ack(self, mark: Mark) -> None:
        """Ask for an ack when everything before a mark is written."""
        self._wanted = mark
        self._asked = False
        self._urgent = True

    def forget_request(self) -> None:
        """Ask for no ack of what was put: its session is lost."""
        self._wanted = None

    def pong(self, number: int) -> None:
        """Answer a ping."""
        self._pong = number
        self._urgent = True

    def deadline(self, inbox: Inbox) -> float | None:
        """Return when an owed ack gets a frame of its own, if it can be written."""
        return None if self._silent or self.finished else inbox.deadline

    def next_frame(
        self, outbox: Outbox, inbox: Inbox, peer: Peer, now: float
    ) -> bytes | None:
        """Return the next frame, or None; see `Session.next_frame`."""
        if self.finished:
            return None
        if self._greeting is not None:
            return self._greet(self._greeting, inbox, peer)
        if self._silent:
            return None
        first, parts = 0, list[bytes | memoryview]()
        if self._goodbye is not None:
            outbox.hold_nothing_back()
        if peer.narrowed and outbox.holds_back:
            self._mind_window(outbox, peer)  # no frame of messages will ask
        if outbox.has_unwritten() and not self._stopped:
            room = min(self._limits.batch_bytes, peer.max_frame_bytes - CONTROL_RESERVE)
            first, parts = outbox.take(self._limits.batch_messages, room, peer.acks)
        elif self._goodbye is not None:
            return self._say_goodbye(self._goodbye, outbox, inbox, peer)
        elif not (self._urgent or (peer.acks and inbox.is_due(now))):
            return None
        if peer.narrowed:
            self._mind_window(outbox, peer)
        pong, self._pong = self._pong, None
        self._urgent = False
        ack = self._ack(outbox, inbox) if peer.acks else None
        want_ack = self._wanted is not None and self._wants_ack(self._wanted, outbox)
        return join(first, parts, ack=ack, want_ack=want_ack, pong=pong)

    def _greet(
        self, greeting: pb.Hello | pb.Welcome, inbox: Inbox, peer: Peer
    ) -> bytes:
        self._greeting = None
        if isinstance(greeting, pb.Hello):
            # It may begin a new session, for which an ack would be wrong.
            return pb.StreamRequest(hello=greeting).SerializeToString()
        ack = inbox.tell() if peer.acks else None
        return pb.StreamResponse(welcome=greeting, ack=ack).SerializeToString()

    def _mind_window(self, outbox: Outbox, peer: Peer) -> None:
        settled = self._wanted is None or outbox.settled(self._wanted)
        if settled and outbox.runs_short(peer):
            self.request_ack(Mark(outbox.written))

    def _wants_ack(self, wanted: Mark, outbox: Outbox) -> bool:
        written = not wanted.waits and wanted.number <= outbox.written
        if self._asked or not written or outbox.settled(wanted):
            return False
        self._asked = True
        return True

    def _ack(self, outbox: Outbox, inbox: Inbox) -> int | None:
        # Whoever waits for an ack has, with it, what the listeners sent before they
        # were through: it stands behind everything put until now. Large messages hold
        # it up no more than they do other lanes.
        if self._stopped or outbox.written == outbox.last or outbox.holds_back:
            self._held_ack = None
            return inbox.tell()
        if self._held_ack is None:
            self._held_ack = inbox.ack, outbox.last
        ack, behind = self._held_ack
        if outbox.written < behind:
            return None
        self._held_ack = None
        return inbox.tell(ack)

    def _say_goodbye(
        self, goodbye: pb.Goodbye, outbox: Outbox, inbox: Inbox, peer: Peer
    ) -> bytes:
        frame = self._frame()
        if peer.acks:
            frame.ack = inbox.ack
        frame.goodbye.CopyFrom(goodbye)
        if not goodbye.may_resume:
            frame.goodbye.last_sent = outbox.total
        self.finished = True
        return frame.SerializeToString()

    def _frame(self) -> pb.StreamRequest | pb.StreamResponse:
        return pb.StreamResponse() if self._role is Role.MAIN else pb.StreamRequest()
