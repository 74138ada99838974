"""A session that ends in peace, and a link that does."""

from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import LocalProtocolError
from renderer.wire.frames import refusal
from renderer.wire.state import State
from tests.support.wires import Pair, channels, event, reply

EVENT = pb.Message(event=pb.Event(channel="x"))


# ---- goodbye -----------------------------------------------------------------------


def test_a_goodbye_and_its_answer(opened: Pair) -> None:
    opened.renderer.put(event("last"))
    opened.renderer.goodbye(message="thanks")
    assert opened.renderer.state is State.CLOSING
    opened.flow()
    arrived, heard = opened.main.take_events()
    assert channels([arrived]) == ["last"], "what was put before goes first"
    assert heard == events.GoodbyeHeard(pb.GOODBYE_REASON_CLOSED, "thanks")
    assert opened.main.state is State.DRAINING
    opened.main.consume()
    opened.main.goodbye()
    frame = opened.down()
    assert frame == pb.StreamResponse(
        ack=1, goodbye=pb.Goodbye(reason=pb.GOODBYE_REASON_CLOSED)
    )
    assert opened.main.finished
    for end in (opened.main, opened.renderer):
        ended = opened.ended(end)
        assert (ended.unconfirmed, ended.missing, ended.error) == (0, 0, None)
        assert (ended.reason, ended.message) == (1, "thanks")
        assert end.state is State.CLOSED
    opened.cut()
    assert opened.main.take_events() == opened.renderer.take_events() == []


def test_what_is_above_the_final_ack_is_unconfirmed(opened: Pair) -> None:
    opened.renderer.put(event())
    opened.renderer.put(event())
    opened.flow()
    opened.main.consume()
    opened.main.goodbye()
    opened.flow()
    opened.renderer.goodbye()
    assert opened.ended(opened.renderer).unconfirmed == 1


def test_what_was_never_sent_is_missing(opened: Pair) -> None:
    opened.main.put(event())
    opened.renderer.goodbye()
    opened.up()
    opened.main.goodbye()
    frame = opened.down()
    assert frame is not None
    assert not frame.messages, "the renderer would not consume it"
    assert frame.goodbye.last_sent == 1
    assert opened.ended(opened.renderer).missing == 1
    assert opened.ended(opened.main).unconfirmed == 1


def test_what_arrives_after_our_goodbye_is_not_handed_out_and_not_acked(
    opened: Pair,
) -> None:
    opened.renderer.put(event())
    opened.flow()
    opened.main.goodbye()
    opened.renderer.put(event())
    opened.renderer.put(reply(3))
    opened.up()
    happened = opened.main.take_events()
    assert [type(e) for e in happened] == [events.Arrived, events.Replied]
    opened.main.consume()
    frame = opened.down()
    assert frame is not None
    assert frame.ack == 1
    opened.renderer.goodbye()
    assert opened.ended(opened.renderer).unconfirmed == 1


def test_goodbyes_that_cross(opened: Pair) -> None:
    opened.main.goodbye(pb.GOODBYE_REASON_SHUTDOWN, "power cut")
    opened.renderer.put(event())
    opened.renderer.goodbye(message="bye")
    down = opened.main.next_frame(0.0)
    message, up = opened.renderer.next_frame(0.0), opened.renderer.next_frame(0.0)
    assert down is not None
    assert message is not None
    assert up is not None
    opened.renderer.receive(1, down, 0.0)
    opened.main.receive(1, message, 0.0)
    opened.main.receive(1, up, 0.0)
    mine, yours = opened.ended(opened.main), opened.ended(opened.renderer)
    assert (mine.message, yours.message) == ("power cut", "bye")
    assert (yours.unconfirmed, mine.missing) == (1, 0)
    assert opened.main.next_frame(0.0) is opened.renderer.next_frame(0.0) is None


def test_a_goodbye_not_yet_written_still_goes_when_the_peers_arrives(
    opened: Pair,
) -> None:
    opened.renderer.put(event())
    opened.renderer.goodbye()
    opened.main.goodbye()
    opened.down()
    assert opened.renderer.state is State.CLOSED
    frame = opened.up()
    assert frame is not None
    assert not frame.messages, "main would not consume it"
    assert (frame.goodbye.last_sent, frame.ack) == (1, 0)
    assert opened.ended(opened.main).missing == 1


def test_a_goodbye_before_welcome_waits_for_it(pair: Pair) -> None:
    pair.renderer.put(event("a"))
    pair.renderer.attach()
    pair.renderer.goodbye()
    hello = pair.renderer.next_frame(0.0)
    assert hello is not None
    assert pair.renderer.next_frame(0.0) is None
    pair.main.accept(pb.Hello(acks=True, resume=True))
    pair.main.receive(1, hello, 0.0)
    pair.flow()
    arrived, heard = pair.main.take_events()
    assert channels([arrived]) == ["a"]
    assert isinstance(heard, events.GoodbyeHeard)
    assert pair.renderer.take_events() == [], "it was never usable"


