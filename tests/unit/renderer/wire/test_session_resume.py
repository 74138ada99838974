"""A session that loses its link: resumed, lost, given up."""

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import LocalProtocolError, RemoteProtocolError
from renderer.wire.state import State
from tests.support.wires import GRACE, TOKEN, Pair, channels, event, reply

EVENT = pb.Message(event=pb.Event(channel="x"))


# ---- a cut -------------------------------------------------------------------------


def test_a_cut_and_a_resume(opened: Pair) -> None:
    opened.renderer.put(event("a"))
    opened.flow()
    opened.main.consume()
    opened.renderer.put(event("b"))
    opened.main.put(event("c"))
    opened.lose()
    opened.cut()
    assert opened.states == (State.DETACHED, State.DETACHED)
    opened.renderer.put(event("d"))
    opened.open()
    assert channels(opened.main.take_events()) == ["a", "b", "d"]
    detached, opened_again, acked, arrived = opened.renderer.take_events()
    assert detached == events.Detached(0.0, "")
    assert isinstance(opened_again, events.Opened)
    assert acked == events.Acked(1), "repeated: the one before was lost"
    assert channels([arrived]) == ["c"]


def test_both_ends_repeat_their_ack_on_a_resume(opened: Pair) -> None:
    for end in (opened.renderer, opened.main):
        end.put(event())
        opened.flow()
        other = opened.main if end is opened.renderer else opened.renderer
        other.consume()
    opened.now = 1.0
    opened.lose()
    opened.cut()
    opened.greet()
    welcome = opened.down()
    assert welcome is not None
    assert (welcome.welcome.received, welcome.ack) == (1, 1)
    confirming = opened.up()
    assert confirming == pb.StreamRequest(ack=1)


def test_the_first_ack_of_a_resume_may_be_0(opened: Pair) -> None:
    opened.cut()
    opened.greet()
    welcome, confirming = opened.down(), opened.up()
    assert welcome is not None
    assert welcome.HasField("ack")
    assert confirming == pb.StreamRequest(ack=0)


def test_a_hello_has_no_ack(opened: Pair) -> None:
    opened.main.put(event())
    opened.flow()
    opened.renderer.consume()
    opened.cut()
    opened.renderer.attach()
    hello = pb.StreamRequest.FromString(opened.renderer.next_frame(0.0) or b"")
    assert not hello.HasField("ack")
    assert (hello.hello.token, hello.hello.attempt, hello.hello.received) == (
        TOKEN,
        1,
        1,
    )


def test_a_session_that_main_disowned_begins_anew(opened: Pair) -> None:
    opened.renderer.put(event())
    opened.cut()
    opened.renderer.take_events()
    opened.renderer.attach(anew=True)
    hello = pb.StreamRequest.FromString(opened.renderer.next_frame(0.0) or b"").hello
    assert (hello.token, hello.attempt, hello.received) == (b"", 0, 0)
    opened.tell(welcome=pb.Welcome(token=b"another", grace_ms=1))
    gap, again = opened.renderer.take_events()
    assert gap == events.Gap(1, None)
    assert isinstance(again, events.Opened)
    assert opened.renderer.state is State.OPEN


def test_a_lost_session_needs_no_ack(opened: Pair) -> None:
    opened.renderer.put(event())
    opened.renderer.request_ack()
    opened.cut()
    opened.renderer.attach(anew=True)
    opened.renderer.next_frame(0.0)
    opened.tell(welcome=pb.Welcome(token=b"another", grace_ms=1))
    opened.renderer.put(event("new"))
    frame = pb.StreamRequest.FromString(opened.renderer.next_frame(0.0) or b"")
    assert [message.event.channel for message in frame.messages] == ["new"]
    assert not frame.want_ack


