import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.frames import parse_request, parse_response
from renderer.wire.inbox import Inbox
from renderer.wire.lanes import Mark
from renderer.wire.limits import Limits, Peer
from renderer.wire.outbox import Outbox
from renderer.wire.parcel import Parcel
from renderer.wire.writer import Role, Writer
from tests.support.wires import event, reply

LIMITS = Limits(window_messages=8, batch_messages=2)
PEER = Peer(window_messages=8)
NO_ACKS = Peer(acks=False)
NARROWED = Peer(window_messages=8, narrowed=True)


class End:
    def __init__(self, role: Role, peer: Peer = PEER) -> None:
        self.writer = Writer(role, LIMITS)
        self.outbox = Outbox(LIMITS)
        self.inbox = Inbox(LIMITS)
        self.role, self.peer = role, peer
        greeting = pb.Hello() if role is Role.RENDERER else pb.Welcome()
        self.begin(greeting, silent=False)
        self.frame()

    def begin(self, greeting: pb.Hello | pb.Welcome, *, silent: bool) -> None:
        self.writer.begin(greeting, silent=silent)

    def put(self, *parcels: Parcel) -> None:
        for parcel in parcels:
            self.outbox.put(parcel, self.peer)

    def arrive(self, number: int) -> None:
        self.inbox.arrive(number, waits=False)

    def next(self, now: float = 0.0) -> bytes | None:
        return self.writer.next_frame(self.outbox, self.inbox, self.peer, now)

    def frame(self, now: float = 0.0) -> pb.StreamRequest | pb.StreamResponse:
        data = self.next(now)
        assert data is not None
        parse = parse_response if self.role is Role.MAIN else parse_request
        return parse(data)


@pytest.fixture(params=[Role.MAIN, Role.RENDERER], ids=["main", "renderer"])
def end(request: pytest.FixtureRequest) -> End:
    return End(request.param)


# ---- batches -----------------------------------------------------------------------


def test_nothing_to_say(end: End) -> None:
    assert end.next() is None


def test_what_gathered_goes_in_batches(end: End) -> None:
    end.put(event("a"), event("b"), event("c"))
    frame = end.frame()
    assert frame.first == 1
    assert [message.event.channel for message in frame.messages] == ["a", "b"]
    assert end.frame().first == 3
    assert end.next() is None


def test_no_frame_is_larger_than_the_peer_reads() -> None:
    end = End(Role.MAIN, Peer(max_frame_bytes=4_096))
    end.put(event(size=2_500), event(size=2_500))
    assert [len(end.frame().messages) for _ in range(2)] == [1, 1]


def test_an_owed_ack_rides_on_messages(end: End) -> None:
    end.arrive(1)
    end.put(event())
    frame = end.frame()
    assert (frame.first, frame.ack) == (1, 1)


def test_an_ack_stands_behind_what_was_put_before_it(end: End) -> None:
    end.arrive(1)
    end.put(event("a"), event("b"), event("c"), event("d"), event("e"))
    assert not end.frame().HasField("ack")
    end.arrive(2)  # consumed later: what this causes may be behind "e"
    end.put(event("f"), event("g"))
    assert not end.frame().HasField("ack")
    assert end.frame().ack == 1
    assert end.frame().ack == 2


def test_a_new_link_holds_no_ack_of_the_old_one_back(end: End) -> None:
    end.arrive(1)
    end.put(event("a"), event("b"), event("c"))
    assert not end.frame().HasField("ack")
    end.begin(pb.Welcome() if end.role is Role.MAIN else pb.Hello(), silent=False)
    end.arrive(2)
    told = end.frame().ack or end.frame().ack
    assert told == 2


def test_an_owed_ack_goes_alone_when_it_is_time(end: End) -> None:
    end.arrive(1)
    assert end.next(10.0) is None
    assert end.writer.deadline(end.inbox) == 11.0
    assert end.frame(11.0).ack == 1
    assert end.writer.deadline(end.inbox) is None


