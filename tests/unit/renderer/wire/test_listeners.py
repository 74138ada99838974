import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from renderer.wire.errors import DataCloneError, DuplicateHandler
from renderer.wire.listeners import (
    ListenerTable,
    Registration,
    Subscription,
    checked_channel,
    checked_lane,
    no_handler,
    no_listener,
)


def first() -> None: ...


def second() -> None: ...


class Page:
    def method(self) -> None: ...


@pytest.fixture
def table() -> ListenerTable:
    return ListenerTable()


def fns(registrations: tuple[Registration, ...]) -> list[Any]:
    return [registration.fn for registration in registrations]


# ---- listeners -----------------------------------------------------------------------


def test_a_fresh_table_is_empty(table: ListenerTable) -> None:
    assert table.event_names() == []
    assert table.count("x") == 0
    assert table.take("x") == ()
    assert table.take_handler("x") is None


def test_listeners_are_taken_in_the_order_of_registration(table: ListenerTable) -> None:
    table.add("x", second)
    table.add("x", first, thread=True)
    table.add("x", second)
    taken = table.take("x")
    assert fns(taken) == [second, first, second]
    assert [registration.thread for registration in taken] == [False, True, False]
    assert table.take("x") == taken
    assert table.count("x") == 3


def test_channels_are_apart_and_none_is_special(table: ListenerTable) -> None:
    table.add("error", first)
    table.add("", second)
    assert fns(table.take("error")) == [first]
    assert table.event_names() == ["error", ""]


def test_once_is_out_of_the_table_when_it_is_taken(table: ListenerTable) -> None:
    table.add("x", first, once=True)
    table.add("x", second)
    table.add("y", first, once=True)
    assert fns(table.take("x")) == [first, second]
    assert fns(table.take("x")) == [second]
    assert fns(table.take("y")) == [first]
    assert table.event_names() == ["x"]


def test_removing_takes_the_latest_of_equals(table: ListenerTable) -> None:
    table.add("x", first, thread=True)
    table.add("x", second)
    table.add("x", first)
    table.remove("x", first)
    assert [(r.fn, r.thread) for r in table.take("x")] == [
        (first, True),
        (second, False),
    ]


def test_removing_what_is_not_there_is_silent(table: ListenerTable) -> None:
    table.add("x", first)
    table.remove("x", second)
    table.remove("y", first)
    assert fns(table.take("x")) == [first]


def test_bound_methods_are_found(table: ListenerTable) -> None:
    page = Page()
    table.add("x", page.method)
    table.remove("x", Page().method)
    assert table.count("x") == 1
    table.remove("x", page.method)
    assert table.event_names() == []


def test_a_registration_is_removed_and_not_its_equal(table: ListenerTable) -> None:
    one, two = table.add("x", first), table.add("x", first)
    table.remove_registration(one)
    table.remove_registration(one)
    assert table.take("x") == (two,)


def test_all_listeners_of_a_channel_or_of_all(table: ListenerTable) -> None:
    for channel in "xyz":
        table.add(channel, first)
    table.set_handler("x", first)
    table.remove_all("x")
    table.remove_all("not there")
    assert table.event_names() == ["y", "z"]
    table.remove_all()
    assert table.event_names() == []
    assert table.has_handler("x")


def test_a_snapshot_does_not_change(table: ListenerTable) -> None:
    registration = table.add("x", first)
    taken = table.take("x")
    table.remove_all()
    table.add("x", second)
    assert taken == (registration,)


@pytest.mark.parametrize("fn", [None, 5, "f"])
def test_a_listener_can_be_called(table: ListenerTable, fn: Any) -> None:
    found = type(fn).__name__
    with pytest.raises(
        TypeError, match=f"Expected listener to be a function, .* type '{found}'"
    ):
        table.add("x", fn)
    assert table.event_names() == []


# ---- handlers ------------------------------------------------------------------------


def test_a_channel_has_one_handler(table: ListenerTable) -> None:
    registration = table.set_handler("add", first, thread=True)
    assert table.take_handler("add") is registration
    assert table.take_handler("add") is registration
    assert (registration.thread, registration.kind) == (True, "handler")
    assert table.event_names() == []
    with pytest.raises(
        DuplicateHandler, match=r"^Attempted to register a second handler for 'add'$"
    ):
        table.set_handler("add", second)


def test_a_second_handler_is_noticed_before_what_it_is(table: ListenerTable) -> None:
    table.set_handler("add", first)
    not_callable: Any = None
    with pytest.raises(DuplicateHandler):
        table.set_handler("add", not_callable)
    with pytest.raises(TypeError, match="Expected handler to be a function"):
        table.set_handler("other", not_callable)
    assert not table.has_handler("other")