def test_frames_of_an_older_link_are_discarded_unread(opened: Pair) -> None:
    opened.renderer.put(event("late"))
    late = opened.renderer.next_frame(0.0)
    assert late is not None
    opened.open()
    assert channels(opened.main.take_events()) == ["late"]
    for data in (late, b"\xff"):
        opened.main.receive(1, data, 0.0)
        opened.renderer.receive(1, data, 0.0)
    opened.main.cut(1, 0.0)
    assert opened.states == (State.OPEN, State.OPEN)


def test_frames_that_arrive_after_the_cut_are_discarded(opened: Pair) -> None:
    opened.cut()
    opened.main.take_events()
    opened.say(first=1, messages=[EVENT])
    assert opened.main.take_events() == []
    assert opened.main.inbox.received == 0


def test_the_highest_attempt_wins(opened: Pair) -> None:
    opened.cut()
    assert opened.main.accept(pb.Hello(token=TOKEN, attempt=3)) == 2
    assert opened.main.accept(pb.Hello(token=TOKEN, attempt=2)) is None
    assert opened.main.accept(pb.Hello(token=TOKEN, attempt=3)) is None
    assert opened.main.epoch == 2
    assert opened.main.accept(pb.Hello(token=TOKEN, attempt=4)) == 3


@pytest.mark.parametrize("received", [0, 3, 2**64 - 1])
def test_a_resume_that_cannot_be_leaves_the_session_as_it_was(
    opened: Pair, received: int
) -> None:
    for _ in range(2):
        opened.main.put(event())
    opened.flow()
    opened.renderer.consume()
    opened.flow()
    opened.now = 1.0
    opened.flow()
    hello = pb.Hello(token=TOKEN, attempt=1, received=received)
    with pytest.raises(RemoteProtocolError, match=r"lies outside 1…2"):
        opened.main.accept(hello)
    assert (opened.main.state, opened.main.epoch) == (State.OPEN, 1)
    opened.renderer.put(event("goes on"))
    opened.flow()
    assert channels(opened.main.take_events()) == ["goes on"]
    hello.received = 2
    assert opened.main.accept(hello) == 2


def test_a_welcome_with_a_received_that_cannot_be(opened: Pair) -> None:
    opened.cut()
    opened.greet()
    opened.renderer.take_events()
    opened.tell(welcome=pb.Welcome(token=TOKEN, resumed=True, received=1))
    assert "lies outside 0…0" in opened.broken(opened.renderer)


def test_the_window_and_features_stay_those_of_the_first_hello(opened: Pair) -> None:
    peer = opened.main.peer
    opened.cut()
    opened.main.accept(pb.Hello(token=TOKEN, attempt=1, window_messages=1))
    assert opened.main.peer is peer


def test_a_lost_welcome(pair: Pair) -> None:
    pair.renderer.put(event("a"))
    pair.greet()
    pair.main.next_frame(0.0)
    pair.cut()
    assert pair.main.state is State.CLOSED, "nobody knows this session"
    assert pair.ended(pair.main).unconfirmed == 0
    assert pair.renderer.state is State.NEW
    assert pair.renderer.take_events() == [events.Detached(0.0, "")]
    again = Pair()
    again.renderer = pair.renderer
    again.open()
    assert again.renderer.epoch == 2
    assert channels(again.main.take_events()) == ["a"]


def test_a_second_hello_before_any_welcome(pair: Pair) -> None:
    pair.renderer.attach()
    pair.greet()
    pair.flow()
    assert pair.renderer.state is State.OPEN
    assert pair.renderer.epoch == 2


def test_a_lost_welcome_of_a_resume(opened: Pair) -> None:
    opened.renderer.put(event("a"))
    opened.lose()
    opened.cut()
    opened.greet()
    opened.main.next_frame(0.0)
    opened.cut()
    assert opened.states == (State.DETACHED, State.DETACHED)
    opened.open()
    assert channels(opened.main.take_events()) == ["a"]


