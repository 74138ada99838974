"""A session on its link. Numbers, windows and chunks are tried where they live."""

from typing import Any, cast

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import LocalProtocolError, Overloaded, RemoteProtocolError
from renderer.wire.frames import refusal
from renderer.wire.limits import Limits
from renderer.wire.session import Role, Session
from renderer.wire.state import State
from tests.support.wires import TOKEN, Pair, channels, event, reply

NEWER = cast("pb.CallKind.ValueType", 3)
UNKNOWN = pb.Message(id=7)
EVENT = pb.Message(event=pb.Event(channel="x"))


# ---- the first link ----------------------------------------------------------------


def test_hello_welcome_and_the_frame_that_confirms(pair: Pair) -> None:
    pair.greet()
    assert pair.states == (State.OPENING, State.OPENING)
    welcome = pair.down()
    assert welcome is not None
    assert (welcome.welcome.token, welcome.welcome.resumed) == (TOKEN, False)
    assert not welcome.HasField("ack")
    assert pair.states == (State.OPENING, State.OPEN)
    assert pair.renderer.take_events() == [events.Opened(welcome.welcome)]
    assert pair.up() == pb.StreamRequest()
    assert pair.states == (State.OPEN, State.OPEN)
    assert pair.main.take_events() == []


def test_what_is_put_before_any_link_is_written_after_welcome(pair: Pair) -> None:
    pair.renderer.put(event("early"))
    pair.greet()
    assert pair.up() is None, "a renderer that resumes waits for Welcome"
    pair.flow()
    assert channels(pair.main.take_events()) == ["early"]


def test_without_resume_messages_need_not_wait_for_welcome() -> None:
    pair = Pair(resume=False)
    pair.renderer.put(event("early"))
    pair.greet()
    assert pair.up() is not None
    assert channels(pair.main.take_events()) == ["early"]


def test_main_may_write_before_it_is_confirmed(pair: Pair) -> None:
    pair.greet()
    pair.main.put(event("early"))
    pair.down()
    pair.down()
    assert channels(pair.renderer.take_events()) == ["early"]


def test_a_renderer_that_resumes_is_silent_until_welcome(pair: Pair) -> None:
    pair.renderer.put(event())
    pair.greet()
    pair.renderer.request_ack()
    assert pair.up() is None, "any frame would confirm what it has not heard of"


def test_the_agreed_limits_hold_on_both_ends() -> None:
    pair = Pair(main=Limits(window_messages=2), renderer=Limits(window_messages=3))
    pair.open()
    assert pair.renderer.peer.window_messages == 2
    assert pair.main.peer.window_messages == 2
    assert pair.main.peer.narrowed


def test_a_hello_that_cannot_be_leaves_no_trace(pair: Pair) -> None:
    with pytest.raises(RemoteProtocolError):
        pair.main.accept(pb.Hello(window_bytes=0))
    assert (pair.main.state, pair.main.epoch) == (State.NEW, 0)
    assert pair.main.next_frame(0.0) is None


def test_a_new_session_forgets_the_attempts_of_a_lost_one(pair: Pair) -> None:
    pair.renderer.attach()
    hello = pb.Hello(acks=True, resume=True, token=b"of a lost one", attempt=9)
    pair.main.accept(hello)
    pair.main.receive(1, pb.StreamRequest(hello=hello).SerializeToString(), 0.0)
    assert pair.main.accept(pb.Hello(attempt=1)) == 2


# ---- first frames that cannot be ---------------------------------------------------


def test_the_first_frame_has_a_hello(pair: Pair) -> None:
    pair.main.accept(pb.Hello(acks=True))
    pair.say()
    assert "must carry hello" in pair.broken(pair.main)


def test_no_other_frame_has_a_hello(opened: Pair) -> None:
    opened.say(hello=pb.Hello())
    assert "no other frame may" in opened.broken(opened.main)


def test_the_first_frame_has_a_welcome(pair: Pair) -> None:
    pair.greet()
    pair.tell(ack=0)
    assert "must carry welcome" in pair.broken(pair.renderer)


def test_no_other_frame_has_a_welcome(opened: Pair) -> None:
    opened.tell(welcome=pb.Welcome(token=TOKEN))
    assert opened.broken(opened.renderer) == "a second welcome"


def test_a_welcome_that_resumes_nothing(pair: Pair) -> None:
    pair.greet()
    pair.tell(welcome=pb.Welcome(token=TOKEN, resumed=True))
    assert "never was a session" in pair.broken(pair.renderer)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_welcome_without_token(opened: Pair, resumed: bool) -> None:
    opened.cut()
    opened.greet()
    opened.renderer.take_events()
    opened.tell(welcome=pb.Welcome(resumed=resumed))
    assert "a token of 0 bytes" in opened.broken(opened.renderer)