def test_handle_once_is_out_of_the_table_when_it_is_taken(table: ListenerTable) -> None:
    registration = table.set_handler("add", first, once=True)
    assert table.take_handler("add") is registration
    assert table.take_handler("add") is None
    table.set_handler("add", second)


def test_handlers_are_removed_by_channel(table: ListenerTable) -> None:
    table.set_handler("add", first)
    table.remove_handler("add")
    table.remove_handler("add")
    assert not table.has_handler("add")


def test_an_old_registration_does_not_remove_a_new_handler(
    table: ListenerTable,
) -> None:
    old = table.set_handler("add", first)
    table.remove_registration(old)
    new = table.set_handler("add", first)
    table.remove_registration(old)
    assert table.take_handler("add") is new


# ---- channels ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "given"),
    [(None, "None"), (5, "a int"), (b"x", "a bytes"), (print, "a builtin_function")],
)
def test_a_channel_is_a_str(table: ListenerTable, channel: Any, given: str) -> None:
    for register in (table.add, table.set_handler):
        with pytest.raises(TypeError, match=f"a channel is a str; given was {given}"):
            register(channel, first)


def test_a_channel_can_be_sent(table: ListenerTable) -> None:
    assert checked_channel("é😀") == "é😀"
    with pytest.raises(DataCloneError, match="lone surrogate at index 1") as caught:
        table.add("é\ud800", first)
    assert caught.value.path == "channel"


def test_a_subclass_of_str_becomes_a_plain_one() -> None:
    class Name(str):
        __slots__ = ()

    assert type(checked_channel(Name("x"))) is str


# ---- threads -------------------------------------------------------------------------


class Gate(contextlib.AbstractContextManager[None]):
    """A lock that lets another thread be quicker, once."""

    def __init__(self) -> None:
        self.quicker: list[Any] = []

    def __enter__(self) -> None:
        while self.quicker:
            self.quicker.pop()()

    def __exit__(self, *_: object) -> None: ...


def test_once_is_given_to_one_of_two_threads() -> None:
    gate = Gate()
    table = ListenerTable(gate)
    table.add("x", first, once=True)
    taken: list[tuple[Registration, ...]] = []
    gate.quicker.append(lambda: taken.append(table.take("x")))
    assert table.take("x") == ()
    assert fns(taken[0]) == [first]


def test_handle_once_is_given_to_one_of_two_threads() -> None:
    gate = Gate()
    table = ListenerTable(gate)
    table.set_handler("x", first, once=True)
    gate.quicker.append(lambda: table.take_handler("x"))
    assert table.take_handler("x") is None
    lasting = None
    table.set_handler("x", first, once=True)

    def replaced() -> None:
        nonlocal lasting
        table.remove_handler("x")
        lasting = table.set_handler("x", second)

    gate.quicker.append(replaced)
    assert table.take_handler("x") is lasting
    assert table.take_handler("x") is lasting


def test_no_registration_is_lost_between_threads() -> None:
    table = ListenerTable(threading.RLock())
    rounds, taken = 300, list[Registration]()

    def register(start: threading.Barrier) -> None:
        start.wait()
        for _ in range(rounds):
            table.add("x", first, once=True)
            table.remove_registration(table.add("x", second))

    def take(start: threading.Barrier) -> None:
        start.wait()
        for _ in range(rounds):
            taken.extend(r for r in table.take("x") if r.fn is first)

    start = threading.Barrier(4)
    threads = [
        threading.Thread(target=target, args=(start,))
        for target in (register, register, take, take)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.extend(table.take("x"))
    assert len(taken) == len({*map(id, taken)}) == 2 * rounds
    assert table.event_names() == []


# ---- texts ---------------------------------------------------------------------------


@pytest.fixture
def known(table: ListenerTable) -> ListenerTable:
    table.add("asynchronous-message", first)
    table.set_handler("add", first)
    return table


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        (
            "asynchronous-mesage",
            (
                "no listener for 'asynchronous-mesage'"
                "; did you mean 'asynchronous-message'?"
            ),
        ),
        ("add", "no listener for 'add' (it has a handler: use invoke)"),
        ("something else", "no listener for 'something else'"),
    ],
)
def test_no_listener_teaches(known: ListenerTable, channel: str, text: str) -> None:
    assert str(no_listener(channel, ListenerTable(), known)) == text


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("ad", "No handler registered for 'ad'; did you mean 'add'?"),
        (
            "asynchronous-message",
            (
                "No handler registered for 'asynchronous-message'"
                " (it has a listener: use send or send_sync)"
            ),
        ),
        ("something else", "No handler registered for 'something else'"),
    ],
)
def test_no_handler_teaches(known: ListenerTable, channel: str, text: str) -> None:
    assert str(no_handler(channel, ListenerTable(), known)) == text


def test_advice_names_what_the_caller_has(known: ListenerTable) -> None:
    error = no_handler("asynchronous-message", known, instead="send")
    assert str(error).endswith("(it has a listener: use send)")


