"""A world with a clock of its own, for tests: processes, a network, and their history.

Nothing in it happens by chance or takes time: what is due is done in its order. The
processes are the smallest shells that a renderer and a main process can be around the
real `Session`; what they are told is written down as programs in tests/faults do, and
the same checker reads it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.retry import backoff
from renderer.wire import events, messages
from renderer.wire.frames import parse_hello, refusal
from renderer.wire.greeting import Admission
from renderer.wire.limits import Limits
from renderer.wire.session import Role, Session
from renderer.wire.state import ACCEPTS_MESSAGES, State
from renderer.wire.transcript import Transcript
from tests.faults.history import Did, Entry

MOST_AT_ONCE = 10_000
"""Acts at one moment, beyond which time would stand still."""

Way = Literal["up", "down"]
Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Nature:
    """What does not change in a world.

    Attributes:
        latency: seconds that a frame takes.
        work: seconds that a listener or handler takes.
        grace: seconds that main keeps a session.
        limits: of both ends.
    """

    latency: float
    work: float
    grace: float
    limits: Limits


class World:
    """Time, the network, one main process at a time, and renderers."""

    def __init__(self, nature: Nature) -> None:
        self.nature = nature
        self.now = 0.0
        self.history: list[Entry] = []
        self.story: list[str] = []  # for people
        self.silent_until = 0.0
        self.wires: list[Wire] = []
        self._due: list[tuple[float, int, Act]] = []
        self._order = count()
        self._names = count(1)
        self.ids = count(1)  # of main's calls, whichever main's
        self.main = Main(self, self.name("main"))
        self.page = Page(self, self.name("page"))

    def name(self, what: str) -> str:
        return f"{what} {next(self._names)}"

    def after(self, seconds: float, act: Act) -> None:
        """Do something when the time has come."""
        heapq.heappush(self._due, (self.now + seconds, next(self._order), act))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end, acts = self.now + seconds, 0
        while self._due and self._due[0][0] <= end:
            due, _, act = heapq.heappop(self._due)
            acts = acts + 1 if due == self.now else 0
            assert acts < MOST_AT_ONCE, "they never come to rest"
            self.now = due
            act()
        self.now = end

    def note(self, did: Did, **what: Any) -> None:
        self.history.append(Entry(self.now, did, **what))
        words = (str(word) for word in what.values() if word not in ("", None))
        self.tell(f"{did} {' '.join(words)}")

    def tell(self, what: str) -> None:
        self.story.append(f"{self.now:8.3f} s  {what}")

    def restart_main(self) -> None:
        """Kill main by SIGKILL: the system resets its connections; start another."""
        self.note("killed", session=self.main.name)
        for end in self.main.ends.values():
            end.tell_if_unheard()
        self.main.dead = True
        self.main = Main(self, self.name("main"))
        for wire in self.wires[:]:
            wire.break_off(up=0, down=0, page_after=self.nature.latency)

    def new_page(self) -> None:
        """A renderer has given up: its program begins another session."""
        self.page = Page(self, self.name("page"))


class Wire:
    """A connection between a renderer and main, and the stream on it."""

    def __init__(self, world: World, page: Page, epoch: int) -> None:
        self.world = world
        self.page, self.epoch = page, epoch
        self.main = world.main
        self.end: MainEnd | None = None
        self.main_epoch = 0
        self.greeted = False
        self.broken = world.now < world.silent_until
        self._under_way: dict[Way, deque[bytes]] = {"up": deque(), "down": deque()}
        self._left: dict[Way, int | None] = {"up": None, "down": None}
        world.wires.append(self)
        if self.broken:
            world.after(2.0, lambda: page.lost(self))

    def carry(self, way: Way, frame: bytes) -> None:
        if self.broken:
            return
        self._under_way[way].append(frame)
        self.world.after(self.world.nature.latency, lambda: self._arrive(way))

    def _arrive(self, way: Way) -> None:
        if not self._under_way[way] or self._left[way] == 0:
            return  # lost
        frame = self._under_way[way].popleft()
        left = self._left[way]
        if left is not None:
            self._left[way] = left - 1
        if way == "up":
            if not self.main.dead:
                self.main.hear(self, frame)
        else:
            self.page.hear(self, frame)

    def break_off(
        self, *, up: int, down: int, page_after: float, main_after: float = 0.0
    ) -> None:
        """Let so many frames through that are under way, and lose all others.

        The ends notice after a while, each for itself.
        """
        if self.broken:
            return
        self.broken = True
        self._left = {"up": up, "down": down}
        self.world.tell(f"cut: {up} frames still come up, {down} down")
        self.world.after(page_after, lambda: self._notice("down"))
        self.world.after(main_after, lambda: self._notice("up"))

    def _notice(self, way: Way) -> None:
        """Let the end where a way leads notice: it reads no more."""
        self._left[way] = 0
        (self.main if way == "up" else self.page).lost(self)

    def close(self) -> None:
        """Main ends the stream; what is under way still comes."""
        self.broken = True
        self.world.after(self.world.nature.latency, lambda: self.page.lost(self))
        self.main.lost(self)


@dataclass(slots=True)
class Job:
    """A message that the dispatcher has."""

    arrived: events.Arrived
    session: str


class End:
    """What both ends are around a session: numbering, dispatch, calls."""

    stream: str

    def __init__(self, world: World, session: Session, page: str) -> None:
        self.world = world
        self.session = session
        self.page_name = page
        self.wire: Wire | None = None
        self.over = False
        self._n = 0
        self._calls: dict[int, int] = {}  # id → number
        self._jobs: deque[Job] = deque()
        self._running: set[int] = set()  # ids of calls to be replied to
        self._ticking: float | None = None

    @property
    def session_name(self) -> str:
        raise NotImplementedError

    def note(self, did: Did, **what: Any) -> None:
        self.world.note(did, page=self.page_name, **what)

    def send(self, *, call: bool) -> None:
        """Send the next message, if it is taken now."""
        if self.session.state not in ACCEPTS_MESSAGES:
            return
        n, id = self._n + 1, next(self.world.ids)
        args = (self.session_name, n)
        message = messages.event("event", args)
        parcel = messages.call(id, "call", args) if call else message
        # Before Welcome a renderer reckons with the default window; not so in here.
        window = self.world.nature.limits.window_messages
        full = self.session.outbox.outstanding >= window
        if full or not self.session.admits(parcel):
            return
        self._n = n
        what = {"session": self.session_name, "stream": self.stream, "n": n}
        self.note("sent", **what)
        if call:
            self.note("called", **what)
            self._calls[id] = n
        self.session.put(parcel)
        self.stir()

    def stir(self) -> None:
        """Do what there is to do after anything may have changed."""
        for event in self.session.take_events():
            self._take(event)
        for _ in range(MOST_AT_ONCE):
            frame = self.session.next_frame(self.world.now)
            if frame is None:
                break
            assert self.wire is not None, "a frame, but no link"
            self.carry(self.wire, frame)
        else:
            raise AssertionError("there is always another frame")
        self._set_timer()

    def carry(self, wire: Wire, frame: bytes) -> None:
        raise NotImplementedError

    def _set_timer(self) -> None:
        deadline = self.session.deadline
        if deadline is None or deadline == self._ticking:
            return
        self._ticking = deadline
        self.world.after(max(0.0, deadline - self.world.now), self._tick)

    def _tick(self) -> None:
        self._ticking = None
        if not self._dead:
            self.session.tick(self.world.now)
            self.stir()

    @property
    def _dead(self) -> bool:
        return False

    def _take(self, event: events.SessionEvent) -> None:
        match event:
            case events.Arrived():
                if not self._jobs:
                    self.world.after(self.world.nature.work, self._work)
                self._jobs.append(Job(event, self.session_name))
            case events.Replied():
                n = self._calls.pop(event.id, None)
                if n is not None:
                    result = messages.read_result(event.reply, "call")
                    self._completed(n, "ok" if result == n else f"{result}, not {n}")
            case events.Gap():
                self._fail_calls("unknown")
                self._running.clear()
                self.gap(event)
            case events.Ended():
                assert event.error is None, event.error
                self.over = True
                self._fail_calls("closed")
                self.ended(event)
            case events.Detached():
                self.detached()
            case events.Cancelled() | events.GivenUp() | events.GoodbyeHeard():
                raise AssertionError(f"nobody did that: {event}")
            case events.Acked() | events.Opened():
                pass

    def _completed(self, n: int, text: str) -> None:
        session = self.session_name
        self.note("completed", session=session, stream=self.stream, n=n, text=text)

    def _fail_calls(self, text: str) -> None:
        calls, self._calls = self._calls, {}
        for n in calls.values():
            self._completed(n, text)

    def _work(self) -> None:
        """Dispatch the oldest message, and do so again if there are more."""
        if self._dead or self.over:
            return
        job = self._jobs.popleft()
        message = job.arrived.message
        session, n = messages.read_args(job.arrived.body)
        if self.stream == "up":
            self.note("arrived", session=session, stream="down", n=n)
        else:
            self.note("arrived", session=self.session_name, stream="up", n=n)
        self.session.consume()
        current = job.session == self.session_name
        if job.arrived.kind == "call" and current:
            self.session.put(messages.reply(message.id, n))
        if self._jobs:
            self.world.after(self.world.nature.work, self._work)
        self.stir()

    def gap(self, event: events.Gap) -> None:
        raise NotImplementedError

    def ended(self, event: events.Ended) -> None:
        raise NotImplementedError

    def detached(self) -> None:
        raise NotImplementedError


class Page(End):
    """A renderer that comes back."""

    stream = "up"

    def __init__(self, world: World, name: str) -> None:
        session = Session(Role.RENDERER, limits=world.nature.limits, resume=True)
        super().__init__(world, session, name)
        self._sessions = 1
        self._delays: Iterator[float] = iter(())
        self.attach()

    @property
    def session_name(self) -> str:
        return f"{self.page_name}:{self._sessions}"

    def attach(self) -> None:
        if self.over or self.wire is not None:
            return
        self.wire = Wire(self.world, self, self.session.attach())
        self.stir()

    def carry(self, wire: Wire, frame: bytes) -> None:
        parsed = pb.StreamRequest.FromString(frame)
        self.world.tell(f"{self.page_name} → {_said(parsed)}")
        wire.carry("up", frame)

    def hear(self, wire: Wire, frame: bytes) -> None:
        if self.over:
            return
        self.session.receive(wire.epoch, frame, self.world.now)
        if self.session.state is State.OPEN:
            self._delays = iter(())
            assert wire.end is not None
            wire.end.heard = True
        self.stir()

    def lost(self, wire: Wire) -> None:
        """Notice that a wire is gone."""
        if wire in self.world.wires:
            self.world.wires.remove(wire)
        if wire is self.wire:
            self.wire = None
            self.session.cut(wire.epoch, self.world.now)
            self.stir()

    def detached(self) -> None:
        self.wire = None
        delay = next(self._delays, None)
        if delay is None:
            self._delays = backoff(lambda: 0.5)
            delay = next(self._delays)
        self.world.after(delay, self.attach)

    def gap(self, event: events.Gap) -> None:
        self._sessions += 1
        lost, missing = event.sent_unconfirmed, event.received_missing
        self.note("gap", count=lost, missing=missing)

    def ended(self, event: events.Ended) -> None:
        self.note("gap", count=event.unconfirmed, missing=None)
        self.world.after(0.0, self.world.new_page)


class MainEnd(End):
    """Main's side of one session."""

    stream = "down"

    def __init__(self, main: Main, token: bytes, number: int, page: str) -> None:
        world = main.world
        grant = Admission(token, "", number, grace=world.nature.grace)
        session = Session(Role.MAIN, limits=world.nature.limits, admission=grant)
        super().__init__(world, session, page)
        self._main = main
        self._number = number
        self.heard = False

    @property
    def session_name(self) -> str:
        return f"{self._main.name}:{self._number}"

    @property
    def _dead(self) -> bool:
        return self._main.dead

    def carry(self, wire: Wire, frame: bytes) -> None:
        parsed = pb.StreamResponse.FromString(frame)
        self.world.tell(f"{self.session_name} → {_said(parsed)}")
        wire.carry("down", frame)

    def gap(self, event: events.Gap) -> None:
        raise AssertionError("main is never told of a gap: its sessions end")

    def ended(self, event: events.Ended) -> None:
        # Whoever lives on was given up here: it is as if this session was killed.
        self.note("killed", session=self.session_name)
        self.note("ended", session=self.session_name)
        self.tell_if_unheard()

    def tell_if_unheard(self) -> None:
        """Note that Welcome never came: the renderer knows of nothing to miss."""
        if not self.heard:
            self.note("unheard", session=self.session_name)

    def detached(self) -> None:
        self.wire = None