def test_instead_of_welcome_there_may_be_a_goodbye(pair: Pair) -> None:
    pair.renderer.put(event())
    pair.greet()
    frame = refusal(pb.GOODBYE_REASON_ACCESS_DENIED, "who are you?")
    pair.renderer.receive(1, frame, 0.0)
    (heard,) = pair.renderer.take_events()
    assert heard == events.GoodbyeHeard(
        pb.GOODBYE_REASON_ACCESS_DENIED, "who are you?", 0.0, ""
    )
    pair.renderer.goodbye()
    answer = pb.StreamRequest.FromString(pair.renderer.next_frame(0.0) or b"")
    assert answer.HasField("goodbye")
    assert answer.goodbye.last_sent == 1
    assert pair.ended(pair.renderer).unconfirmed == 1


# ---- frames that cannot be ---------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"messages": [EVENT]}, "must carry first"),
        ({"messages": [EVENT], "first": 0}, "message 0 came where 1 was expected"),
        ({"messages": [EVENT], "first": 2}, "message 2 came where 1 was expected"),
        ({"ack": 1}, "ack 1 exceeds what was sent"),
        ({"ack": 2**64 - 1}, "exceeds what was sent"),
        ({"messages": [pb.Message(call=pb.Call())], "first": 1}, "a call without id"),
    ],
    ids=["no-first", "first-0", "gap", "ack", "huge-ack", "no-id"],
)
def test_a_breach_ends_the_session(
    opened: Pair, fields: dict[str, Any], why: str
) -> None:
    opened.say(**fields)
    opened.tell(**fields)
    assert why in opened.broken(opened.main)
    assert why in opened.broken(opened.renderer)


def test_bytes_that_are_no_frame_end_the_session(opened: Pair) -> None:
    opened.main.receive(1, b"\xff", 0.0)
    assert "malformed frame" in opened.broken(opened.main)


def test_what_came_before_the_breach_has_arrived(opened: Pair) -> None:
    opened.say(first=1, messages=[EVENT, pb.Message(call=pb.Call())])
    happened = opened.main.take_events()
    assert [type(e) for e in happened] == [events.Arrived, events.Ended]


def test_first_without_messages_is_not_looked_at(opened: Pair) -> None:
    opened.say(first=99)
    assert opened.main.state is State.OPEN


def test_without_resume_first_may_be_absent() -> None:
    pair = Pair(resume=False)
    pair.open()
    pair.say(messages=[EVENT, EVENT])
    pair.say(messages=[EVENT])
    assert pair.main.inbox.received == 3


def test_after_the_end_nothing_is_heard(opened: Pair) -> None:
    opened.main.receive(1, b"\xff", 0.0)
    opened.main.take_events()
    opened.main.receive(1, b"\xff", 0.0)
    opened.main.cut(1, 0.0)
    opened.main.tick(1e9)
    assert opened.main.take_events() == []


# ---- messages ----------------------------------------------------------------------


def test_messages_are_acked_when_they_are_consumed(opened: Pair) -> None:
    assert opened.renderer.put(event()) == 1
    opened.flow()
    (arrived,) = opened.main.take_events()
    assert isinstance(arrived, events.Arrived)
    opened.main.consume()
    assert opened.main.next_frame(0.0) is None
    assert opened.main.deadline == 1.0
    opened.now = 1.0
    opened.flow()
    assert opened.renderer.take_events() == [events.Acked(1)]
    assert opened.main.deadline is None


def test_an_ack_on_request(opened: Pair) -> None:
    opened.renderer.put(event())
    opened.renderer.request_ack()
    frame = opened.up()
    assert frame is not None
    assert frame.want_ack
    assert opened.down() is None
    opened.main.consume()
    opened.flow()
    assert opened.renderer.take_events() == [events.Acked(1)]
    opened.renderer.request_ack()
    assert opened.up() is None, "all is acked: there is nothing to ask"


def test_a_repeated_ack_is_no_event(opened: Pair) -> None:
    opened.tell(ack=0)
    assert opened.renderer.take_events() == []


def test_a_full_window(opened: Pair) -> None:
    pair = Pair(main=Limits(window_messages=2))
    pair.open()
    for _ in range(2):
        assert pair.renderer.admits(event())
        pair.renderer.put(event())
    assert not pair.renderer.congested
    assert not pair.renderer.admits(event())
    assert pair.renderer.admits(reply())
    with pytest.raises(Overloaded):
        pair.renderer.put(event())
    assert pair.renderer.admits(event(), overshoot=True)
    pair.renderer.put(event(), overshoot=True)
    assert pair.renderer.congested