def test_a_goodbye_before_any_link(pair: Pair) -> None:
    pair.renderer.put(event())
    pair.renderer.goodbye()
    assert pair.ended(pair.renderer).unconfirmed == 1
    assert pair.renderer.next_frame(0.0) is None


def test_goodbye_is_said_once(opened: Pair) -> None:
    opened.main.goodbye()
    with pytest.raises(LocalProtocolError, match="closing cannot say goodbye"):
        opened.main.goodbye()


def test_frames_after_a_goodbye_are_ignored(opened: Pair) -> None:
    goodbye: dict[str, Any] = {"reason": 99, "last_sent": 2**64 - 1}
    opened.say(goodbye=pb.Goodbye(**goodbye))
    opened.say(first=1, messages=[EVENT])
    opened.main.receive(1, b"\xff", 0.0)
    (heard,) = opened.main.take_events()
    assert heard == events.GoodbyeHeard(99, "")
    opened.main.goodbye()
    assert opened.ended(opened.main).missing == 2**64 - 1


def test_a_cut_while_one_side_leaves(opened: Pair) -> None:
    opened.renderer.goodbye()
    opened.up()
    opened.cut()
    for end in (opened.main, opened.renderer):
        ended = opened.ended(end)
        assert (end.state, ended.reason) == (State.CLOSED, 1)


def test_nothing_wakes_a_shell_after_its_goodbye(opened: Pair) -> None:
    opened.renderer.put(reply())
    opened.flow()
    assert opened.main.deadline is not None
    opened.main.goodbye()
    opened.down()
    assert opened.main.deadline is None


def test_a_final_goodbye_says_when_and_where_to_go(opened: Pair) -> None:
    opened.tell(goodbye=pb.Goodbye(retry_after_ms=1_500, address="there:1"))
    (heard,) = opened.renderer.take_events()
    assert heard == events.GoodbyeHeard(0, "", 1.5, "there:1")


# ---- goodbye to a link -------------------------------------------------------------


def test_a_goodbye_that_only_ends_the_link(opened: Pair) -> None:
    opened.main.put(event("a"))
    opened.main.suspend(retry_after=1.5, address="there:1")
    opened.flow()
    assert opened.main.finished
    arrived, detached = opened.renderer.take_events()
    assert channels([arrived]) == ["a"]
    assert detached == events.Detached(1.5, "there:1")
    assert opened.renderer.state is State.DETACHED
    assert opened.renderer.next_frame(0.0) is None, "it is not answered"
    opened.main.put(event("b"))
    assert opened.main.next_frame(0.0) is None
    opened.main.cut(1, 0.0)
    opened.open()
    assert channels(opened.renderer.take_events()) == ["b"]


def test_a_renderer_may_be_back_before_main_has_noticed(opened: Pair) -> None:
    opened.main.suspend()
    opened.down()
    opened.open()
    assert opened.states == (State.OPEN, State.OPEN)
    assert not opened.main.finished


def test_a_link_is_suspended_instead_of_a_welcome(opened: Pair) -> None:
    opened.cut()
    opened.greet()
    opened.renderer.take_events()
    opened.tell(goodbye=pb.Goodbye(may_resume=True, retry_after_ms=100))
    assert opened.renderer.take_events() == [events.Detached(0.1, "")]
    assert opened.renderer.state is State.DETACHED


def test_who_cannot_be_suspended(pair: Pair) -> None:
    without = Pair(resume=False)
    without.open()
    pair.greet()
    closing, detached = Pair(), Pair()
    for other in (closing, detached):
        other.open()
    closing.main.goodbye()
    detached.cut()
    for each in (without, pair, closing, detached):
        with pytest.raises(LocalProtocolError, match="cannot be suspended"):
            each.main.suspend()


def test_only_main_keeps_sessions(opened: Pair) -> None:
    opened.say(goodbye=pb.Goodbye(may_resume=True))
    assert opened.main.state is State.DRAINING


def test_who_cannot_resume_takes_any_goodbye_for_the_end() -> None:
    pair = Pair(resume=False)
    pair.open()
    pair.tell(goodbye=pb.Goodbye(may_resume=True))
    assert pair.renderer.state is State.DRAINING


def test_who_leaves_anyway_does_not_come_back(opened: Pair) -> None:
    opened.renderer.goodbye()
    opened.tell(goodbye=pb.Goodbye(may_resume=True))
    assert opened.ended(opened.renderer).reason == pb.GOODBYE_REASON_CLOSED


def test_a_session_in_other_hands(opened: Pair) -> None:
    opened.renderer.put(event())
    opened.renderer.receive(1, refusal(pb.GOODBYE_REASON_REPLACED, "elsewhere"), 0.0)
    ended = opened.ended(opened.renderer)
    assert (ended.reason, ended.unconfirmed) == (pb.GOODBYE_REASON_REPLACED, 1)
    assert opened.renderer.next_frame(0.0) is None, "it is not answered"
    opened.say(goodbye=pb.Goodbye(reason=pb.GOODBYE_REASON_REPLACED))
    assert opened.main.state is State.DRAINING, "a renderer cannot say so"