def test_a_welcome_heard_whose_confirmation_was_lost(pair: Pair) -> None:
    pair.greet()
    pair.down()
    pair.renderer.put(event("a"))
    pair.lose()
    pair.cut()
    assert pair.main.state is State.CLOSED
    pair.main = Pair().main  # the old token is unknown now
    pair.open()
    assert pair.main.take_events() == [], "nothing unacked is sent again"
    _, _, gap, _ = pair.renderer.take_events()
    assert gap == events.Gap(1, None)


# ---- a session that is lost --------------------------------------------------------


def test_a_gap_counts_what_was_not_acked(opened: Pair) -> None:
    opened.main.put(event("old"))
    opened.flow()
    for parcel in (event(), event(), reply()):
        opened.renderer.put(parcel)
    opened.cut()
    opened.renderer.put(event())
    opened.renderer.take_events()
    other = Pair()
    other.renderer = opened.renderer
    other.open()
    gap, begun = other.renderer.take_events()
    assert gap == events.Gap(3, None)
    assert isinstance(begun, events.Opened)
    assert other.renderer.put(event("new")) == 1
    other.main.put(event("new"))
    other.flow()
    assert channels(other.main.take_events()) == ["new"]
    assert channels(other.renderer.take_events()) == ["new"]
    other.renderer.consume()
    assert other.renderer.inbox.ack == 0, "that was a message of the lost session"
    other.renderer.consume()
    assert other.renderer.inbox.ack == 1
    other.cut()
    other.renderer.attach()
    hello = pb.StreamRequest.FromString(other.renderer.next_frame(0.0) or b"").hello
    assert (hello.attempt, hello.received) == (1, 1)


def test_an_end_without_resume() -> None:
    pair = Pair(resume=False)
    pair.open()
    pair.renderer.put(event())
    pair.cut()
    for end in (pair.main, pair.renderer):
        ended = pair.ended(end)
        assert (ended.reason, ended.message, ended.error) == (0, "", None)
        assert end.state is State.CLOSED
        assert not end.resumable
    assert not pair.renderer.inbox.waiting


def test_an_end_before_welcome_without_resume() -> None:
    pair = Pair(resume=False)
    pair.renderer.put(event())
    pair.greet()
    pair.renderer.next_frame(0.0)
    pair.cut()
    assert pair.ended(pair.renderer).unconfirmed == 1


def test_a_main_without_grace_keeps_nothing() -> None:
    pair = Pair(grace=0.0)
    pair.open()
    pair.cut()
    assert pair.states == (State.CLOSED, State.CLOSED)


@pytest.mark.parametrize(
    "pair", [Pair(resume=False), Pair(grace=0.0)], ids=["no-resume", "no-grace"]
)
def test_who_does_not_outlive_a_link_has_one(pair: Pair) -> None:
    pair.open()
    with pytest.raises(LocalProtocolError, match="does not outlive its link"):
        pair.renderer.attach()
    with pytest.raises(LocalProtocolError, match="cannot be resumed"):
        pair.main.accept(pb.Hello(token=TOKEN, attempt=1))
    assert pair.main.epoch == 1


def test_without_resume_there_is_one_hello() -> None:
    pair = Pair(resume=False)
    pair.greet()
    with pytest.raises(LocalProtocolError, match="does not outlive its link"):
        pair.renderer.attach()


def test_a_session_that_says_goodbye_is_not_resumed(opened: Pair) -> None:
    opened.main.goodbye()
    assert not opened.main.resumable
    with pytest.raises(LocalProtocolError, match="cannot be resumed"):
        opened.main.accept(pb.Hello(token=TOKEN, attempt=1))
    assert opened.main.state is State.CLOSING


def test_grace_is_over(opened: Pair) -> None:
    opened.renderer.put(event())
    opened.now = 100.0
    opened.cut()
    assert opened.main.deadline == 100.0 + GRACE
    assert opened.renderer.deadline == pytest.approx(100.0 + GRACE * 0.9)
    for end in (opened.main, opened.renderer):
        end.tick(108.9)
        assert end.take_events()[1:] == []
        end.tick(110.0)
        assert end.deadline is None
        end.tick(999.0)
    assert opened.states == (State.CLOSED, State.CLOSED)
    assert opened.ended(opened.renderer).unconfirmed == 1


