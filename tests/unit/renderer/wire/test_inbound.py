import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import Overloaded, RemoteProtocolError
from renderer.wire.inbound import Inbound
from renderer.wire.inbox import Inbox
from renderer.wire.limits import LARGE_FRAME, MAX_FRAME_MESSAGES, MAX_NUMBER, Limits
from tests.support.wires import channels

LIMITS = Limits(
    window_messages=8,
    window_bytes=1_000,
    max_frame_bytes=4_096,
    max_message_bytes=4_000,
)
CANCEL = pb.Message(id=3, cancel=pb.Cancel())
REPLY = pb.Message(id=4, reply=pb.Reply())
UNKNOWN = pb.Message(id=5)
ABORT = pb.Message(chunk=pb.Chunk(transfer=1, abort=True))


def event(channel: str) -> pb.Message:
    return pb.Message(event=pb.Event(channel=channel))


def call(id: int) -> pb.Message:
    return pb.Message(id=id, call=pb.Call(channel="c"))


def dropped(count: int) -> pb.Message:
    return pb.Message(dropped=pb.Dropped(channel="d", count=count))


def chunk(
    data: bytes, *, last: bool = False, reply: bool = False, lane: int = 0
) -> pb.Message:
    body = pb.Chunk(transfer=1 + lane, data=data, last=last, reply=reply)
    return pb.Message(lane=lane, chunk=body)


class Receiver:
    def __init__(self, *, chunks: bool = True, lanes: bool = False) -> None:
        self.inbox = Inbox(LIMITS)
        self.inbound = Inbound(self.inbox, LIMITS)
        self.inbound.chunks = chunks
        self.inbound.lanes = lanes

    def hear(
        self, *messages: pb.Message, first: int | None = None, size: int = 0
    ) -> list[events.SessionEvent]:
        out: list[events.SessionEvent] = []
        self.unknown = self.inbound.receive(first, messages, size, out)
        return out


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


# ---- kinds -------------------------------------------------------------------------


def test_events_and_calls_wait_for_the_dispatcher(receiver: Receiver) -> None:
    happened = receiver.hear(event("a"), call(9))
    assert happened == [
        events.Arrived(1, "event", event("a")),
        events.Arrived(2, "call", call(9)),
    ]
    assert receiver.inbox.waiting == 2


def test_those_of_a_large_frame_may_take_long_to_read(receiver: Receiver) -> None:
    (small,) = receiver.hear(event("a"), size=LARGE_FRAME)
    large, _, other = receiver.hear(event("a"), REPLY, call(9), size=LARGE_FRAME + 1)
    assert [arrived(one).large for one in (small, large, other)] == [False, True, True]


def arrived(happened: events.SessionEvent) -> events.Arrived:
    assert isinstance(happened, events.Arrived)
    return happened


def test_replies_and_cancels_are_handled_on_receipt(receiver: Receiver) -> None:
    happened = receiver.hear(CANCEL, REPLY)
    assert happened == [events.Cancelled(3), events.Replied(4, pb.Reply())]
    assert receiver.inbox.ack == 2


def test_an_unknown_kind_is_counted_and_answered(receiver: Receiver) -> None:
    assert receiver.hear(UNKNOWN, pb.Message()) == []
    assert receiver.unknown == [5]
    assert receiver.inbox.ack == 2


def test_an_unknown_kind_that_comes_again_is_not_answered_again(
    receiver: Receiver,
) -> None:
    receiver.hear(UNKNOWN)
    receiver.hear(UNKNOWN, first=1)
    assert receiver.unknown == []


@pytest.mark.parametrize("id", [0, MAX_NUMBER + 1])
def test_ids_a_call_cannot_have(receiver: Receiver, id: int) -> None:
    with pytest.raises(RemoteProtocolError, match=r"call without id|63 bits"):
        receiver.hear(call(id))


@pytest.mark.parametrize(
    "message", [CANCEL, REPLY, UNKNOWN], ids=["cancel", "reply", "unknown"]
)
def test_ids_have_63_bits(receiver: Receiver, message: pb.Message) -> None:
    large = pb.Message(id=MAX_NUMBER + 1)
    large.MergeFrom(message)
    large.id = MAX_NUMBER + 1
    with pytest.raises(RemoteProtocolError, match="63 bits"):
        receiver.hear(large)


def test_a_frame_has_so_many_messages_at_most(receiver: Receiver) -> None:
    with pytest.raises(RemoteProtocolError, match="4,097 messages in one frame"):
        receiver.hear(*[CANCEL] * (MAX_FRAME_MESSAGES + 1))
    assert receiver.inbox.received == 0
    assert len(receiver.hear(*[CANCEL] * MAX_FRAME_MESSAGES)) == MAX_FRAME_MESSAGES


def test_a_lane_that_was_not_agreed_on(receiver: Receiver) -> None:
    with pytest.raises(RemoteProtocolError, match="lane 1 was not agreed on"):
        receiver.hear(pb.Message(lane=1, event=pb.Event()))


