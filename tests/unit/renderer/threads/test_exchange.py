"""The writer's rest: who wakes it, and when it looks by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from renderer.deadline import Deadline
from renderer.threads.exchange import Exchange
from renderer.wire import messages
from renderer.wire.frames import parse_hello, parse_request
from renderer.wire.greeting import Admission
from renderer.wire.limits import Limits
from renderer.wire.session import Role, Session

LIMITS = Limits(ack_delay=1000.0)


class Link:
    """Counts how often it is woken. The test writes its frames."""

    def __init__(self) -> None:
        self.wakes = 0

    def carry(self, deliver: Callable[[bytes], object]) -> None: ...

    def wake(self) -> None:
        self.wakes += 1

    def finish(self) -> None: ...

    def cut(self) -> None: ...


class Wire:
    """An exchange that has been welcomed, and main."""

    def __init__(self, limits: Limits, *, grace: float = 0.0) -> None:
        self.link = Link()
        session = Session(Role.RENDERER, limits=limits, resume=grace > 0)
        self.exchange = Exchange(session)
        admission = Admission(b"secret", "s", 1, grace=grace)
        self.main = Session(Role.MAIN, admission=admission)
        self.feed = self.exchange.attach()
        hello = self.feed.next_frame()
        assert hello is not None
        epoch = self.main.accept(parse_hello(hello))
        assert epoch is not None
        self.epoch = epoch
        self.main.receive(epoch, hello, 0.0)
        assert self.feed.next_frame() is None
        self.exchange.begin(self.link)
        self.down()
        self.up()

    def up(self) -> list[bytes]:
        """Let the writer write until it rests."""
        frames = list(iter(self.feed.next_frame, None))
        for frame in frames:
            self.main.receive(self.epoch, frame, 0.0)
        return frames

    def down(self) -> None:
        while (frame := self.main.next_frame(0.0)) is not None:
            self.exchange.receive(self.feed.epoch, frame)

    def send_down(self) -> None:
        self.main.put(messages.event("x", []))
        self.down()
        self.exchange.consume()


@pytest.fixture
def wire() -> Wire:
    wire = Wire(LIMITS)
    wire.link.wakes = 0
    return wire


def test_a_resting_writer_is_woken_once(wire: Wire) -> None:
    for number in range(5):
        wire.exchange.send(messages.event("x", [number]))
    assert wire.link.wakes == 1
    assert [len(parse_request(frame).messages) for frame in wire.up()] == [1, 4]
    wire.exchange.send(messages.event("x", []))
    assert wire.link.wakes == 2


def test_a_writer_that_is_not_resting_is_not_woken(wire: Wire) -> None:
    wire.exchange.send(messages.event("x", []))
    assert wire.feed.next_frame() is not None  # and writes it
    wire.exchange.send(messages.event("x", []))
    assert wire.link.wakes == 1
    assert len(wire.up()) == 1


def test_with_traffic_no_message_wakes_the_writer_for_its_ack(wire: Wire) -> None:
    wire.exchange.send(messages.event("x", []))
    wire.up()
    wire.link.wakes = 0
    nap = wire.exchange.patience()
    assert nap is not None
    assert 0 < nap < LIMITS.ack_delay * 1.01  # (now + delay) - now is not just it
    wire.send_down()
    assert wire.link.wakes == 0


def test_after_a_silence_the_first_message_sets_the_alarm(wire: Wire) -> None:
    wire.up()  # the nap is over, and nothing was said
    assert wire.exchange.patience() is None
    wire.send_down()
    assert wire.link.wakes == 1
    assert wire.up() == []
    assert wire.exchange.patience() is not None
    wire.send_down()
    assert wire.link.wakes == 1


def test_a_quarter_of_the_window_is_acked_at_once() -> None:
    wire = Wire(Limits(ack_delay=1000.0, window_messages=8))
    wire.send_down()
    assert wire.up() == []
    wire.send_down()
    (frame,) = wire.up()
    assert parse_request(frame).ack == 2


def test_an_ack_that_was_asked_for_is_written_at_once(wire: Wire) -> None:
    wire.main.put(messages.event("x", []))
    wire.main.request_ack()
    wire.down()
    assert wire.up() == []
    wire.exchange.consume()
    (frame,) = wire.up()
    assert parse_request(frame).ack == 1


def test_an_ack_is_written_when_its_time_has_come() -> None:
    wire = Wire(Limits(ack_delay=0.0))
    wire.send_down()
    (frame,) = wire.up()
    assert parse_request(frame).ack == 1


# ---- from one link, or session, to the next ------------------------------------------


def kept() -> Wire:
    return Wire(LIMITS, grace=60.0)


def test_a_link_that_has_lost_the_session_gets_nothing() -> None:
    wire = kept()
    wire.exchange.cut()
    again = wire.exchange.attach()
    assert wire.feed.next_frame() is None, "the Hello is not for this one"
    hello = again.next_frame()
    assert hello is not None
    assert parse_hello(hello).token == b"secret"


def test_nothing_goes_beside_a_link_that_carries_messages() -> None:
    wire = kept()
    wire.exchange.send(messages.event("x", []))
    assert wire.exchange.unacked(1, 1_000) is None
    wire.exchange.cut()
    found = wire.exchange.unacked(1, 1_000)
    assert found is not None
    assert (found[0], len(found[1])) == (1, 1)


def test_nothing_is_drained_without_a_link() -> None:
    wire = kept()
    assert wire.exchange.drain(Deadline(0.0))
    wire.exchange.cut()
    assert not wire.exchange.drain(Deadline(0.0))


def test_an_answer_to_a_lost_session_is_dropped() -> None:
    wire = kept()
    era = wire.exchange.era
    wire.exchange.answer(messages.reply(1, "heard"), era)
    assert wire.exchange.session.outbox.last == 1
    wire.exchange.cut()
    wire.feed = wire.exchange.attach()
    wire.main = Session(Role.MAIN, admission=Admission(b"other", "s", 2))
    hello = wire.feed.next_frame()
    assert hello is not None
    wire.epoch = wire.main.accept(parse_hello(hello)) or 0
    wire.main.receive(wire.epoch, hello, 0.0)
    wire.down()
    assert wire.exchange.era == era + 1
    wire.exchange.answer(messages.reply(1, "too late"), era)
    assert wire.exchange.session.outbox.last == 0
    wire.exchange.answer(messages.reply(1, "now"), era + 1)
    assert wire.exchange.session.outbox.last == 1


def test_a_frame_that_waits_for_a_link_that_breaks_is_not_the_next_ones() -> None:
    wire = kept()
    wire.exchange.send(messages.event("x", []))
    assert wire.link.wakes, "it is made, and nobody has fetched it"
    wire.exchange.cut()
    hello = wire.exchange.attach().next_frame()
    assert hello is not None
    assert parse_request(hello).HasField("hello")
