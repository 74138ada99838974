"""Two sessions over links that lose, delay, overlap and race: exactly once, in order.

The machine drives a renderer and a main process as their shells would, over simulated
links; `tests.support.shells` has the reference model.
"""

from __future__ import annotations

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import LocalProtocolError
from renderer.wire.frames import parse_hello, refusal
from renderer.wire.greeting import Admission
from renderer.wire.limits import Limits
from renderer.wire.parcel import Parcel
from renderer.wire.session import Role, Session
from renderer.wire.state import ACCEPTS_MESSAGES, RECEIVES, State
from tests.support.shells import End, Life, Link, key_of

GRACE = 30.0
SIDES = st.sampled_from(["main", "renderer"])
SMALL = st.integers(1, 6)
# Four transfers may be open at once; the other lanes have to wait for their turn.
LANES = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 2**32 - 1])
RARELY = st.sampled_from([False] * 5 + [True])
# What goes in one frame, what needs chunks, what is larger than most windows, and
# what nobody takes.
SIZES = st.sampled_from([0, 0, 0, 100, 2_000, 4_100, 5_000, 9_000, 15_000, 40_000])

LIMITS = st.builds(
    Limits,
    window_messages=st.sampled_from([60, 60, 9, 5, 2, 1]),
    window_bytes=st.sampled_from([100_000, 100_000, 12_000, 4_000, 300]),
    max_frame_bytes=st.sampled_from([4_096, 8_192, 65_536]),
    max_message_bytes=st.sampled_from([10_000, 30_000]),
    batch_messages=st.integers(1, 4),
    batch_bytes=st.sampled_from([1_024, 4_096]),
)