# ---- numbers -----------------------------------------------------------------------


def test_an_overlap_has_no_effect(receiver: Receiver) -> None:
    receiver.hear(event("a"), CANCEL, event("b"))
    happened = receiver.hear(CANCEL, event("b"), event("c"), first=2)
    assert channels(happened) == ["c"]
    assert receiver.inbox.received == 4


def test_what_stands_in_an_overlap_is_not_even_looked_at(receiver: Receiver) -> None:
    receiver.hear(event("a"))
    assert receiver.hear(pb.Message(lane=7), first=1) == []


def test_a_tombstone_counts_for_all_it_stands_for(receiver: Receiver) -> None:
    happened = receiver.hear(dropped(3), event("a"))
    assert happened == [
        events.GivenUp("d", 3),
        events.Arrived(4, "event", event("a")),
    ]


def test_a_tombstone_without_count_stands_for_one(receiver: Receiver) -> None:
    assert receiver.hear(dropped(0)) == [events.GivenUp("d", 1)]
    assert receiver.inbox.received == 1


def test_a_tombstone_half_in_the_overlap_counts_for_its_rest(
    receiver: Receiver,
) -> None:
    receiver.hear(event("a"), event("b"))
    happened = receiver.hear(dropped(4), event("c"), first=1)
    assert happened[0] == events.GivenUp("d", 2)
    assert channels(happened) == ["c"]
    assert receiver.inbox.received == 5


def test_a_tombstone_within_the_overlap_is_nothing(receiver: Receiver) -> None:
    receiver.hear(event("a"), event("b"), event("c"))
    assert receiver.hear(dropped(2), first=1) == []
    assert receiver.hear(dropped(2), dropped(1), first=1) == []


def test_the_largest_tombstone(receiver: Receiver) -> None:
    assert receiver.hear(dropped(MAX_NUMBER)) == [events.GivenUp("d", MAX_NUMBER)]
    with pytest.raises(RemoteProtocolError, match="exceeds 63 bits"):
        receiver.hear(event("a"))


@pytest.mark.parametrize("count", [MAX_NUMBER, 2**64 - 1])
def test_a_tombstone_beyond_all_numbers(receiver: Receiver, count: int) -> None:
    receiver.hear(event("a"))
    with pytest.raises(RemoteProtocolError, match="exceeds 63 bits"):
        receiver.hear(dropped(count))
    assert receiver.inbox.received == 1


# ---- chunks ------------------------------------------------------------------------


def test_a_large_message_stands_where_its_last_chunk_stands(
    receiver: Receiver,
) -> None:
    data = pb.Message(
        event=pb.Event(channel="big", packed=bytes(2_000))
    ).SerializeToString()
    assert receiver.hear(event("a"), chunk(data[:1_500]))[1:] == []
    happened = receiver.hear(CANCEL, dropped(1), chunk(data[1_500:], last=True))
    assert happened[:2] == [events.Cancelled(3), events.GivenUp("d", 1)]
    assert channels(happened) == ["big"]
    assert receiver.inbox.received == 5
    receiver.inbox.consume()
    assert receiver.inbox.ack == 4, "the last chunk is consumed with the message"
    receiver.inbox.consume()
    assert receiver.inbox.ack == 5


def test_a_large_reply_is_handled_on_receipt(receiver: Receiver) -> None:
    reply = pb.Message(id=4, reply=pb.Reply(packed=bytes(2_000)))
    data = reply.SerializeToString()
    receiver.hear(chunk(data[:1_500], reply=True))
    happened = receiver.hear(chunk(data[1_500:], last=True, reply=True))
    assert happened == [events.Replied(4, reply.reply)]
    assert receiver.inbox.ack == 2


@pytest.mark.parametrize(
    "message", [event("a"), call(1), REPLY], ids=["event", "call", "reply"]
)
def test_nothing_stands_between_chunks(receiver: Receiver, message: pb.Message) -> None:
    receiver.hear(chunk(bytes(1_024)))
    with pytest.raises(RemoteProtocolError, match="stands between chunks"):
        receiver.hear(message)


def test_a_newer_kind_may_stand_between_chunks(receiver: Receiver) -> None:
    receiver.hear(chunk(bytes(1_024)))
    assert receiver.hear(UNKNOWN) == []


def test_an_abort_is_one_message_given_up(receiver: Receiver) -> None:
    receiver.hear(chunk(bytes(1_024)))
    assert receiver.hear(ABORT, event("a"))[0] == events.GivenUp("", 1)
    assert receiver.inbox.received == 3


def test_an_aborted_reply_is_not_lost(receiver: Receiver) -> None:
    receiver.hear(chunk(bytes(1_024), reply=True))
    abort = pb.Message(chunk=pb.Chunk(transfer=1, abort=True, reply=True))
    assert receiver.hear(abort) == []


def test_chunks_must_be_agreed_on() -> None:
    with pytest.raises(RemoteProtocolError, match="chunks were not agreed on"):
        Receiver(chunks=False).hear(chunk(b"", last=True))


