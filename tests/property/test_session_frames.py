"""Any frame, into a session in any state: a documented event, never an exception."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.limits import Limits
from renderer.wire.parcel import Parcel
from renderer.wire.session import Role, Session
from renderer.wire.state import State

Frame = pb.StreamRequest | pb.StreamResponse

EVENT = Parcel(pb.Message(event=pb.Event(channel="x")).SerializeToString(), True, False)
LIMITS = Limits(window_messages=5, window_bytes=2_000, max_message_bytes=3_000)

NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
MAYBE = st.one_of(st.none(), NUMBERS)
TEXT = st.sampled_from(["", "a", "ö" * 600])
BYTES = st.sampled_from([b"", b"a", bytes(1_024), b"\x1a\x03\x0a\x01x", bytes(1_600)])
FLAG = st.booleans()

Body = pb.Event | pb.Call | pb.Reply | pb.Cancel | pb.Chunk | pb.Dropped | None
BODIES: st.SearchStrategy[Body] = st.one_of(
    st.builds(pb.Event, channel=TEXT),
    st.builds(pb.Call, channel=TEXT, kind=st.integers(0, 4)),
    st.builds(pb.Reply),
    st.builds(pb.Cancel),
    st.builds(
        pb.Chunk, transfer=NUMBERS, data=BYTES, last=FLAG, abort=FLAG, reply=FLAG
    ),
    st.builds(pb.Dropped, channel=TEXT, count=NUMBERS),
    st.none(),
)


def message(number: int, lane: int, body: Body) -> pb.Message:
    made = pb.Message(id=number, lane=lane)
    match body:
        case pb.Event():
            made.event.CopyFrom(body)
        case pb.Call():
            made.call.CopyFrom(body)
        case pb.Reply():
            made.reply.CopyFrom(body)
        case pb.Cancel():
            made.cancel.CopyFrom(body)
        case pb.Chunk():
            made.chunk.CopyFrom(body)
        case pb.Dropped():
            made.dropped.CopyFrom(body)
        case None:
            pass
    return made


MESSAGES = st.builds(
    message,
    st.one_of(st.just(1), NUMBERS),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1]),
    BODIES,
)
GOODBYES = st.builds(
    pb.Goodbye,
    reason=st.integers(0, 9),
    message=TEXT,
    may_resume=FLAG,
    retry_after_ms=NUMBERS,
    last_sent=NUMBERS,
)
HELLOS = st.builds(
    pb.Hello,
    window_messages=MAYBE,
    window_bytes=MAYBE,
    max_frame_bytes=st.sampled_from([None, 0, 4_095, 4_096, 2**64 - 1]),
    acks=FLAG,
    resume=FLAG,
    features=st.lists(st.sampled_from(["chunks", "lanes", ""])),
    token=st.sampled_from([b"", b"token", bytes(1_025)]),
    attempt=NUMBERS,
    received=NUMBERS,
)
WELCOMES = st.builds(
    pb.Welcome,
    token=st.sampled_from([b"", b"token", bytes(1_025)]),
    resumed=FLAG,
    received=NUMBERS,
    window_messages=MAYBE,
    window_bytes=MAYBE,
    max_frame_bytes=st.sampled_from([None, 0, 4_095, 4_096, 2**64 - 1]),
    grace_ms=st.sampled_from([0, 30_000, 2**64 - 1]),
    features=st.lists(st.sampled_from(["chunks", "lanes", ""])),
)


def frames(
    kind: Callable[..., Frame], **greeting: st.SearchStrategy[object]
) -> st.SearchStrategy[Frame]:
    return st.builds(
        kind,
        first=MAYBE,
        messages=st.lists(MESSAGES, max_size=6),
        ack=MAYBE,
        want_ack=FLAG,
        ping=MAYBE,
        pong=MAYBE,
        goodbye=st.one_of(st.none(), st.none(), st.none(), GOODBYES),
        **greeting,
    )


RARELY_HELLO = st.one_of(st.none(), st.none(), st.none(), HELLOS)
RARELY_WELCOME = st.one_of(st.none(), st.none(), st.none(), WELCOMES)
REQUESTS = frames(pb.StreamRequest, hello=RARELY_HELLO)
RESPONSES = frames(pb.StreamResponse, welcome=RARELY_WELCOME)
DAMAGE = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3)


def damaged(frame: Frame, damage: list[tuple[int, int]]) -> bytes:
    data = bytearray(frame.SerializeToString())
    for place, byte in damage:
        if data:
            data[place % len(data)] = byte
    return bytes(data)


def exchange(main: Session, renderer: Session, *, greet: bool = True) -> None:
    """Carry frames both ways until there are none."""
    if greet:
        renderer.attach()
        hello = renderer.next_frame(0.0)
        assert hello is not None
        main.accept(parse_hello(hello))
        main.receive(main.epoch, hello, 0.0)
    moved = True
    while moved:
        up, down = renderer.next_frame(0.0), main.next_frame(0.0)
        if up is not None:
            main.receive(main.epoch, up, 0.0)
        if down is not None:
            renderer.receive(renderer.epoch, down, 0.0)
        moved = up is not None or down is not None


def pair() -> tuple[Session, Session]:
    grant = Admission(b"token", "", 1, grace=30.0)
    main = Session(Role.MAIN, limits=LIMITS, admission=grant)
    return main, Session(Role.RENDERER, limits=LIMITS, resume=True)


def put_into(session: Session, other: Session, state: State) -> None:
    """Lead a session, one of a pair, into a state with as much as possible open."""
    main, renderer = (
        (other, session)
        if session.role is Role.RENDERER
        else (
            session,
            other,
        )
    )
    if state is State.NEW:
        return
    if state is State.OPENING:
        renderer.attach()
        hello = renderer.next_frame(0.0)
        assert hello is not None
        if session is main:
            main.accept(parse_hello(hello))
        return
    exchange(main, renderer)
    for end in (main, renderer):
        end.put(EVENT)
        end.put(EVENT)
    exchange(main, renderer, greet=False)
    match state:
        case State.DETACHED:
            session.cut(session.epoch, 0.0)
        case State.CLOSING:
            session.goodbye()
        case State.DRAINING:
            other.goodbye()
            exchange(main, renderer, greet=False)
        case _:
            pass


STATES = [state for state in State if state is not State.CLOSED]


@pytest.mark.parametrize("role", [Role.MAIN, Role.RENDERER])
@pytest.mark.parametrize("state", STATES)
@given(data=st.data())
def test_any_frame(role: Role, state: State, data: st.DataObject) -> None:
    main, renderer = pair()
    session, other = (main, renderer) if role is Role.MAIN else (renderer, main)
    put_into(session, other, state)
    assert session.state is state
    session.take_events()
    before = other.state, other.outbox.last, other.inbox.received
    strategy = REQUESTS if role is Role.MAIN else RESPONSES
    ended = False
    for _ in range(data.draw(st.integers(1, 4))):
        frame = damaged(data.draw(strategy), data.draw(DAMAGE))
        session.receive(session.epoch, frame, 0.0)
        for event in session.take_events():
            assert not ended, f"{event} after the end"
            ended = isinstance(event, events.Ended)
        for _ in range(8):
            session.next_frame(0.0)
        assert session.inbox.ack <= session.inbox.received < 2**63
        assert session.outbox.acked <= session.outbox.written <= session.outbox.last
        assert session.outbox.outstanding >= 0
    assert (session.state is State.CLOSED) == ended
    assert before == (other.state, other.outbox.last, other.inbox.received)


@given(hello=HELLOS)
def test_any_hello_for_a_living_session(hello: pb.Hello) -> None:
    main, renderer = pair()
    put_into(main, renderer, State.OPEN)
    main.take_events()
    books = main.state, main.epoch, main.outbox.written, main.inbox.told
    try:
        taken = main.accept(hello) is not None
    except RemoteProtocolError:
        taken = False
    if not taken:
        assert books == (main.state, main.epoch, main.outbox.written, main.inbox.told)
        assert main.take_events() == []
