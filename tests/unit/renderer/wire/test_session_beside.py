"""A session's messages that come beside its links, with a sync message."""

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.parcel import Parcel
from renderer.wire.state import State
from tests.support.wires import Pair, channels, event

UNKNOWN = pb.Message(id=7).SerializeToString()


def test_messages_that_come_beside_the_link_are_taken_once(opened: Pair) -> None:
    for channel in "ab":
        opened.renderer.put(event(channel))
    opened.flow()
    opened.cut()
    for channel in "cd":
        opened.renderer.put(event(channel))
    opened.main.take_events()
    said = opened.renderer.outbox.unacked(3, 1_000)
    assert said is not None
    opened.main.merge(1, [pb.Message.FromString(data) for data in said], 10)
    assert channels(opened.main.take_events()) == ["c"]
    opened.open()
    assert channels(opened.main.take_events()) == ["d"]


def test_an_unknown_kind_beside_the_link_is_answered(opened: Pair) -> None:
    opened.cut()
    opened.renderer.put(Parcel(UNKNOWN, counted=False, reply=False))
    assert opened.renderer.outbox.unacked(1, 1_000) == [UNKNOWN]
    opened.main.merge(1, [pb.Message.FromString(UNKNOWN)], 10)
    opened.renderer.take_events()
    opened.open()
    replied = opened.renderer.take_events()[-1]
    assert isinstance(replied, events.Replied)
    assert replied.reply.failure.reason == "UNIMPLEMENTED"


def test_what_comes_beside_a_welcome_under_way_is_acked(opened: Pair) -> None:
    opened.renderer.put(event("a"))
    opened.renderer.put(event("b"))
    opened.cut()
    opened.greet()  # the Welcome that main has made now says that nothing was received
    said = opened.renderer.outbox.unacked(1, 1_000)
    assert said is not None
    opened.main.merge(1, [pb.Message.FromString(data) for data in said], 10)
    opened.main.consume()
    welcome = opened.down()
    assert welcome is not None
    assert welcome.welcome.received == 0
    opened.main.put(event("an ack goes with it"))
    opened.main.request_ack()
    opened.down()
    assert opened.renderer.outbox.acked == 1
    opened.flow()
    assert opened.renderer.state is State.OPEN
    assert channels(opened.main.take_events()) == ["a", "b"]


def test_what_came_beside_a_lost_welcome_was_received(opened: Pair) -> None:
    opened.renderer.put(event("a"))
    opened.renderer.put(event("b"))
    opened.cut()
    opened.greet()
    said = opened.renderer.outbox.unacked(1, 1_000)
    opened.down()
    assert said is not None
    opened.main.merge(1, [pb.Message.FromString(data) for data in said], 10)
    opened.cut()  # before anything was written on that link
    opened.open()
    assert opened.renderer.state is State.OPEN
    assert channels(opened.main.take_events()) == ["a", "b"]
