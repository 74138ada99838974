import pytest

from renderer.wire.errors import RemoteProtocolError
from renderer.wire.inbox import Inbox
from renderer.wire.limits import MAX_NUMBER, Limits

LIMITS = Limits(
    window_messages=8,
    window_bytes=1_000,
    max_frame_bytes=4_096,
    max_message_bytes=2_000,
)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(LIMITS)


def arrive(inbox: Inbox, *numbers: int, size: int = 0) -> None:
    for number in numbers:
        inbox.arrive(number, waits=True)
    inbox.note_frame(size)


# ---- numbers -----------------------------------------------------------------------


def test_the_first_number_is_1(inbox: Inbox) -> None:
    assert inbox.start(None) == inbox.start(1) == 1


def test_an_overlap_is_legal_and_a_gap_is_not(inbox: Inbox) -> None:
    arrive(inbox, 1, 2, 3)
    assert [inbox.start(first) for first in (1, 3, 4)] == [1, 3, 4]
    assert inbox.start(None) == 4
    with pytest.raises(RemoteProtocolError, match="message 5 came where 4 was"):
        inbox.start(5)


@pytest.mark.parametrize("first", [0, 2, MAX_NUMBER + 1])
def test_numbers_that_cannot_begin(inbox: Inbox, first: int) -> None:
    with pytest.raises(RemoteProtocolError):
        inbox.start(first)


def test_numbers_have_63_bits(inbox: Inbox) -> None:
    inbox.arrive(MAX_NUMBER, waits=False)
    with pytest.raises(RemoteProtocolError, match="exceeds 63 bits"):
        inbox.arrive(MAX_NUMBER + 1, waits=False)
    assert inbox.received == MAX_NUMBER


# ---- consumption -------------------------------------------------------------------


def test_the_ack_stands_before_what_still_waits(inbox: Inbox) -> None:
    assert inbox.ack == 0
    arrive(inbox, 1, 2)
    inbox.arrive(3, waits=False)
    assert (inbox.ack, inbox.received, inbox.waiting) == (0, 3, 2)
    inbox.consume()
    assert inbox.ack == 1
    inbox.consume()
    assert (inbox.ack, inbox.waiting) == (3, 0)


def test_what_is_refused_is_never_acked(inbox: Inbox) -> None:
    arrive(inbox, 1)
    inbox.refuse(2)
    inbox.refuse(3)
    inbox.arrive(4, waits=False)
    assert inbox.ack == 0
    inbox.consume()
    assert (inbox.ack, inbox.received) == (1, 4)


# ---- acks --------------------------------------------------------------------------


def test_nothing_is_owed_at_first(inbox: Inbox) -> None:
    assert inbox.tell() is None
    assert not inbox.is_due(0.0)
    assert inbox.deadline is None


def test_an_owed_ack_rides_on_the_next_frame_once(inbox: Inbox) -> None:
    inbox.arrive(1, waits=False)
    assert inbox.tell() == 1
    assert inbox.tell() is None


def test_an_owed_ack_gets_a_frame_after_a_second(inbox: Inbox) -> None:
    inbox.arrive(1, waits=False)
    assert not inbox.is_due(5.0)
    assert inbox.deadline == 6.0
    assert not inbox.is_due(5.9)
    assert inbox.is_due(6.0)
    assert inbox.tell() == 1
    assert inbox.deadline is None


def test_a_quarter_of_the_messages_is_enough(inbox: Inbox) -> None:
    inbox.arrive(1, waits=False)
    assert not inbox.is_due(0.0)
    inbox.arrive(2, waits=False)
    assert inbox.is_due(0.0)


def test_a_quarter_of_the_bytes_is_enough(inbox: Inbox) -> None:
    arrive(inbox, 1, size=250)
    assert not inbox.is_due(0.0)
    inbox.consume()
    assert inbox.is_due(0.0)
    inbox.tell()
    assert not inbox.is_due(0.0)


def test_a_wanted_ack_is_due_when_all_before_it_is_consumed(inbox: Inbox) -> None:
    arrive(inbox, 1, 2)
    inbox.want_ack()
    assert not inbox.is_due(0.0)
    inbox.consume()
    assert not inbox.is_due(0.0)
    assert inbox.tell() == 1
    inbox.consume()
    assert inbox.is_due(0.0)
    assert inbox.tell() == 2
    assert not inbox.is_due(0.0)


def test_a_wanted_ack_is_sent_even_if_it_was_before(inbox: Inbox) -> None:
    inbox.arrive(1, waits=False)
    assert inbox.tell() == 1
    inbox.want_ack()
    assert inbox.is_due(0.0)
    assert inbox.tell() == 1
    assert inbox.tell() is None


def test_an_ack_of_nothing_can_be_wanted(inbox: Inbox) -> None:
    inbox.want_ack()
    assert inbox.is_due(0.0)
    assert inbox.tell() == 0


def test_after_a_resume_the_ack_is_owed_again(inbox: Inbox) -> None:
    inbox.arrive(1, waits=False)
    assert inbox.tell() == 1
    inbox.tell_again()
    assert inbox.tell() == 1
    inbox = Inbox(LIMITS)
    inbox.tell_again()
    assert inbox.tell() == 0


def test_what_was_wanted_stays_wanted_over_a_resume(inbox: Inbox) -> None:
    arrive(inbox, 1)
    inbox.want_ack()
    inbox.tell_again()
    assert inbox.tell() == 0
    inbox.consume()
    assert inbox.is_due(0.0)


# ---- overrun -----------------------------------------------------------------------


def test_a_full_window_is_no_overrun(inbox: Inbox) -> None:
    arrive(inbox, *range(1, 9), size=1_000)
    assert not inbox.overrun
    inbox.arrive(9, waits=True)
    assert inbox.overrun
    inbox.consume()
    assert not inbox.overrun


def test_bytes_overrun_beyond_one_largest_message_and_frame(inbox: Inbox) -> None:
    arrive(inbox, 1, size=1_000 + 2_000 + 4_096)
    assert not inbox.overrun
    arrive(inbox, 2, size=1)
    assert inbox.overrun
    inbox.consume()
    assert not inbox.overrun
