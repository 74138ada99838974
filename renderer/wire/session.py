"""A session: numbered messages in both directions, over one link after another.

The heart of the protocol, without I/O and without a clock. A shell (threads,
asyncio, main) owns the link and does four things with a session:

* it hands over every frame that arrives (`receive`) and every end of a link (`cut`);
* after each of these it takes the events (`take_events`) and acts on them;
* it writes `next_frame` until that is None, whenever something may have changed;
* it calls `tick` when `deadline` has come.

The same class serves both ends. Only the greeting differs: a renderer `attach`es a
link and says Hello, main `accept`s a Hello and says Welcome.

Nothing here is thread-safe: a shell with threads holds its own lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final, final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events, frames, greeting
from renderer.wire.errors import LocalProtocolError, RemoteProtocolError
from renderer.wire.greeting import Admission
from renderer.wire.inbound import Inbound
from renderer.wire.inbox import Inbox
from renderer.wire.limits import DEFAULT_LIMITS, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel, refused
from renderer.wire.state import ACCEPTS_MESSAGES, KEPT, RECEIVES, Input, State, move
from renderer.wire.writer import Role, Writer

_Frame = pb.StreamRequest | pb.StreamResponse

# Shared, and never changed: there may be many sessions.
_NO_HELLO: Final = pb.Hello()
_NO_WELCOME: Final = pb.Welcome()
_NO_ADMISSION: Final = Admission(b"", "", 0)
_NO_PEER: Final = Peer()


@final
class Session:
    """One end of a session. See the module's docstring for how to drive it."""

    def __init__(
        self,
        role: Role,
        *,
        limits: Limits = DEFAULT_LIMITS,
        hello: pb.Hello | None = None,
        resume: bool = False,
        admission: Admission | None = None,
    ) -> None:
        """Begin a session that no link carries yet.

        Args:
            role: which end this is.
            limits: what this end announces and how it batches.
            hello: renderer only: what the client says of itself.
            resume: renderer only: come back after a cut, if main keeps sessions.
            admission: main only: what the session was granted.
        """
        self.role = role
        self.limits = limits
        self.state = State.NEW
        self.peer = _NO_PEER
        self.welcome = _NO_WELCOME
        """The last Welcome that a renderer has heard."""
        self.epoch = 0
        """Counts links; frames of an older one are discarded unread."""
        self._hello = _NO_HELLO
        if role is Role.RENDERER:
            self._hello = greeting.hello_of(hello or _NO_HELLO, limits, resume=resume)
        self._admission = admission or _NO_ADMISSION
        self._writer = Writer(role, limits)
        self._events: list[events.SessionEvent] = []
        self._attached = False
        self._established = False  # confirmed once, on any link
        self._confirmed = False  # … on a link since the last resume
        self._first_frame = False  # the next frame is the first of its link
        self._attempt = 0
        self._expires = inf
        self._stale = 0  # messages of a lost session that the dispatcher still has
        self._ending = events.Ended(pb.GOODBYE_REASON_UNSPECIFIED, "", 0, None)
        self._reset()

    def _reset(self) -> None:
        self.outbox = Outbox(self.limits)
        self.inbox = Inbox(self.limits)
        self._inbound = Inbound(self.inbox, self.limits)

    # ---- links ---------------------------------------------------------------

    def attach(self, *, anew: bool = False) -> int:
        """Say Hello on a new link (renderer; `anew`: no token). Return its epoch.

        Raises:
            LocalProtocolError: the session is over, or does not outlive its link.
        """
        if self.state is not State.NEW and not self._may_return:
            raise LocalProtocolError("the session does not outlive its link")
        self.state = move(self.state, Input.ATTACH)
        hello = self._hello
        if self._established and not anew:
            self._attempt += 1
            place = self._attempt, self.inbox.received
            hello = greeting.hello_again(hello, self.welcome.token, *place)
        # Were the Welcome lost, nobody could tell what arrived before it.
        return self._begin_link(hello, silent=hello.resume)

    def accept(self, hello: pb.Hello) -> int | None:
        """Answer a link's Hello with Welcome (main). Return the link's epoch.

        The session's first Hello says what the renderer can do. A later one resumes;
        a link that still carries the session is discarded, and the caller ends it
        with Goodbye(REPLACED).

        Returns:
            None if a link with a higher attempt has the session. It is not touched.

        Raises:
            RemoteProtocolError: the Hello cannot be; the session is not touched.
            LocalProtocolError: the session is not `resumable`; it is not touched.
        """
        received: int | None = None
        if self.state is State.NEW:
            self.peer = greeting.peer_of_hello(hello, self.limits)
            self._inbound.agree(self.peer, numbered=self.peer.resume)
        else:
            if not self.resumable:
                raise LocalProtocolError("the session cannot be resumed")
            if hello.attempt <= self._attempt:
                return None
            self.outbox.check_received(hello.received)
            self._attempt = hello.attempt
            received = self.inbox.received
        self.state = move(self.state, Input.ATTACH)
        self._expires = inf
        welcome = greeting.welcome_of(self._admission, self.limits, self.peer, received)
        epoch = self._begin_link(welcome, silent=False)
        if received is not None:
            self._replay(hello.received)
        return epoch

    @property
    def resumable(self) -> bool:
        """A new link may take the session over."""
        return self.state in KEPT and self._grace > 0

    def cut(self, epoch: int, now: float) -> None:
        """Note that a link ended without Goodbye; a link of older epoch is ignored.

        Args:
            epoch: the link's.
            now: seconds on the caller's monotonic clock.
        """
        if epoch == self.epoch and self._attached:
            self._detach(now)

    def _begin_link(self, said: pb.Hello | pb.Welcome, *, silent: bool) -> int:
        self.epoch += 1
        self._attached = True
        self._first_frame = True
        self._writer.begin(said, silent=silent)
        return self.epoch

    def _detach(self, now: float, retry_after: float = 0.0, address: str = "") -> None:
        self._attached = False
        if self.state is State.CLOSED:
            return
        if self.state not in KEPT or not self._may_return:
            self._end(Input.CUT_FINAL)
            return
        if not self._established:
            self.state = move(self.state, Input.CUT_EARLY)
        else:
            self.state = move(self.state, Input.CUT)
            # A renderer's failed attempts do not lengthen its patience.
            self._expires = min(self._expires, now + self._grace)
        self._events.append(events.Detached(retry_after, address))

    @property
    def _may_return(self) -> bool:
        if self._established:
            return self._grace > 0
        # A renderer that may resume has sent nothing yet and may simply try again.
        return self.role is Role.RENDERER and self._hello.resume

    @property
    def _grace(self) -> float:
        if not self.peer.resume:
            return 0.0
        main = self.role is Role.MAIN
        return self._admission.grace if main else greeting.grace_of(self.welcome)

    def _replay(self, received: int) -> None:
        self.inbox.tell_again()
        confirmed, self._confirmed = self._confirmed, False
        if not self.outbox.resume(received, confirmed=confirmed):
            message = f"message {received + 1} did not arrive on three links in a row"
            self.break_off(pb.GOODBYE_REASON_NO_PROGRESS, message)

    # ---- what arrives --------------------------------------------------------

    def receive(self, epoch: int, data: bytes, now: float) -> None:
        """Take a frame in. Never raises for what a peer did: see `Ended.error`.

        Args:
            epoch: that of the link it came on; an older one is discarded unread.
            data: the frame.
            now: seconds on the caller's monotonic clock.
        """
        if epoch != self.epoch or self.state not in RECEIVES:
            return
        try:
            frame: _Frame
            if self.role is Role.MAIN:
                frame = frames.parse_request(data)
                greeting.check_hello(frame, first=self._first_frame)
                if self.state is State.OPENING and not self._first_frame:
                    self._confirm()
            else:
                frame = frames.parse_response(data)
                if greeting.brings_welcome(frame, first=self._first_frame):
                    self._take_welcome(frame.welcome)
            self._first_frame = False
            # Each step may end the session; nothing follows then.
            if self.state in RECEIVES:
                if frame.HasField("ack") and self.outbox.ack(frame.ack):
                    self._events.append(events.Acked(frame.ack))
                if frame.messages:
                    self._hear_messages(frame, len(data))
            if self.state in RECEIVES:
                self._hear_control(frame, now)
        except RemoteProtocolError as error:
            self.break_off(pb.GOODBYE_REASON_PROTOCOL, str(error), error)

    def _take_welcome(self, welcome: pb.Welcome) -> None:
        greeting.check_welcome(welcome, established=self._established)
        if welcome.resumed:
            self.outbox.check_received(welcome.received)
        else:
            self.peer = greeting.peer_of_welcome(
                welcome, self.limits, resume=self._hello.resume
            )
            if self._established:
                self._start_over()
            self._inbound.agree(self.peer, numbered=True)
        self.welcome = pb.Welcome()
        self.welcome.CopyFrom(welcome)  # else its whole frame would stay in memory
        self._writer.confirm()
        if welcome.resumed:
            self._replay(welcome.received)
        self._confirm()

    def _start_over(self) -> None:
        self._events.append(events.Gap(self.outbox.unconfirmed, None))
        self._stale += self.inbox.waiting
        self._attempt = 0
        self._writer.forget_request()
        self._reset()

    def _confirm(self) -> None:
        if self.state is not State.OPENING:
            return
        self.state = move(self.state, Input.CONFIRM)
        self._confirmed = True
        self._established = True
        self._expires = inf
        if self.role is Role.RENDERER:
            self._events.append(events.Opened(self.welcome))

    def _hear_messages(self, frame: _Frame, size: int) -> None:
        first = frame.first if frame.HasField("first") else None
        # After our own Goodbye nothing is consumed: the ack in it is final.
        self._inbound.closing = self.state is State.CLOSING
        unknown = self._inbound.receive(first, frame.messages, size, self._events)
        self._refuse_unknown(unknown)

    def _refuse_unknown(self, ids: list[int]) -> None:
        for id in ids:
            parcel = refused(id, "UNIMPLEMENTED", "a message of unknown kind")
            if self.state in ACCEPTS_MESSAGES and not self._floods():
                self.outbox.put(parcel, self.peer)

    def merge(self, first: int, messages: Sequence[pb.Message], size: int) -> None:
        """Take messages in that came beside the link (main).

        The session must not be over. Whichever way brings a number first, it is taken
        once; `take_events` tells what they were.

        Args:
            first: the number of the first.
            messages: the messages, in order.
            size: their bytes.

        Raises:
            RemoteProtocolError: numbers or messages that cannot be.
            Overloaded: they exceed the window; none was taken.
        """
        out = self._events
        self._refuse_unknown(self._inbound.merge(first, messages, size, out))

    def _hear_control(self, frame: _Frame, now: float) -> None:
        if frame.want_ack:
            self.inbox.want_ack()
        if frame.HasField("ping"):
            self._writer.pong(frame.ping)
        if frame.HasField("goodbye"):
            self._hear_goodbye(frame.goodbye, now)

    # ---- messages ------------------------------------------------------------

    def consume(self) -> None:
        """Note that the dispatcher is through with the oldest `Arrived` it has.

        Due for every one of them, in their order, also after `Gap`.
        """
        if self._stale:
            self._stale -= 1
        else:
            self.inbox.consume()

    def admits(self, parcel: Parcel, *, overshoot: bool = False) -> bool:
        """Tell whether the peer's window has room for a message now."""
        return self.outbox.admits(parcel, self.peer, overshoot=overshoot)

    def put(self, parcel: Parcel, *, overshoot: bool = False) -> int:
        """Put a message on the session; return its receipt: see `Outbox`.

        It is delivered exactly once and in the order of its lane while both processes
        live and the session lasts; otherwise it is counted in `Ended.unconfirmed` or
        `Gap.sent_unconfirmed`. A cancel may stop its call on this end already.

        Args:
            parcel: the message.
            overshoot: it is sent while a message of this peer is being dispatched.

        Raises:
            LocalProtocolError: the session takes no more messages.
            PayloadTooLarge: it is larger than the peer takes.
            Overloaded: it does not fit the peer's window.
        """
        if self.state not in ACCEPTS_MESSAGES:
            raise LocalProtocolError(f"the session is {self.state.value}")
        if not parcel.counted and self._floods():
            raise LocalProtocolError("the other side lets replies pile up")
        return self.outbox.put(parcel, self.peer, overshoot=overshoot)

    def _floods(self) -> bool:
        # Replies never wait for the window; a peer that calls and never acks what
        # it gets would make this end hold them without bound.
        if not self.outbox.floods:
            return False
        message = "replies pile up: nothing is acked"
        self.break_off(pb.GOODBYE_REASON_OVERLOADED, message)
        return True

    @property
    def congested(self) -> bool:
        """More than the peer's window is unacked: a sender that can wait should."""
        return self.outbox.exceeds(self.peer)

    def request_ack(self) -> None:
        """Ask the peer to ack as soon as it has consumed all that was put so far."""
        mark = self.outbox.mark()
        if not self.outbox.settled(mark):
            self._writer.request_ack(mark)

    def next_frame(self, now: float) -> bytes | None:
        """Return the next frame for the link; None when there is nothing to write.

        A frame that is returned counts as written: the caller writes it, in order.

        Args:
            now: seconds on the caller's monotonic clock.
        """
        if not self._attached:
            return None
        return self._writer.next_frame(self.outbox, self.inbox, self.peer, now)

    @property
    def finished(self) -> bool:
        """Our Goodbye is written: nothing more will be, and no dispatch may begin."""
        return self._writer.finished

    # ---- the end -------------------------------------------------------------

    def goodbye(
        self,
        reason: pb.GoodbyeReason.ValueType = pb.GOODBYE_REASON_CLOSED,
        message: str = "",
    ) -> None:
        """Say Goodbye, or answer the peer's.

        What was put before is written first, but not with an answer: the peer would
        not consume it. What arrives from now on is not handed out.

        Raises:
            LocalProtocolError: it was said already.
        """
        answer = self.state is State.DRAINING
        self.state = move(self.state, Input.SAY_GOODBYE)
        self._writer.part(frames.goodbye_of(reason, message))
        if not answer:
            self._ending.reason, self._ending.message = int(reason), message
        if self.state is State.CLOSED:
            self._announce_end()

    def suspend(self, *, retry_after: float = 0.0, address: str = "") -> None:
        """Ask a renderer to leave this link and come back (main).

        The session is kept as after a cut; when `finished`, the caller ends the link.

        Args:
            retry_after: seconds to wait before coming back.
            address: where to come back; empty for the same address.

        Raises:
            LocalProtocolError: no link carries the session, or it would not outlive it.
        """
        if not (self._attached and self._established and self.resumable):
            raise LocalProtocolError("the session cannot be suspended")
        self._writer.part(frames.goodbye_for_now(retry_after, address))

    def _hear_goodbye(self, goodbye: pb.Goodbye, now: float) -> None:
        retry_after = goodbye.retry_after_ms / 1000
        renderer = self.role is Role.RENDERER
        if goodbye.may_resume and renderer and self.resumable:
            self._detach(now, retry_after, goodbye.address)
            return
        reason, message = int(goodbye.reason), goodbye.message
        if goodbye.last_sent or self.state is not State.OPENING:
            # In place of a Welcome it may be of a main that knows nothing of us.
            self._ending.missing = max(0, goodbye.last_sent - self.inbox.received)
        if self.state is not State.CLOSING:
            self._ending.reason, self._ending.message = reason, message
        if renderer and reason == pb.GOODBYE_REASON_REPLACED:
            # Not answered: the session goes on, in other hands.
            self._attached = False
            self._end(Input.CUT_FINAL)
            return
        self._writer.stop()
        self.state = move(self.state, Input.HEAR_GOODBYE)
        if self.state is State.CLOSED:
            self._announce_end()
        else:
            self._events.append(
                events.GoodbyeHeard(reason, message, retry_after, goodbye.address)
            )

    def break_off(
        self,
        reason: pb.GoodbyeReason.ValueType,
        message: str,
        error: RemoteProtocolError | None = None,
    ) -> None:
        """End the session with a Goodbye in the next frame, whatever else waits."""
        self.state = move(self.state, Input.BREAK)
        self._writer.break_off(frames.goodbye_of(reason, message))
        self._ending.reason, self._ending.message = int(reason), message
        self._ending.error = error
        self._announce_end()

    def _end(self, what: Input) -> None:
        self.state = move(self.state, what)
        self._announce_end()

    def _announce_end(self) -> None:
        self._ending.unconfirmed = self.outbox.unconfirmed
        self._events.append(self._ending)

    # ---- events and time -----------------------------------------------------

    def take_events(self) -> list[events.SessionEvent]:
        """Return what happened since the last call, in order."""
        taken, self._events = self._events, []
        return taken

    @property
    def deadline(self) -> float | None:
        """When to call `tick` and look for a frame; None if time does not matter."""
        if self._attached:
            return self._writer.deadline(self.inbox)
        return self._expires if self.state is State.DETACHED else None

    def tick(self, now: float) -> None:
        """Give a detached session up when its time is over.

        Args:
            now: seconds on the caller's monotonic clock.
        """
        if self.state is State.DETACHED and now >= self._expires:
            self._end(Input.EXPIRE)


__all__ = ("Role", "Session")