def test_a_peer_without_acks_gets_none() -> None:
    end = End(Role.MAIN, NO_ACKS)
    end.arrive(1)
    assert end.next(99.0) is None
    assert end.writer.deadline(end.inbox) is None
    end.put(event())
    assert not end.frame().HasField("ack")
    assert end.outbox.acked == 1, "written is acked"
    end.writer.part(pb.Goodbye())
    assert not end.frame().HasField("ack")


# ---- greetings ---------------------------------------------------------------------


def test_a_greeting_goes_alone(end: End) -> None:
    end.put(event())
    end.arrive(1)
    end.writer.pong(3)
    end.writer.part(pb.Goodbye())
    greeting = pb.Hello() if end.role is Role.RENDERER else pb.Welcome()
    end.begin(greeting, silent=False)
    frame = end.frame()
    assert not frame.messages
    assert not frame.HasField("goodbye")
    assert frame.HasField("ack") == (end.role is Role.MAIN)
    assert end.frame().messages


def test_a_welcome_that_resumes_repeats_the_ack() -> None:
    end = End(Role.MAIN)
    end.inbox.tell_again()
    end.begin(pb.Welcome(resumed=True), silent=False)
    frame = end.frame()
    assert frame.HasField("ack")
    assert frame.ack == 0


def test_a_welcome_without_resume_has_no_ack_for_who_wants_none() -> None:
    end = End(Role.MAIN, NO_ACKS)
    end.begin(pb.Welcome(), silent=False)
    end.arrive(1)
    assert not end.frame().HasField("ack")


def test_a_silent_writer_says_nothing_but_the_greeting() -> None:
    end = End(Role.RENDERER)
    end.begin(pb.Hello(), silent=True)
    end.put(event())
    end.arrive(1)
    end.writer.request_ack(Mark(1))
    end.writer.part(pb.Goodbye())
    assert parse_request(end.next() or b"").HasField("hello")
    assert end.next(99.0) is None
    assert end.writer.deadline(end.inbox) is None
    end.writer.confirm()
    assert len(end.frame().messages) == 1
    assert end.frame().HasField("goodbye")


def test_a_confirmed_writer_owes_a_frame() -> None:
    end = End(Role.RENDERER)
    end.begin(pb.Hello(), silent=True)
    end.frame()
    end.writer.confirm()
    assert end.next() == b""
    assert end.next() is None


# ---- asking for acks ---------------------------------------------------------------


def test_an_ack_is_wanted_with_the_frame_that_has_the_message(end: End) -> None:
    end.put(*[event()] * 3)
    end.writer.request_ack(Mark(3))
    assert [end.frame().want_ack for _ in range(2)] == [False, True]
    assert end.next() is None


def test_an_ack_is_wanted_of_what_is_written_already(end: End) -> None:
    end.put(event())
    end.frame()
    end.writer.request_ack(Mark(1))
    frame = end.frame()
    assert frame == type(frame)(want_ack=True)


def test_an_ack_that_came_is_not_wanted(end: End) -> None:
    end.put(event())
    end.writer.request_ack(Mark(1))
    assert end.frame().want_ack
    end.outbox.ack(1)
    end.put(event())
    assert not end.frame().want_ack


def test_a_question_lost_with_its_link_is_asked_again(end: End) -> None:
    end.put(event())
    end.writer.request_ack(Mark(1))
    assert end.frame().want_ack
    greeting = pb.Hello() if end.role is Role.RENDERER else pb.Welcome()
    end.begin(greeting, silent=False)
    end.frame()
    end.outbox.resume(0, confirmed=True)
    assert end.frame().want_ack


