"""Two sessions wired back to back, for tests that play both ends."""

from __future__ import annotations

from typing import Any

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.frames import parse_hello, parse_request, parse_response
from renderer.wire.greeting import Admission
from renderer.wire.limits import DEFAULT_LIMITS, Limits
from renderer.wire.parcel import Parcel
from renderer.wire.session import Role, Session
from renderer.wire.state import State

GRACE = 10.0
TOKEN = b"sixteen bytes..."


def event(channel: str = "x", size: int = 0) -> Parcel:
    body = pb.Event(channel=channel, packed=bytes(size) if size else None)
    return Parcel(pb.Message(event=body).SerializeToString(), True, False)


def reply(id: int = 1, size: int = 0) -> Parcel:
    body = pb.Reply(packed=bytes(size))
    return Parcel(pb.Message(id=id, reply=body).SerializeToString(), False, True)


def channels(happened: list[events.SessionEvent]) -> list[str]:
    return [e.body.channel for e in happened if isinstance(e, events.Arrived)]


class Pair:
    """A renderer and main, and what they told their shells."""

    def __init__(
        self,
        *,
        main: Limits = DEFAULT_LIMITS,
        renderer: Limits = DEFAULT_LIMITS,
        resume: bool = True,
        grace: float = GRACE,
    ) -> None:
        grant = Admission(TOKEN, "s1", 1, grace=grace)
        self.main = Session(Role.MAIN, limits=main, admission=grant)
        self.renderer = Session(Role.RENDERER, limits=renderer, resume=resume)
        self.now = 0.0

    @property
    def states(self) -> tuple[State, State]:
        """Main's state and the renderer's."""
        return self.main.state, self.renderer.state

    def greet(self) -> None:
        """Attach a link, and let main answer; nothing else is carried."""
        self.renderer.attach()
        hello = self.renderer.next_frame(self.now)
        assert hello is not None
        assert self.main.accept(parse_hello(hello)) == self.main.epoch
        self.main.receive(self.main.epoch, hello, self.now)

    def open(self) -> None:
        """Attach a link and carry frames until all is said."""
        self.greet()
        self.flow()

    def up(self) -> pb.StreamRequest | None:
        """Carry one frame from the renderer to main."""
        data = self.renderer.next_frame(self.now)
        if data is None:
            return None
        self.main.receive(self.main.epoch, data, self.now)
        return parse_request(data)

    def down(self) -> pb.StreamResponse | None:
        """Carry one frame from main to the renderer."""
        data = self.main.next_frame(self.now)
        if data is None:
            return None
        self.renderer.receive(self.renderer.epoch, data, self.now)
        return parse_response(data)

    def flow(self) -> None:
        while self.up() is not None or self.down() is not None:
            pass

    def lose(self) -> None:
        """Write what either end has, and lose it."""
        for end in (self.main, self.renderer):
            while end.next_frame(self.now) is not None:
                pass

    def cut(self) -> None:
        self.main.cut(self.main.epoch, self.now)
        self.renderer.cut(self.renderer.epoch, self.now)

    def say(self, **fields: Any) -> None:
        """Let main hear a frame that the renderer did not write."""
        frame = pb.StreamRequest(**fields)
        self.main.receive(self.main.epoch, frame.SerializeToString(), self.now)

    def tell(self, **fields: Any) -> None:
        """Let the renderer hear a frame that main did not write."""
        frame = pb.StreamResponse(**fields)
        self.renderer.receive(self.renderer.epoch, frame.SerializeToString(), self.now)

    def ended(self, end: Session) -> events.Ended:
        """Return the end's last event, which must be its end."""
        *_, last = end.take_events()
        assert isinstance(last, events.Ended)
        return last

    def broken(self, end: Session) -> str:
        """Return what the end said when it broke off, which must be its last frame."""
        ended = self.ended(end)
        assert isinstance(ended.error, RemoteProtocolError)
        data = end.next_frame(self.now)
        assert data is not None
        frame = parse_response(data)  # the same fields in both directions
        assert frame.goodbye.reason == pb.GOODBYE_REASON_PROTOCOL
        assert frame.goodbye.message == ended.message == str(ended.error)
        assert frame.HasField("ack")
        assert end.next_frame(self.now) is None
        return ended.message
