"""What a renderer sends: events, sync messages, invokes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from renderer import (
    DataCloneError,
    IpcError,
    IpcTimeout,
    NoHandler,
    PayloadTooLarge,
    RemoteError,
)
from renderer.wire import events, messages
from renderer.wire.limits import Limits
from tests.support.memory import Heard, MemoryMain, MemoryRenderer
from tests.support.processes import PATIENCE

# ---- sending -------------------------------------------------------------------------

NO_LANES = pytest.mark.parametrize(
    ("lane", "error", "text"),
    [
        (-1, ValueError, "from 0 to 4,294,967,295; given was -1"),
        (2**32, ValueError, "given was 4294967296"),
        (True, TypeError, "a lane is an int; given was a bool"),
        ("1", TypeError, "given was a str"),
        (1.0, TypeError, "given was a float"),
        (None, TypeError, "given was None"),
    ],
)


@pytest.mark.parametrize("lane", [0, 1, 2**32 - 1])
def test_messages_name_their_lane(
    main: MemoryMain, ipc: MemoryRenderer, lane: int
) -> None:
    ipc.send("x", lane=lane)
    assert main.hear_call().message.lane == lane
    reply = ipc.invoke("y", lane=lane)
    call = main.hear_call()
    assert call.message.lane == lane
    main.answer(call, 1)
    assert reply.result(PATIENCE) == 1


@NO_LANES
def test_what_is_no_lane_is_refused(
    main: MemoryMain, ipc: MemoryRenderer, lane: Any, error: type[Exception], text: str
) -> None:
    for send in (ipc.send, ipc.invoke):
        with pytest.raises(error, match=text):
            send("x", lane=lane)
    assert not ipc.is_connected()


def test_a_timeout_that_is_no_number_is_refused(ipc: MemoryRenderer) -> None:
    wrong: Any = "5"
    for use in (ipc.flush, ipc.drain, ipc.wait):
        with pytest.raises(TypeError, match=r"^timeout is a number of seconds"):
            use(timeout=wrong)
    for call in (ipc.send_sync, ipc.invoke):
        with pytest.raises(TypeError, match=r"^timeout is a number of seconds"):
            call("x", timeout=wrong)
    assert not ipc.is_connected()


def test_events_arrive_in_order(main: MemoryMain, ipc: MemoryRenderer) -> None:
    for number in range(100):
        ipc.send("n", number)
    assert [main.hear() for _ in range(100)] == [("n", [n]) for n in range(100)]


def test_what_cannot_be_sent_is_refused_before_anything_is_opened(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    with pytest.raises(DataCloneError) as refused:
        ipc.send("x", {"user": [{"callback": print}]})
    assert refused.value.path == "args[0].user[0].callback"
    with pytest.raises(TypeError, match="a channel is a str"):
        ipc.send(7)  # type: ignore[arg-type]  # what the test is about
    assert main.closed == 0
    assert not ipc.is_connected()


def test_default_converts_what_cannot_be_sent(main: MemoryMain) -> None:
    with MemoryRenderer(main, default=str) as ipc:
        ipc.send("x", 1 + 2j)
        assert main.hear() == ("x", ["(1+2j)"])


def test_send_waits_while_the_window_is_full(helpers: ThreadPoolExecutor) -> None:
    main = MemoryMain(Limits(window_messages=2))
    main.consuming = False
    with MemoryRenderer(main) as ipc:
        ipc.send("n", 0)
        ipc.send("n", 1)
        waiting = helpers.submit(ipc.send, "n", 2)
        with pytest.raises(IpcTimeout, match="no room within") as full:
            ipc.send_sync("n", timeout=0.01)
        assert str(full.value).endswith(" within 0.01 s; it was not sent")
        with pytest.raises(IpcTimeout, match="no room within"):
            ipc.drain(timeout=0.01)
        assert not waiting.done()
        main.consume()
        waiting.result(PATIENCE)
        assert [main.hear() for _ in range(3)] == [("n", [n]) for n in range(3)]
        main.consume(2)
        ipc.drain(PATIENCE)


def test_those_who_wait_for_the_window_go_in_turn(
    helpers: ThreadPoolExecutor,
) -> None:
    main = MemoryMain(Limits(window_messages=1))
    main.consuming = False
    with MemoryRenderer(main) as ipc:
        ipc.send("n", -1)
        exchange = ipc._line().exchange  # noqa: SLF001 - to see who waits
        for number in range(5):
            helpers.submit(ipc.send, "n", number)
            while len(exchange._turns) <= number:  # noqa: SLF001
                pass
        for number in range(-1, 5):
            assert main.hear() == ("n", [number])
            main.consume()


def test_too_large_a_message_is_refused(ipc: MemoryRenderer) -> None:
    ipc.connect()
    with pytest.raises(PayloadTooLarge):
        ipc.send("x", bytes(65 * 1024 * 1024))


def test_what_interrupts_a_send_is_sent_after_it(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    """A signal handler or finalizer that runs under the lock."""
    ipc.connect()
    line = ipc._line()  # noqa: SLF001 - to stand under the lock

    def interrupted(_: int) -> None:
        ipc.send("handler", 2)
        with pytest.raises(IpcError, match="not possible here"):
            ipc.invoke("handler")
        with pytest.raises(IpcError, match="not possible here"):
            ipc.send_sync("handler")

    line.exchange.put(messages.event("first", [1]), interrupted)
    assert main.hear() == ("first", [1])
    assert main.hear() == ("handler", [2])


def test_who_was_refused_a_message_is_not_taken_for_one_who_interrupts(
    ipc: MemoryRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.connect()
    exchange = ipc._line().exchange  # noqa: SLF001 - to hold it up
    with pytest.raises(PayloadTooLarge):
        ipc.send("x", bytes(65 * 1024 * 1024))
    held, let_go = threading.Event(), threading.Event()

    def hold() -> bool:
        with exchange._lock:  # noqa: SLF001 - as who takes in a frame does
            held.set()
            return let_go.wait(PATIENCE)

    holder = helpers.submit(hold)
    try:
        assert held.wait(PATIENCE)
        assert not exchange.is_interrupted()
    finally:
        let_go.set()
    assert holder.result(PATIENCE)


def test_an_interrupting_message_that_cannot_be_put_is_reported(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.connect()
    line = ipc._line()  # noqa: SLF001 - to stand under the lock
    large = bytes(65 * 1024 * 1024)
    line.exchange.put(messages.event("first", [1]), lambda _: ipc.send("x", large))
    ipc.flush(PATIENCE)
    assert "a message was not sent: the message has" in caplog.text


# ---- sync messages -------------------------------------------------------------------


def test_send_sync_on_the_stream(
    main: MemoryMain, ipc: MemoryRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.connect()
    pong = helpers.submit(ipc.send_sync, "ping", 1, timeout=PATIENCE)
    call = main.hear_call()
    assert (call.body.channel, call.is_sync) == ("ping", True)
    assert call.timeout is not None
    assert PATIENCE - 1 < call.timeout <= PATIENCE
    main.answer(call, {"pong": 1})
    assert pong.result(PATIENCE) == {"pong": 1}


def test_send_sync_without_a_timeout(
    main: MemoryMain, ipc: MemoryRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.connect()
    pong = helpers.submit(ipc.sendSync, "ping", timeout=None)
    call = main.hear_call()
    assert call.timeout is None
    main.fail(call, ValueError("boom"))
    with pytest.raises(RemoteError) as raised:
        pong.result(PATIENCE)
    assert str(raised.value) == "Error invoking remote method 'ping': ValueError: boom"


def test_a_timeout_reads_the_same_when_main_is_quicker(
    main: MemoryMain, ipc: MemoryRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.connect()
    asking = helpers.submit(ipc.send_sync, "x", timeout=PATIENCE)
    main.refuse(main.hear_call(), IpcTimeout("'x' took longer than its caller waits"))
    with pytest.raises(IpcTimeout, match=rf"^no reply to 'x' within {PATIENCE:g} s$"):
        asking.result(PATIENCE)


def test_a_sync_message_that_takes_too_long(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    ipc.connect()
    with pytest.raises(IpcTimeout, match=r"^no reply to 'x' within 0.01 s$"):
        ipc.send_sync("x", timeout=0.01)
    call = main.hear_call()
    assert main.noted_of(events.Cancelled) == [events.Cancelled(call.message.id)]
    main.answer(call, "too late")  # ignored
    ipc.flush(PATIENCE)


def test_an_interrupted_sync_message_leaves_nothing_behind(
    main: MemoryMain, ipc: MemoryRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renderer.reply import SyncAnswer

    class Interrupted:
        def get(self, timeout: float | None) -> None:
            raise KeyboardInterrupt

    class Answer:
        number = 0
        queue = Interrupted()

    ipc.connect()
    monkeypatch.setattr("renderer.threads.connection.SyncAnswer", Answer)
    with pytest.raises(KeyboardInterrupt):
        ipc.send_sync("x")
    monkeypatch.setattr("renderer.threads.connection.SyncAnswer", SyncAnswer)
    call = main.hear_call()
    assert main.noted_of(events.Cancelled) == [events.Cancelled(call.message.id)]


# ---- invoke --------------------------------------------------------------------------


def test_invoke_is_sent_when_it_returns(main: MemoryMain, ipc: MemoryRenderer) -> None:
    reply = ipc.invoke("add", 1, 2)
    call = main.hear_call()
    assert (call.body.channel, call.is_invoke, call.timeout) == ("add", True, None)
    main.answer(call, 3)
    assert reply.result(PATIENCE) == 3
    assert reply.result(0) == 3


def test_invoke_fails_as_main_says(main: MemoryMain, ipc: MemoryRenderer) -> None:
    reply = ipc.invoke("add")
    main.session.put(messages.refusal(1, NoHandler("No handler registered for 'add'")))
    main.flow()
    with pytest.raises(NoHandler, match="No handler registered for 'add'"):
        reply.result(PATIENCE)


def test_an_invoke_ends_by_its_own_timeout(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    ipc.connect()
    reply = ipc.invoke("x", timeout=0.01)
    with pytest.raises(IpcTimeout, match=r"^no reply to 'x' within 0.01 s$"):
        reply.result(PATIENCE)
    call = main.hear_call()
    assert main.noted_of(events.Cancelled) == [events.Cancelled(call.message.id)]
    main.answer(call, "too late")


def test_an_answered_invoke_does_not_time_out(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    reply = ipc.invoke("x", timeout=3600)
    timed = ipc._line()._calls.timed  # noqa: SLF001
    ((id, alarm),) = timed.items()
    expire = alarm.job
    assert expire is not None
    main.answer(main.hear_call(), "in time")
    assert reply.result(PATIENCE) == "in time"
    assert (id in timed, alarm.job) == (False, None)
    expire()  # the clock may have been about to
    assert reply.result(0) == "in time"
    assert main.noted_of(events.Cancelled) == []


def test_a_cancelled_invoke_reaches_main(main: MemoryMain, ipc: MemoryRenderer) -> None:
    reply = ipc.invoke("x")
    assert reply.cancel()
    assert reply.cancel()
    call = main.hear_call()
    assert main.noted_of(events.Cancelled) == [events.Cancelled(call.message.id)]
    main.answer(call, "too late")
    ipc.flush(PATIENCE)
    assert reply.cancelled()


def test_callbacks_run_where_listeners_do(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    threads = Heard()
    ipc.on("x", lambda: threads.put(threading.current_thread()))
    reply = ipc.invoke("y")
    reply.add_done_callback(lambda _: threads.put(threading.current_thread()))
    main.send("x")
    main.answer(main.hear_call(), None)
    assert threads.next() is threads.next()