def test_who_uses_less_of_a_window_asks_at_half_of_it() -> None:
    # The receiver counts quarters of what it granted, which is more.
    end = End(Role.MAIN, NARROWED)
    end.put(*[event()] * 3)
    assert [end.frame().want_ack for _ in range(2)] == [False, False]
    end.put(event())
    assert end.frame().want_ack
    end.put(event())
    assert not end.frame().want_ack, "asked already"
    end.outbox.ack(4)
    end.put(*[event()] * 2)
    assert not end.frame().want_ack
    end.put(event())
    assert end.frame().want_ack


def test_replies_make_no_window_short() -> None:
    end = End(Role.MAIN, NARROWED)
    end.put(*[reply()] * 20)
    assert not any(end.frame().want_ack for _ in range(10))


# ---- ping --------------------------------------------------------------------------


def test_a_ping_is_answered_once(end: End) -> None:
    end.writer.pong(0)
    frame = end.frame()
    assert frame.HasField("pong")
    assert frame.pong == 0
    assert end.next() is None


def test_only_the_newest_ping_is_answered(end: End) -> None:
    end.writer.pong(1)
    end.writer.pong(2**64 - 1)
    assert end.frame().pong == 2**64 - 1
    assert end.next() is None


# ---- goodbye -----------------------------------------------------------------------


def test_goodbye_goes_when_all_is_written(end: End) -> None:
    end.put(*[event()] * 3)
    end.arrive(1)
    end.writer.part(pb.Goodbye(reason=pb.GOODBYE_REASON_SHUTDOWN))
    assert [len(end.frame().messages) for _ in range(2)] == [2, 1]
    assert not end.writer.finished
    frame = end.frame()
    assert frame.goodbye.reason == pb.GOODBYE_REASON_SHUTDOWN
    assert (frame.goodbye.last_sent, frame.ack) == (3, 1)
    assert end.writer.finished


def test_goodbye_always_has_an_ack(end: End) -> None:
    end.writer.part(pb.Goodbye())
    frame = end.frame()
    assert frame.HasField("ack")
    assert frame.ack == 0


def test_nothing_follows_a_goodbye(end: End) -> None:
    end.writer.part(pb.Goodbye())
    end.frame()
    end.put(event())
    end.arrive(1)
    end.inbox.is_due(0.0)
    end.writer.pong(1)
    assert end.next(99.0) is None
    assert end.writer.deadline(end.inbox) is None, "or a shell would never sleep"


def test_after_the_peers_goodbye_nothing_new_is_written(end: End) -> None:
    end.put(event())
    end.writer.stop()
    assert end.next() is None
    end.arrive(1)
    assert end.next(0.0) is None
    assert end.frame(1.0).ack == 1
    end.writer.part(pb.Goodbye())
    assert end.frame().goodbye.last_sent == 1


def test_who_breaks_off_says_nothing_else() -> None:
    end = End(Role.MAIN)
    end.begin(pb.Welcome(), silent=False)
    end.put(event())
    end.writer.break_off(pb.Goodbye(message="no"))
    frame = end.frame()
    assert frame == pb.StreamResponse(
        ack=0, goodbye=pb.Goodbye(message="no", last_sent=1)
    )
    assert end.next() is None


def test_before_a_hello_nothing_can_be_said() -> None:
    end = End(Role.RENDERER)
    end.begin(pb.Hello(), silent=True)
    end.writer.break_off(pb.Goodbye())
    assert end.writer.finished
    assert end.next() is None


def test_a_goodbye_that_ends_only_the_link_tells_no_last_number() -> None:
    end = End(Role.MAIN)
    end.put(event())
    end.writer.part(pb.Goodbye(may_resume=True))
    end.frame()
    assert end.frame().goodbye == pb.Goodbye(may_resume=True)


def test_a_new_link_forgets_the_goodbye_of_the_old() -> None:
    end = End(Role.MAIN)
    end.writer.part(pb.Goodbye(may_resume=True))
    end.frame()
    end.begin(pb.Welcome(), silent=False)
    assert not end.writer.finished
    assert parse_response(end.next() or b"").HasField("welcome")
    assert end.next() is None