def test_a_large_message_goes_in_chunks() -> None:
    pair = Pair(main=Limits(max_frame_bytes=4_096))
    pair.open()
    pair.main.take_events()
    receipt = pair.renderer.put(event("big", size=9_000))
    assert not pair.renderer.outbox.was_written(receipt)
    pair.flow()
    assert pair.renderer.outbox.was_written(receipt)
    (arrived,) = pair.main.take_events()
    assert isinstance(arrived, events.Arrived)
    assert arrived.number == 5
    assert arrived.body.packed == bytes(9_000)


def test_an_unknown_kind_is_answered(opened: Pair) -> None:
    opened.say(first=1, messages=[UNKNOWN, pb.Message()])
    frame = opened.down()
    assert frame is not None
    (answer,) = frame.messages
    assert (answer.id, answer.reply.failure.reason) == (7, "UNIMPLEMENTED")


def test_an_unknown_kind_is_not_answered_after_our_goodbye(opened: Pair) -> None:
    opened.main.goodbye()
    opened.say(first=1, messages=[UNKNOWN])
    assert opened.main.outbox.last == 0


def test_a_ping_is_answered(opened: Pair) -> None:
    opened.say(ping=2**64 - 1)
    frame = opened.down()
    assert frame == pb.StreamResponse(pong=2**64 - 1)
    assert opened.up() is None


def test_replies_that_pile_up_end_the_session() -> None:
    pair = Pair(renderer=Limits(window_messages=1), main=Limits(window_messages=1))
    pair.open()
    pair.renderer.take_events()
    for _ in range(5):
        pair.renderer.put(reply())
    with pytest.raises(LocalProtocolError, match="lets replies pile up"):
        pair.renderer.put(reply())
    ended = pair.ended(pair.renderer)
    assert (ended.reason, ended.error) == (pb.GOODBYE_REASON_OVERLOADED, None)
    frame = pair.up()
    assert frame is not None
    assert frame.goodbye.reason == pb.GOODBYE_REASON_OVERLOADED
    assert not frame.messages


def test_a_peer_cannot_make_us_hold_answers_without_end() -> None:
    pair = Pair(main=Limits(window_messages=1))
    pair.open()
    pair.main.take_events()
    pair.say(first=1, messages=[UNKNOWN] * 50 + [EVENT], goodbye=pb.Goodbye())
    arrived, ended = pair.main.take_events()
    assert isinstance(arrived, events.Arrived)
    assert isinstance(ended, events.Ended)
    assert ended.reason == pb.GOODBYE_REASON_OVERLOADED
    assert pair.main.outbox.last == 5


def test_nothing_is_put_on_a_session_that_is_over(opened: Pair) -> None:
    opened.main.goodbye()
    with pytest.raises(LocalProtocolError, match="the session is closing"):
        opened.main.put(event())


# ---- events ------------------------------------------------------------------------


def test_events_are_taken_once(pair: Pair) -> None:
    pair.open()
    assert pair.renderer.take_events()
    assert pair.renderer.take_events() == []


@pytest.mark.parametrize(
    ("message", "sync", "invoke", "timeout"),
    [
        (EVENT, False, False, None),
        (pb.Message(id=1, call=pb.Call()), False, True, None),
        (pb.Message(id=1, call=pb.Call(kind=pb.CALL_KIND_INVOKE)), False, True, None),
        (
            pb.Message(id=1, call=pb.Call(kind=pb.CALL_KIND_SEND_SYNC, remaining_ms=0)),
            True,
            False,
            0.0,
        ),
        (pb.Message(id=1, call=pb.Call(kind=NEWER)), False, False, None),
        (
            pb.Message(id=1, call=pb.Call(remaining_ms=2**31 - 1)),
            False,
            True,
            2147483.647,
        ),
        (pb.Message(id=1, call=pb.Call(remaining_ms=2**31)), False, True, None),
    ],
    ids=["event", "unspecified", "invoke", "sync", "unknown", "long", "for-ever"],
)
def test_what_kind_of_message_arrived(
    message: pb.Message, sync: bool, invoke: bool, timeout: float | None
) -> None:
    kind = message.WhichOneof("kind")
    assert kind is not None
    arrived = events.Arrived(1, kind, message)
    assert (arrived.is_sync, arrived.is_invoke) == (sync, invoke)
    assert arrived.timeout == timeout
    assert arrived.body == getattr(message, kind)


def test_a_session_holds_no_frame_it_was_welcomed_with(pair: Pair) -> None:
    pair.greet()
    welcome = pb.Welcome(token=TOKEN)
    pair.tell(welcome=welcome, first=1, messages=[EVENT] * 9)
    assert pair.renderer.welcome == welcome


def test_the_role_is_told() -> None:
    assert Session(Role.MAIN).role is Role.MAIN