class Machine(RuleBasedStateMachine):
    """Whatever a network and two obedient shells can do."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.names = 0
        self.links: list[Link] = []
        self.mains: dict[bytes, End] = {}
        self.arrived: list[tuple[End, int, bytes]] = []  # messages, to come again

    @initialize(main=LIMITS, renderer=LIMITS, once=RARELY, early=RARELY)
    def begin(self, main: Limits, renderer: Limits, once: bool, early: bool) -> None:
        self.limits, self.resume = (main, renderer), not once
        self.begin_anew()
        if not early:
            self.flow(3)

    def begin_anew(self) -> None:
        self.links.clear()
        self.mains.clear()
        self.arrived.clear()
        limits = self.limits[1]
        session = Session(Role.RENDERER, limits=limits, resume=self.resume)
        self.renderer = End(session)
        self.attach()

    # ---- the shells ----------------------------------------------------------

    def attach(self) -> None:
        epoch = self.renderer.session.attach()
        self.renderer.link = Link(epoch)
        self.renderer.life.links += 1
        self.links.append(self.renderer.link)

    def greet(self, link: Link, frame: bytes) -> None:
        """What main does with the first frame of a link."""
        hello = parse_hello(frame)
        end = self.mains.get(hello.token)
        if end and end.state in (State.CLOSING, State.DRAINING):
            return self.refuse(link, pb.GOODBYE_REASON_CLOSED)
        if end is None or not end.session.resumable:
            end = self.new_main()
        epoch = end.session.accept(hello)
        if epoch is None:
            return self.refuse(link, pb.GOODBYE_REASON_REPLACED)
        self.absorb(end)
        if end.link:
            end.link.down.append(refusal(pb.GOODBYE_REASON_REPLACED, ""))
        link.main, link.main_epoch, end.link = end, epoch, link
        end.life.links += 1
        return None

    def refuse(self, link: Link, reason: pb.GoodbyeReason.ValueType) -> None:
        link.refused = True
        link.down.append(refusal(reason, "no session for you"))

    def new_main(self) -> End:
        token = b"token %d" % len(self.mains)
        grant = Admission(token, "", len(self.mains) + 1, grace=GRACE)
        session = Session(Role.MAIN, limits=self.limits[0], admission=grant)
        self.mains[token] = End(session)
        return self.mains[token]

    def absorb(self, end: End) -> None:
        for event in end.session.take_events():
            end.take(event)

    def hear(self, end: End, epoch: int, data: bytes) -> None:
        current = epoch == end.session.epoch and end.state in RECEIVES
        frame: pb.StreamRequest | pb.StreamResponse
        if end is self.renderer:
            frame = pb.StreamResponse.FromString(data)
            if current and frame.HasField("welcome") and not frame.welcome.resumed:
                self.begin_life(frame.welcome.token)
        else:
            frame = pb.StreamRequest.FromString(data)
        if current:
            end.last_sent = frame.goodbye.last_sent or end.last_sent
            if frame.HasField("first"):
                again = type(frame)(first=frame.first, messages=frame.messages)
                self.arrived.append((end, epoch, again.SerializeToString()))
        end.session.receive(epoch, data, self.now)
        self.absorb(end)

    def begin_life(self, token: bytes) -> None:
        """The renderer hears that it has a new session."""
        if self.renderer.life.peer:
            self.renderer.lost, self.renderer.life = self.renderer.life, Life()
            self.renderer.calls, self.renderer.called = [], []
        main = self.mains[token]
        self.renderer.life.peer, main.life.peer = main.life, self.renderer.life

    def deliver_one(self, link: Link, direction: str) -> bool:
        frames = link.up if direction == "up" else link.down
        if not frames:
            return False
        frame = frames.popleft()
        if direction == "down":
            self.hear(self.renderer, link.epoch, frame)
            return True
        if link.main is None and not link.refused:
            self.greet(link, frame)
        if link.main is not None:
            self.hear(link.main, link.main_epoch, frame)
        return True

    def write_one(self, end: End) -> bool:
        frame = end.session.next_frame(self.now)
        if frame is None:
            return False
        link = end.link
        assert link is not None, "a frame, but no link"
        assert end.life.early or len(frame) <= end.session.peer.max_frame_bytes
        if not link.broken:
            (link.up if end is self.renderer else link.down).append(frame)
        return True

    def notice_cut(self, end: End) -> None:
        link = end.link
        assert link
        epoch = link.epoch if end is self.renderer else link.main_epoch
        end.session.cut(epoch, self.now)
        end.link = None
        self.absorb(end)

    def ends(self) -> list[End]:
        return [self.renderer, *self.mains.values()]

    def end(self, side: str) -> End:
        """The main session that the renderer knows, or the first, or the renderer."""
        token = self.renderer.session.welcome.token or next(iter(self.mains), b"")
        return self.mains.get(token, self.renderer) if side == "main" else self.renderer

    # ---- what may happen -----------------------------------------------------

    @rule(side=SIDES, size=SIZES, lane=LANES, overshoot=st.booleans())
    def send(self, side: str, size: int, lane: int, overshoot: bool) -> None:
        self.names += 1
        event = pb.Event(channel=f"event {self.names}", packed=bytes(size))
        message = pb.Message(lane=lane, event=event)
        self.put(self.end(side), message, overshoot=overshoot)

    @rule(side=SIDES, count=st.integers(2, 20), lane=LANES, overshoot=st.booleans())
    def burst(self, side: str, count: int, lane: int, overshoot: bool) -> None:
        for _ in range(count):
            self.send(side, 0, lane, overshoot)

    @rule(side=SIDES, count=st.integers(2, 6), size=st.sampled_from([4_100, 9_000]))
    def large(self, side: str, count: int, size: int) -> None:
        """Large messages on several lanes, and a small one behind each."""
        for lane in range(count):
            self.send(side, size, lane, False)
            self.send(side, 0, lane, False)

    @rule(side=SIDES, size=SIZES, lane=LANES)
    def call(self, side: str, size: int, lane: int) -> None:
        self.names += 1
        end = self.end(side)
        call = pb.Call(packed=bytes(size))
        self.put(end, pb.Message(id=self.names, lane=lane, call=call))
        end.called.append(self.names)

    @rule(side=SIDES, size=SIZES, lane=LANES)
    def reply(self, side: str, size: int, lane: int) -> None:
        end = self.end(side)
        if end.calls:
            reply = pb.Reply(packed=bytes(size))
            self.put(end, pb.Message(id=end.calls.pop(), lane=lane, reply=reply))

    @rule(side=SIDES)
    def mark(self, side: str) -> None:
        end = self.end(side)
        if end.life.peer:
            end.mark()

    @rule(side=SIDES)
    def cancel(self, side: str) -> None:
        end = self.end(side)
        if end.called:
            self.put(end, pb.Message(id=end.called.pop(), cancel=pb.Cancel()))

    def put(self, end: End, message: pb.Message, *, overshoot: bool = False) -> None:
        if end.state not in ACCEPTS_MESSAGES:
            return
        kind = message.WhichOneof("kind")
        counted = kind in ("event", "call")
        data, lane = message.SerializeToString(), message.lane
        parcel = Parcel(data, counted, kind == "reply", lane)
        overshoot = overshoot and end is not self.renderer
        end.put(parcel, key_of(message), overshoot=overshoot)
        self.absorb(end)

    @rule(side=SIDES, count=SMALL)
    def write(self, side: str, count: int) -> None:
        end = self.end(side)
        for _ in range(count):
            self.write_one(end)

    @rule(data=st.data(), direction=st.sampled_from(["up", "down"]), count=SMALL)
    def deliver(self, data: st.DataObject, direction: str, count: int) -> None:
        waiting = [x for x in self.links if (x.up if direction == "up" else x.down)]
        link = data.draw(st.sampled_from([self.links[-1], *waiting]), "link")
        for _ in range(count):
            self.deliver_one(link, direction)

    @rule(rounds=SMALL)
    def flow(self, rounds: int) -> None:
        """For a while nothing stands in the way."""
        link = self.links[-1]
        for _ in range(rounds):
            for end in (self.renderer, self.end("main")):
                self.write_one(end)
            for direction in ("up", "down"):
                self.deliver_one(link, direction)

    @rule(side=SIDES, count=SMALL)
    def consume(self, side: str, count: int) -> None:
        end = self.end(side)
        while end.waiting and count and not end.session.finished:
            end.consume()
            count -= 1

    @rule(side=SIDES, lose=st.booleans())
    def cut(self, side: str, lose: bool) -> None:
        """One end notices that its link is gone; the other may notice later."""
        end = self.end(side)
        if end.link:
            if lose:
                end.link.lose()
            self.notice_cut(end)

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """What is in flight gets lost; the ends notice when they notice."""
        data.draw(st.sampled_from(self.links[::-1]), "link").lose()

    @precondition(lambda self: self.may_attach())
    @rule(hello=st.booleans())
    def attach_again(self, hello: bool) -> None:
        self.attach()
        if hello:
            self.write_one(self.renderer)

    @precondition(lambda self: self.may_attach())
    @rule(race=st.booleans(), lose=st.booleans(), rounds=SMALL)
    def come_back(self, race: bool, lose: bool, rounds: int) -> None:
        """A new link, over which some frames get; or two, of which the later wins."""
        old = self.links[-1]
        if lose:
            old.lose()
        if race:
            self.attach_again(True)
        earlier = self.links[-1]
        self.attach_again(True)
        self.deliver_one(self.links[-1], "up")
        self.deliver_one(earlier, "up")
        self.flow(rounds)

    def may_attach(self) -> bool:
        session = self.renderer.session
        early = session.state in (State.NEW, State.OPENING) and self.resume
        return session.resumable or (early and not session.welcome.token)

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def come_again(self, data: st.DataObject) -> None:
        """Messages that arrived already arrive by another way, too."""
        end, epoch, frame = data.draw(st.sampled_from(self.arrived[-4:]), "frame")
        before = end.session.inbox.received
        end.session.receive(epoch, frame, self.now)
        assert end.session.inbox.received == before
        self.absorb(end)

    @rule(side=SIDES)
    def want_ack(self, side: str) -> None:
        self.end(side).session.request_ack()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 5.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.wait_for(seconds)

    def wait_for(self, seconds: float) -> None:
        self.now += seconds
        for end in self.ends():
            end.session.tick(self.now)
            self.absorb(end)

    @rule(side=SIDES, meant=RARELY)
    def goodbye(self, side: str, meant: bool) -> None:
        end = self.end(side)
        meant = meant and end.state in ACCEPTS_MESSAGES
        if meant or end.state is State.DRAINING:
            end.goodbye()
            self.absorb(end)

    @rule(meant=RARELY)
    def suspend(self, meant: bool) -> None:
        end = self.end("main")
        if end is self.renderer or not meant:
            return
        try:
            end.session.suspend(retry_after=1.0)
        except LocalProtocolError:
            assert end.state is not State.OPEN or not self.resume

    @precondition(lambda self: self.renderer.over)
    @rule()
    def rest(self) -> None:
        self.come_to_rest()
        self.begin_anew()

    @invariant()
    def exactly_once_in_order_and_acked_only_when_consumed(self) -> None:
        for end in self.ends() if self.links else ():
            end.check()

    # ---- and in the end ------------------------------------------------------

    def teardown(self) -> None:
        if self.links:
            self.come_to_rest()

    def come_to_rest(self) -> None:
        """With a network that works again, everything arrives, or is accounted for."""
        for _ in range(400):
            if not self.settle_once():
                break
        else:
            raise AssertionError("they never come to rest")
        for end in self.ends():
            end.check()
        if self.renderer.over:
            assert all(end.over for end in self.ends())
            return
        main = self.mains[self.renderer.session.welcome.token]
        for end in (self.renderer, main):
            assert end.state is State.OPEN
            assert end.life.peer
            keys = [sent.key for sent in end.life.sent]
            assert sorted(keys) == sorted(end.life.peer.handed)
            assert end.session.outbox.acked == end.session.outbox.last
            assert not end.session.congested
            end.session.put(Parcel(b"", counted=True, reply=False))

    def settle_once(self) -> bool:
        """Do what shells do; return whether anything is still under way."""
        moved = False
        for end in self.ends():
            moved |= self.mend(end)
            while end.waiting and not end.session.finished:
                end.consume()
            while self.write_one(end):
                moved = True
        for link in self.links:
            for direction in ("up", "down"):
                while self.deliver_one(link, direction):
                    moved = True
        self.wait_for(0.3)
        return moved or any(end.session.deadline is not None for end in self.ends())

    def mend(self, end: End) -> bool:
        if end.state is State.DRAINING and not end.waiting:
            end.goodbye()
            self.absorb(end)
            return True
        # Main ends a link when its Goodbye is written.
        done = end is not self.renderer and end.session.finished
        if end.link and (done or self.is_left(end, end.link)):
            self.notice_cut(end)
            return True
        if end is self.renderer and not end.link and self.may_attach():
            self.attach()
            return True
        return False

    def is_left(self, end: End, link: Link) -> bool:
        """Tell whether the other end of a link is gone, and all it wrote has come."""
        if end is self.renderer:
            greeted = link.main is not None or link.refused
            left = greeted and not (link.main and link.main.link is link)
            return link.broken or (left and not link.down)
        return link.broken or (self.renderer.link is not link and not link.up)


Machine.TestCase.settings = settings(settings.default, stateful_step_count=80)
TestSessions = Machine.TestCase