def test_near_miss_of_each_kind(known: ListenerTable) -> None:
    assert known.near_miss("adds", "handler") == "add"
    assert known.near_miss("adds", "listener") is None
    assert known.near_miss("asynchronous-messages", "listener") is not None


def test_a_near_miss_is_like_it(known: ListenerTable) -> None:
    assert known.near_miss("ads", "handler") is None
    assert known.near_miss("address", "handler") is None


def test_looking_for_a_near_miss_is_bounded(table: ListenerTable) -> None:
    table.add("x" * 49, first)
    assert table.near_miss("x" * 48, "listener") == "x" * 49
    assert table.near_miss("x" * 49, "listener") is None
    for number in range(50):
        table.add(f"{number:06}", first)
    table.add("zebra", first)
    assert table.near_miss("zebras", "listener") is None


# ---- subscriptions -------------------------------------------------------------------


def test_a_subscription_unsubscribes_once(table: ListenerTable) -> None:
    off = Subscription(table, table.add("x", first))
    table.add("x", first)
    off()
    off()
    assert table.count("x") == 1


def test_a_subscription_is_a_context_manager(table: ListenerTable) -> None:
    with Subscription(table, table.set_handler("x", first)) as subscription:
        assert table.has_handler("x")
        assert repr(subscription) == "<Subscription of a handler for 'x'>"
    assert not table.has_handler("x")


def test_all_registrations_at_once(table: ListenerTable) -> None:
    on = table.add("a", first)
    once = table.add("b", second, once=True)
    handler = table.set_handler("a", first)
    assert table.registrations() == [on, once, handler]


def test_what_was_registered_once_can_be_restored(table: ListenerTable) -> None:
    table.add("x", first)
    off = Subscription(table, table.add("x", second, once=True))
    table.set_handler("y", first)
    before = table.registrations()
    table.take("x")
    table.remove_all()
    table.remove_handler("y")
    table.add("z", first)
    later = Subscription(table, table.set_handler("y", second))
    table.restore(before)
    assert table.registrations() == before
    assert table.event_names() == ["x"]
    later()
    off()
    assert [r.fn for r in table.registrations()] == [first, first]
    table.restore([])
    assert table.registrations() == []


# ---- lanes -------------------------------------------------------------------------


@pytest.mark.parametrize("lane", [0, 1, 2**32 - 1])
def test_a_lane_is_a_number_of_32_bits(lane: int) -> None:
    assert checked_lane(lane) == lane


@pytest.mark.parametrize("lane", [-1, 2**32])
def test_other_numbers_are_none(lane: int) -> None:
    with pytest.raises(ValueError, match=f"0 to 4,294,967,295; given was {lane}"):
        checked_lane(lane)


@pytest.mark.parametrize(
    ("lane", "given"),
    [(True, "a bool"), ("1", "a str"), (1.0, "a float"), (None, "None")],
)
def test_what_is_no_int_is_no_lane(lane: object, given: str) -> None:
    with pytest.raises(TypeError, match=f"a lane is an int; given was {given}"):
        checked_lane(lane)


# ---- not for everybody -------------------------------------------------------------


def allowing(*fns: object) -> Callable[[Registration], bool]:
    return lambda registration: registration.fn in fns


def test_a_table_knows_that_it_has_something_that_is_not_for_everybody() -> None:
    table = ListenerTable()
    table.add("x", first)
    table.set_handler("x", first)
    assert not table.guarded
    assert table.add("x", first, allow=bool).allow is bool
    assert table.guarded
    others = ListenerTable()
    assert others.set_handler("x", first, allow=bool).allow is bool
    assert others.guarded


def test_those_that_are_not_for_the_sender_stay() -> None:
    table = ListenerTable()
    for fn in (first, second):
        table.add("x", fn, once=True, allow=bool)
    table.add("x", first)
    assert table.take_allowed("x", allowing()) == ()
    assert table.take_allowed("y", allowing(first)) == ()
    assert [r.fn for r in table.take_allowed("x", allowing(first))] == [first, first]
    assert [r.fn for r in table.take_allowed("x", allowing(first))] == [first]
    assert [r.fn for r in table.take_allowed("x", allowing(second))] == [second]
    assert [r.fn for r in table.take("x")] == [first]


def test_who_is_taken_by_somebody_else_meanwhile_is_not_taken_twice() -> None:
    table = ListenerTable()
    table.add("x", first, once=True, allow=bool)

    def takes_it_first(_: Registration) -> bool:
        table.take("x")
        return True

    assert table.take_allowed("x", takes_it_first) == ()


def test_a_handler_may_be_looked_at() -> None:
    table = ListenerTable()
    assert table.handler("x") is None
    registration = table.set_handler("x", first, once=True)
    assert table.handler("x") is table.handler("x") is registration