def test_a_chunk_that_comes_again_is_not_added_again(receiver: Receiver) -> None:
    data = pb.Message(
        event=pb.Event(channel="big", packed=bytes(2_000))
    ).SerializeToString()
    receiver.hear(chunk(data[:1_500]))
    receiver.hear(chunk(data[:1_500]), first=1)
    happened = receiver.hear(chunk(data[1_500:], last=True))
    assert channels(happened) == ["big"]


# ---- lanes -------------------------------------------------------------------------


def test_lanes_are_dispatched_in_order_of_arrival() -> None:
    receiver = Receiver(lanes=True)
    messages = [event("a"), call(1), event("b"), REPLY, event("c")]
    for lane, message in enumerate(messages):
        message.lane = lane % 3
    happened = receiver.hear(*messages)
    assert channels(happened) == ["a", "c", "b", "c"]
    assert receiver.inbox.received == 5


def test_other_lanes_go_on_between_chunks() -> None:
    receiver = Receiver(lanes=True)
    body = pb.Event(channel="big", packed=bytes(2_000))
    data = pb.Message(lane=3, event=body).SerializeToString()
    receiver.hear(chunk(data[:1_500], lane=3))
    assert channels(receiver.hear(event("a"), chunk(bytes(1_024), lane=4))) == ["a"]
    assert channels(receiver.hear(chunk(data[1_500:], last=True, lane=3))) == ["big"]
    behind = event("b")
    behind.lane = 3
    assert channels(receiver.hear(behind)) == ["b"]


@pytest.mark.parametrize(
    "message", [event("a"), call(1), REPLY], ids=["event", "call", "reply"]
)
def test_its_own_lane_does_not(message: pb.Message) -> None:
    receiver = Receiver(lanes=True)
    receiver.hear(chunk(bytes(1_024), lane=3))
    behind = pb.Message(lane=3)
    behind.MergeFrom(message)
    with pytest.raises(RemoteProtocolError, match="stands between chunks"):
        receiver.hear(behind)


# ---- the window --------------------------------------------------------------------


def test_replies_and_overlaps_are_never_an_overrun(receiver: Receiver) -> None:
    large = pb.Message(id=4, reply=pb.Reply(packed=bytes(9_000)))
    size = large.ByteSize() + event("a").ByteSize() + 50
    receiver.hear(event("a"), large, size=size)
    for _ in range(9):
        receiver.hear(large, size=large.ByteSize() + 10)
        receiver.hear(event("a"), large, first=1, size=size)
        receiver.hear(UNKNOWN, size=9_000)
    assert not receiver.inbox.overrun


def test_events_and_chunks_are_an_overrun(receiver: Receiver) -> None:
    receiver.hear(event("a"), size=100)
    receiver.hear(chunk(bytes(3_000)), size=9_000)
    assert receiver.inbox.overrun


# ---- after our Goodbye -------------------------------------------------------------


def test_nothing_is_handed_out_after_our_goodbye(receiver: Receiver) -> None:
    receiver.hear(event("a"))
    receiver.inbound.closing = True
    assert receiver.hear(event("b"), call(1), REPLY, size=99_999) == [
        events.Replied(4, pb.Reply())
    ]
    assert receiver.inbox.received == 4
    receiver.inbox.consume()
    assert receiver.inbox.ack == 1, "what is not handed out is not acked"
    assert not receiver.inbox.overrun


def test_numbers_are_minded_after_our_goodbye(receiver: Receiver) -> None:
    receiver.inbound.closing = True
    receiver.hear(dropped(MAX_NUMBER))
    with pytest.raises(RemoteProtocolError, match="63 bits"):
        receiver.hear(event("b"))


# ---- beside the link -----------------------------------------------------------------


def test_a_direction_without_numbers_merges_nothing(receiver: Receiver) -> None:
    receiver.hear(event("a"))
    with pytest.raises(RemoteProtocolError, match="tell no numbers"):
        receiver.inbound.merge(1, [event("a")], 1, [])


def test_once_something_was_merged_frames_have_numbers(receiver: Receiver) -> None:
    out: list[events.SessionEvent] = []
    receiver.inbound.merge(1, [event("a")], 1, out)
    assert channels(out) == ["a"]
    with pytest.raises(RemoteProtocolError, match="must carry first"):
        receiver.hear(event("b"))
    assert channels(receiver.hear(event("a"), event("b"), first=1)) == ["b"]


def test_what_exceeds_the_window_is_not_merged(receiver: Receiver) -> None:
    many = [event("a")] * (LIMITS.window_messages + 1)
    with pytest.raises(Overloaded):
        receiver.inbound.merge(1, many, 1, [])
    large = LIMITS.window_bytes + LIMITS.max_message_bytes + 1
    with pytest.raises(Overloaded):
        receiver.inbound.merge(1, [event("a")], large, [])
    assert not receiver.inbox.received