def test_attempts_that_fail_do_not_lengthen_a_renderers_patience(
    opened: Pair,
) -> None:
    opened.cut()
    for opened.now in (2.0, 4.0, 6.0):
        opened.renderer.attach()
        assert opened.renderer.deadline is None
        opened.renderer.tick(99.0)
        opened.renderer.cut(opened.renderer.epoch, opened.now)
    assert opened.renderer.deadline == pytest.approx(GRACE * 0.9)


def test_a_resume_begins_the_grace_anew(opened: Pair) -> None:
    opened.cut()
    opened.now = 5.0
    opened.open()
    opened.now = 50.0
    opened.cut()
    assert opened.main.deadline == 50.0 + GRACE
    assert opened.renderer.deadline == pytest.approx(50.0 + GRACE * 0.9)


def test_a_goodbye_while_detached(opened: Pair) -> None:
    opened.cut()
    opened.renderer.goodbye()
    assert opened.renderer.state is State.CLOSED
    assert opened.ended(opened.renderer).reason == pb.GOODBYE_REASON_CLOSED
    opened.renderer.tick(1e9)
    assert opened.renderer.next_frame(0.0) is None
    with pytest.raises(LocalProtocolError):
        opened.renderer.attach()


def test_no_progress_on_three_links(opened: Pair) -> None:
    opened.renderer.put(event())
    for _ in range(2):
        opened.lose()
        opened.cut()
        opened.greet()
        opened.down()
        assert opened.renderer.state is State.OPEN
    opened.lose()
    opened.cut()
    opened.greet()
    opened.renderer.take_events()
    opened.main.put(event("too late"))
    opened.down()
    ended = opened.ended(opened.renderer)
    assert ended.reason == pb.GOODBYE_REASON_NO_PROGRESS
    assert (ended.unconfirmed, ended.error) == (1, None)
    assert "message 1 did not arrive on three links" in ended.message
    frame = opened.up()
    assert frame is not None
    assert frame.goodbye.reason == pb.GOODBYE_REASON_NO_PROGRESS
    assert frame.HasField("ack")


def test_no_progress_seen_by_main(opened: Pair) -> None:
    opened.main.put(event())
    for _ in range(2):
        opened.lose()
        opened.cut()
        opened.greet()
        opened.down()
        opened.up()
    opened.lose()
    opened.cut()
    opened.greet()
    assert opened.ended(opened.main).reason == pb.GOODBYE_REASON_NO_PROGRESS
    frame = opened.down()
    assert frame is not None
    assert not frame.HasField("welcome")
    assert frame.goodbye.reason == pb.GOODBYE_REASON_NO_PROGRESS
    heard = opened.renderer.take_events()[-1]
    assert isinstance(heard, events.GoodbyeHeard)


def test_what_stands_with_a_welcome_that_ends_all_is_not_read(opened: Pair) -> None:
    opened.renderer.put(event())
    for _ in range(3):
        opened.lose()
        opened.cut()
        opened.greet()
        if opened.renderer.epoch < 4:
            opened.down()
    opened.renderer.take_events()
    opened.tell(
        welcome=pb.Welcome(token=TOKEN, resumed=True, grace_ms=1),
        first=1,
        messages=[EVENT],
        goodbye=pb.Goodbye(),
    )
    (ended,) = opened.renderer.take_events()
    assert isinstance(ended, events.Ended)
    assert ended.reason == pb.GOODBYE_REASON_NO_PROGRESS


def test_failed_attempts_between_do_not_hide_a_deadly_message(opened: Pair) -> None:
    opened.renderer.put(event())
    for _ in range(3):
        opened.lose()
        opened.cut()
        opened.renderer.attach()  # nobody answers
        opened.renderer.cut(opened.renderer.epoch, 0.0)
        opened.greet()
        opened.down()
    assert opened.renderer.state is State.CLOSED
