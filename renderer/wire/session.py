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

from typing import final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import (
    LocalProtocolError,
    Overloaded,
    PayloadTooLarge,
    RemoteProtocolError,
)
from renderer.wire.frames import (
    CONTROL_RESERVE,
    parse_request,
    parse_response,
)
from renderer.wire.greeting import (
    Admission,
    grace_of,
    hello_of,
    peer_of_hello,
    peer_of_welcome,
    welcome_of,
)
from renderer.wire.inbound import Inbound
from renderer.wire.inbox import Inbox
from renderer.wire.limits import DEFAULT_LIMITS, Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel, refused
from renderer.wire.state import ACCEPTS_MESSAGES, RECEIVES, Input, State, move
from renderer.wire.transfers import split
from renderer.wire.writer import Role, Writer


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
        self.peer = Peer()
        self.welcome = pb.Welcome()
        """The last Welcome said or heard."""
        self.epoch = 0
        """Counts links; frames of an older one are discarded unread."""
        self._hello = hello_of(hello or pb.Hello(), limits, resume=resume)
        self._admission = admission or Admission(b"", "", 0)
        self._writer = Writer(role, limits)
        self._events: list[events.SessionEvent] = []
        self._attached = False
        self._established = False  # confirmed once, on any link
        self._open_link = False  # the present link was confirmed
        self._was_open = False  # the link before it was
        self._first_frame = False  # the next frame is the first of its link
        self._attempt = 0
        self._expires: float | None = None
        self._transfers = 0
        self._reason = int(pb.GOODBYE_REASON_UNSPECIFIED)
        self._message = ""
        self._missing = 0
        self._reset()

    def _reset(self) -> None:
        self.outbox = Outbox()
        self.inbox = Inbox(self.limits)
        self._inbound = Inbound(self.inbox, self.limits)

    # ---- links ---------------------------------------------------------------

    def attach(self) -> int:
        """Say Hello on a new link (renderer). Return the link's epoch.

        Raises:
            LocalProtocolError: the session is over.
        """
        self.state = move(self.state, Input.ATTACH)
        hello = self._hello
        if self._established:
            self._attempt += 1
            hello.token = self.welcome.token
            hello.attempt = self._attempt
            hello.received = self.inbox.received
        return self._begin_link(hello)

    def accept(self, hello: pb.Hello) -> int | None:
        """Answer a link's Hello with Welcome (main). Return the link's epoch.

        The session's first Hello says what the renderer can do. A later one resumes;
        a link that still carries the session is discarded, and the caller ends it
        with Goodbye(REPLACED).

        Returns:
            None if a link with a higher attempt has the session. It is not touched.

        Raises:
            RemoteProtocolError: the Hello cannot be; the session is not touched.
        """
        received: int | None = None
        if self.state is State.NEW:
            self.peer = peer_of_hello(hello, self.limits)
        else:
            if hello.attempt <= self._attempt:
                return None
            self.outbox.check_received(hello.received)
            received = self.inbox.received
        self.state = move(self.state, Input.ATTACH)
        self._attempt = hello.attempt
        self.welcome = welcome_of(self._admission, self.limits, self.peer, received)
        epoch = self._begin_link(self.welcome)
        if received is not None:
            self._replay(hello.received)
        return epoch

    def cut(self, epoch: int, now: float) -> None:
        """Note that a link ended without Goodbye; a link of older epoch is ignored.

        Args:
            epoch: the link's.
            now: seconds on the caller's monotonic clock.
        """
        if epoch == self.epoch and self._attached:
            self._detach(now)

    def _begin_link(self, greeting: pb.Hello | pb.Welcome) -> int:
        self._was_open = self._open_link
        self._open_link = False
        self.epoch += 1
        self._attached = True
        self._expires = None
        self._first_frame = True
        may_write = self.role is Role.MAIN or not self._hello.resume
        self._writer.begin(greeting, may_write=may_write)
        return self.epoch

    def _detach(self, now: float, retry_after: float = 0.0, address: str = "") -> None:
        self._attached = False
        if self.state in (State.DRAINING, State.CLOSING):
            self._end(Input.CUT_FINAL)
        elif self.state is State.CLOSED:
            return
        elif not self._established:
            self._lose_unestablished()
        elif self._grace:
            self.state = move(self.state, Input.CUT)
            self._expires = now + self._grace
            self._events.append(events.Detached(retry_after, address))
        else:
            self._end(Input.CUT_FINAL)

    def _lose_unestablished(self) -> None:
        # A renderer that may resume has sent nothing yet and may simply try again.
        if self.role is Role.RENDERER and self._hello.resume:
            self.state = move(self.state, Input.CUT_EARLY)
            self._events.append(events.Detached(0.0, ""))
        else:
            self._end(Input.CUT_FINAL)

    @property
    def _grace(self) -> float:
        if not self.peer.resume:
            return 0.0
        main = self.role is Role.MAIN
        return self._admission.grace if main else grace_of(self.welcome)

    def _replay(self, received: int) -> None:
        self.inbox.tell_again()
        if not self.outbox.resume(received, was_open=self._was_open):
            message = f"message {received + 1} did not arrive on three links in a row"
            self._break(pb.GOODBYE_REASON_NO_PROGRESS, message)

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
            if self.role is Role.MAIN:
                self._receive_request(parse_request(data), len(data), now)
            else:
                self._receive_response(parse_response(data), len(data), now)
        except RemoteProtocolError as error:
            self._break(pb.GOODBYE_REASON_PROTOCOL, str(error), error)

    def _receive_request(self, frame: pb.StreamRequest, size: int, now: float) -> None:
        if frame.HasField("hello") != self._first_frame:
            raise RemoteProtocolError(
                "the first frame of a stream must carry hello, and no other frame may"
            )
        if not self._first_frame:
            self._confirm()
        self._first_frame = False
        self._receive_rest(frame, size, now)

    def _receive_response(
        self, frame: pb.StreamResponse, size: int, now: float
    ) -> None:
        if self._first_frame and not frame.HasField("goodbye"):
            self._hear_welcome(frame)
        elif frame.HasField("welcome"):
            raise RemoteProtocolError("a second welcome")
        self._first_frame = False
        self._receive_rest(frame, size, now)

    def _receive_rest(
        self, frame: pb.StreamRequest | pb.StreamResponse, size: int, now: float
    ) -> None:
        if frame.HasField("ack") and self.outbox.ack(frame.ack):
            self._events.append(events.Acked(frame.ack))
        if frame.messages:
            self._receive_messages(frame)
            self.inbox.note_frame(size)
        if frame.want_ack:
            self.inbox.want_ack()
        if frame.HasField("ping"):
            self._writer.pong(frame.ping)
        if frame.HasField("goodbye"):
            self._hear_goodbye(frame.goodbye, now)

    def _receive_messages(self, frame: pb.StreamRequest | pb.StreamResponse) -> None:
        first = frame.first if frame.HasField("first") else None
        if first is None and (self.role is Role.RENDERER or self.peer.resume):
            raise RemoteProtocolError("a frame with messages must carry first")
        self._inbound.features = self.peer.features
        # After our own Goodbye nothing is consumed: the ack in it was final.
        self._inbound.closing = self.state is State.CLOSING
        for unknown in self._inbound.receive(first, frame.messages, self._events):
            if self.state in ACCEPTS_MESSAGES:
                text = "a message of unknown kind"
                self.put(refused(unknown, "UNIMPLEMENTED", text))

    def _hear_welcome(self, frame: pb.StreamResponse) -> None:
        if not frame.HasField("welcome"):
            raise RemoteProtocolError("the first frame of a stream must carry welcome")
        welcome = frame.welcome
        if welcome.resumed:
            self._check_resumed(welcome)
        else:
            self.peer = peer_of_welcome(welcome, self.limits, resume=self._hello.resume)
            if self._established:
                self._start_over()
        self.welcome = pb.Welcome()
        self.welcome.CopyFrom(welcome)
        self._confirm()
        self._writer.confirm()
        if welcome.resumed:
            self._replay(welcome.received)

    def _check_resumed(self, welcome: pb.Welcome) -> None:
        if not self._established:
            raise RemoteProtocolError("welcome resumes what never was a session")
        self.outbox.check_received(welcome.received)

    def _start_over(self) -> None:
        self._events.append(events.Gap(self.outbox.outstanding, None))
        self._attempt = 0
        self._hello.ClearField("token")
        self._hello.ClearField("attempt")
        self._hello.ClearField("received")
        self._reset()

    def _confirm(self) -> None:
        if self.state is not State.OPENING:
            return
        self.state = move(self.state, Input.CONFIRM)
        self._open_link = True
        self._established = True
        if self.role is Role.RENDERER:
            self._events.append(events.Opened(self.welcome))

    # ---- messages ------------------------------------------------------------

    def consume(self) -> None:
        """Note that the dispatcher is through with the oldest `Arrived` it has."""
        self.inbox.consume()

    def admits(self, parcel: Parcel, *, overshoot: bool = False) -> bool:
        """Tell whether the peer's window has room for a message now."""
        factor = self.limits.overshoot if overshoot else 1
        return not parcel.counted or self.outbox.admits(
            len(parcel.data), self.peer, factor
        )

    def put(self, parcel: Parcel, *, overshoot: bool = False) -> int:
        """Put a message on the session; return its number.

        It is delivered exactly once and in order while both processes live and the
        session lasts; otherwise it is counted in `Ended.unconfirmed` or
        `Gap.sent_unconfirmed`.

        Args:
            parcel: the message.
            overshoot: it is sent while a message of this peer is being dispatched.

        Raises:
            LocalProtocolError: the session takes no more messages.
            Overloaded: it does not fit the peer's window.
            PayloadTooLarge: it is larger than the peer takes.
        """
        if self.state not in ACCEPTS_MESSAGES:
            raise LocalProtocolError(f"the session is {self.state.value}")
        if not self.admits(parcel, overshoot=overshoot):
            raise Overloaded(f"{self.outbox.backlog} wait for the other side")
        if self._floods(parcel):
            raise LocalProtocolError("the other side lets replies pile up")
        size = len(parcel.data)
        if size + CONTROL_RESERVE <= self.peer.max_frame_bytes:
            return self.outbox.put(parcel.data, counted=parcel.counted)
        if "chunks" not in self.peer.features or size > self.peer.max_message_bytes:
            raise PayloadTooLarge(self._too_large(size))
        self._transfers += 1
        for chunk in split(
            parcel.data,
            size=min(self.limits.batch_bytes, self.peer.max_frame_bytes // 2),
            transfer=self._transfers,
            lane=0,
            reply=parcel.reply,
        ):
            self.outbox.put(chunk, counted=parcel.counted)
        return self.outbox.last

    def _floods(self, parcel: Parcel) -> bool:
        # Replies never wait for the window; a peer that calls and never acks what
        # it gets would make this end hold them without bound.
        if parcel.counted or not self.outbox.exceeds(self.peer, self.limits.overshoot):
            return False
        message = "replies pile up: nothing is acked"
        self._break(pb.GOODBYE_REASON_OVERLOADED, message)
        return True

    @property
    def congested(self) -> bool:
        """More than the peer's window is unacked: a sender that can wait should."""
        return self.outbox.exceeds(self.peer, 1)

    def _too_large(self, size: int) -> str:
        chunks = "chunks" in self.peer.features
        limit = self.peer.max_message_bytes if chunks else self.peer.max_frame_bytes
        return f"the message has {size:,} bytes; the other side takes {limit:,}"

    def request_ack(self) -> None:
        """Ask the peer to ack as soon as it has consumed all that was put so far."""
        self._writer.request_ack(self.outbox.last)

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
        """Our Goodbye is written: nothing more will be, on this link."""
        return self._writer.finished

    # ---- the end -------------------------------------------------------------

    def goodbye(
        self,
        reason: pb.GoodbyeReason.ValueType = pb.GOODBYE_REASON_CLOSED,
        message: str = "",
    ) -> None:
        """Say Goodbye, or answer the peer's. What was put before is written first.

        Raises:
            LocalProtocolError: it was said already.
        """
        answered = self.state is State.DRAINING
        self.state = move(self.state, Input.SAY_GOODBYE)
        self._writer.part(pb.Goodbye(reason=reason, message=message))
        if not answered:
            self._reason, self._message = int(reason), message
        if self.state is State.CLOSED:
            self._announce_end()

    def suspend(self, *, retry_after: float = 0.0, address: str = "") -> None:
        """Ask a renderer to leave this link and come back (main).

        The session is kept as after a cut; when `finished`, the caller ends the link.

        Args:
            retry_after: seconds to wait before coming back.
            address: where to come back; empty for the same address.

        Raises:
            LocalProtocolError: the session cannot be resumed.
        """
        if self.state not in (State.OPENING, State.OPEN) or not self._grace:
            raise LocalProtocolError("the session cannot be suspended")
        self._writer.part(
            pb.Goodbye(
                reason=pb.GOODBYE_REASON_SHUTDOWN,
                may_resume=True,
                retry_after_ms=round(retry_after * 1000),
                address=address,
            )
        )

    def _hear_goodbye(self, goodbye: pb.Goodbye, now: float) -> None:
        if goodbye.may_resume and self._grace and self.state is not State.CLOSING:
            self._detach(now, goodbye.retry_after_ms / 1000, goodbye.address)
            return
        self._missing = max(0, goodbye.last_sent - self.inbox.received)
        self.state = move(self.state, Input.HEAR_GOODBYE)
        if self.state is State.CLOSED:
            self._announce_end()
        else:
            self._reason, self._message = int(goodbye.reason), goodbye.message
            self._events.append(
                events.GoodbyeHeard(int(goodbye.reason), goodbye.message)
            )

    def _break(
        self,
        reason: pb.GoodbyeReason.ValueType,
        message: str,
        error: RemoteProtocolError | None = None,
    ) -> None:
        self.state = move(self.state, Input.BREAK)
        self._writer.break_off(pb.Goodbye(reason=reason, message=message))
        self._reason, self._message = int(reason), message
        self._announce_end(error)

    def _end(self, what: Input) -> None:
        self.state = move(self.state, what)
        self._announce_end()

    def _announce_end(self, error: RemoteProtocolError | None = None) -> None:
        self._events.append(
            events.Ended(
                reason=self._reason,
                message=self._message,
                unconfirmed=self.outbox.outstanding,
                missing=self._missing,
                error=error,
            )
        )

    # ---- events and time -----------------------------------------------------

    def take_events(self) -> list[events.SessionEvent]:
        """Return what happened since the last call, in order."""
        taken, self._events = self._events, []
        return taken

    @property
    def deadline(self) -> float | None:
        """When to call `tick` and look for a frame; None if time does not matter."""
        return self.inbox.deadline if self._attached else self._expires

    def tick(self, now: float) -> None:
        """Give a detached session up when its time is over.

        Args:
            now: seconds on the caller's monotonic clock.
        """
        if self._expires is not None and now >= self._expires:
            self._expires = None
            self._end(Input.EXPIRE)
