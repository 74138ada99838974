"""Any frame, into a session in any state: a documented event, never an exception."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events, messages
from renderer.wire.errors import (
    DataCloneError,
    IpcError,
    Overloaded,
    RemoteProtocolError,
)
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.limits import Limits
from renderer.wire.metadata import read_metadata
from renderer.wire.parcel import Parcel
from renderer.wire.session import Role, Session
from renderer.wire.state import State
from tests.support.frames import (
    DAMAGE,
    HELLOS,
    REQUESTS,
    RESPONSES,
    SYNC_REQUESTS,
    damaged,
)

EVENT = Parcel(pb.Message(event=pb.Event(channel="x")).SerializeToString(), True, False)
LIMITS = Limits(window_messages=5, window_bytes=2_000, max_message_bytes=3_000)


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
    made = st.builds(damaged, strategy, DAMAGE)
    ended = False
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(made | made | st.binary(max_size=64))
        session.receive(session.epoch, frame, 0.0)
        happened = session.take_events()
        assert len(happened) <= len(frame) + 2  # a peer cannot make us work for nothing
        for event in happened:
            assert not ended, f"{event} after the end"
            ended = isinstance(event, events.Ended)
            look_into(event)
        for _ in range(8):
            session.next_frame(0.0)
        assert session.inbox.ack <= session.inbox.received < 2**63
        assert session.outbox.acked <= session.outbox.written <= session.outbox.last
        assert session.outbox.outstanding >= 0
    assert (session.state is State.CLOSED) == ended
    assert before == (other.state, other.outbox.last, other.inbox.received)


def look_into(event: events.SessionEvent) -> None:
    """Read what a face would read of it; only what is documented may be raised."""
    if isinstance(event, events.Arrived):
        body = event.body
        with contextlib.suppress(DataCloneError):
            assert isinstance(messages.read_args(body), list)
        if isinstance(body, pb.Call):
            with contextlib.suppress(RemoteProtocolError):
                read_metadata(body)
    if isinstance(event, events.Replied):
        with contextlib.suppress(IpcError):
            messages.read_result(event.reply, "x")


@given(frame=st.builds(damaged, SYNC_REQUESTS, DAMAGE) | st.binary(max_size=64))
@pytest.mark.parametrize("state", [State.OPEN, State.DETACHED, State.DRAINING])
def test_any_unary_request(state: State, frame: bytes) -> None:
    main, renderer = pair()
    put_into(main, renderer, state)
    main.take_events()
    try:
        request = messages.parse_sync_request(frame)
    except RemoteProtocolError:
        return
    with contextlib.suppress(DataCloneError):
        messages.read_args(request)
    with contextlib.suppress(RemoteProtocolError):
        read_metadata(request)
    before = main.inbox.received
    try:
        main.merge(request.first, request.messages, len(frame))
    except Overloaded:
        assert main.inbox.received == before
        assert main.take_events() == []
    except RemoteProtocolError:
        pass  # what stood before the bad message is taken
    for event in main.take_events():
        look_into(event)
    assert main.inbox.ack <= main.inbox.received < 2**63


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