@dataclass(eq=False)
class Main:
    """A main process."""

    world: World
    name: str
    ends: dict[bytes, MainEnd] = field(default_factory=dict[bytes, MainEnd])
    dead: bool = False

    def hear(self, wire: Wire, frame: bytes) -> None:
        if not wire.greeted:
            wire.greeted = True
            self._greet(wire, frame)
        if wire.end is not None:
            wire.end.session.receive(wire.main_epoch, frame, self.world.now)
            wire.end.stir()

    def _greet(self, wire: Wire, frame: bytes) -> None:
        hello = parse_hello(frame)
        end = self.ends.get(hello.token)
        if end is None or not end.session.resumable:
            token = f"{self.name}, {len(self.ends)}".encode()
            end = MainEnd(self, token, len(self.ends) + 1, wire.page.page_name)
            self.ends[token] = end
        epoch = end.session.accept(hello)
        if epoch is None:
            wire.carry("down", refusal(pb.GOODBYE_REASON_REPLACED, ""))
            wire.close()
            return
        old, end.wire = end.wire, wire
        wire.end, wire.main_epoch = end, epoch
        if old is not None:
            old.carry("down", refusal(pb.GOODBYE_REASON_REPLACED, ""))
            old.close()

    def lost(self, wire: Wire) -> None:
        """Notice that a wire is gone."""
        if self.dead or wire.end is None:
            return
        wire.end.session.cut(wire.main_epoch, self.world.now)
        wire.end.stir()

    def send(self, *, call: bool) -> None:
        """Send to the latest renderer."""
        for end in list(self.ends.values())[-1:]:
            end.send(call=call)


def _said(frame: pb.StreamRequest | pb.StreamResponse) -> str:
    words = [f"{e.kind} {e.text}".strip() for e in Transcript().entries(frame)]
    if frame.HasField("first"):
        words.append(f"from {frame.first}")
    if frame.HasField("ack"):
        words.append(f"ack {frame.ack}")
    return "; ".join(words)
