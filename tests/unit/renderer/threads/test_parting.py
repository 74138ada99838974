"""How a connection ends, and what becomes of all that waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import (
    ConnectionClosed,
    IpcError,
    IpcTimeout,
)
from renderer.carrier import LinkBroken
from renderer.deadline import Deadline
from renderer.patience import ThreadPatience
from renderer.threads.connection import Connection
from renderer.wire import events, messages, reasons
from renderer.wire.limits import Limits
from renderer.wire.link import Fate
from renderer.wire.parcel import Parcel
from tests.support.memory import Heard, MemoryMain, MemoryRenderer
from tests.support.processes import PATIENCE


def test_a_cut_fails_all_that_waits(helpers: ThreadPoolExecutor) -> None:
    main = MemoryMain(Limits(window_messages=2))
    main.consuming = False
    ipc = MemoryRenderer(main)
    ended = Heard()
    ipc.on_disconnect(lambda: ended.put("disconnected"))
    reply = ipc.invoke("x")
    asking = helpers.submit(ipc.send_sync, "y", timeout=None)
    main.hear()
    main.hear()
    sending = [helpers.submit(ipc.send, "z") for _ in range(3)]
    flushing = helpers.submit(ipc.flush, None)
    draining = helpers.submit(ipc.drain, None)
    waiting = helpers.submit(ipc.wait)
    main.drop(LinkBroken("UNAVAILABLE: gone", "unknown", Fate.RESUME))

    with pytest.raises(ConnectionClosed) as closed:
        reply.result(PATIENCE)
    assert closed.value.outcome == "unknown"
    text = "the connection to main at memory broke: UNAVAILABLE: gone"
    assert str(closed.value) == text
    for future, outcome in (
        (asking, "unknown"),
        *((s, "not-sent") for s in sending),
        (flushing, "unknown"),
        (draining, "not-sent"),
    ):
        error = future.exception(PATIENCE)
        assert isinstance(error, ConnectionClosed)
        assert error.outcome == outcome
    assert waiting.result(PATIENCE) is False
    assert ended.next() == "disconnected"
    calls: list[Callable[[], object]] = [
        lambda: ipc.send("x"),
        lambda: ipc.invoke("x"),
        lambda: ipc.send_sync("x"),
        ipc.flush,
        ipc.drain,
    ]
    for call in calls:
        with pytest.raises(ConnectionClosed, match="UNAVAILABLE: gone"):
            call()
    assert ipc.wait() is False
    assert not ipc.is_connected()
    ipc.close()


def test_a_new_connection_after_a_cut(main: MemoryMain, ipc: MemoryRenderer) -> None:
    heard = Heard()
    ipc.on("x", heard.listener)
    ipc.connect()
    main.send("x", 1)
    main.drop()
    assert ipc.wait() is False
    ipc.connect()
    assert ipc.id == 2
    main.send("x", 2)
    assert [heard.next(), heard.next()] == [1, 2]
    ipc.send("y", 3)
    assert main.hear() == ("y", [3])


def test_a_hook_may_connect_again(main: MemoryMain, ipc: MemoryRenderer) -> None:
    heard = Heard()
    ipc.on("x", heard.listener)

    @ipc.on_disconnect
    def again() -> None:
        if ipc.connect().id == 2:
            heard.put(ipc.id)

    ipc.connect()
    main.drop()
    assert heard.next() == 2
    main.send("x", "again")
    assert heard.next() == "again"
    ipc._hooks.disconnect.clear()  # noqa: SLF001 - else it would come back for ever


def test_a_peer_that_breaks_the_contract(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.send("x")
    main.hear()
    main.send("unheard")
    main.write(b"\xff")
    assert ipc.wait(PATIENCE) is False
    with pytest.raises(ConnectionClosed, match="broke the contract: malformed frame"):
        ipc.send("x")
    (heard,) = main.noted_of(events.GoodbyeHeard)
    assert heard.reason == reasons.PROTOCOL


def test_mains_goodbye_waits_for_the_listeners(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    gate, heard = threading.Event(), Heard()

    @ipc.on("x")
    def listener(number: int) -> None:
        gate.wait(PATIENCE)
        heard.put(number)

    ipc.on_disconnect(lambda: heard.put("end"))
    reply = ipc.invoke("y")
    for number in range(3):
        main.send("x", number)
    main.goodbye("see you")
    with pytest.raises(ConnectionClosed, match="main at memory said goodbye: see you"):
        reply.result(PATIENCE)
    with pytest.raises(ConnectionClosed):
        ipc.send("z")
    assert heard.empty()
    gate.set()
    assert ipc.wait() is True
    assert [heard.next() for _ in range(4)] == [0, 1, 2, "end"]
    (ended,) = main.noted_of(events.Ended)
    assert ended.unconfirmed == 0


def test_mains_goodbye_does_not_wait_for_ever(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.connection.DRAIN_S", 0.01)
    monkeypatch.setattr("renderer.threads.renderer.DRAIN_S", 0.01)
    gate = threading.Event()
    ipc = MemoryRenderer(main)
    ipc.on("x", lambda: gate.wait(PATIENCE))
    ipc.connect()
    main.send("x")
    main.send("x")
    main.goodbye()
    assert ipc.wait() is True
    (ended,) = main.noted_of(events.Ended)
    assert ended.unconfirmed == 2
    gate.set()
    ipc.close()


def test_close_waits_until_main_has_consumed_all(
    helpers: ThreadPoolExecutor,
) -> None:
    main = MemoryMain()
    main.consuming = False
    ipc = MemoryRenderer(main)
    ipc.send("x")
    main.hear()
    closing = helpers.submit(ipc.close)
    main.consume()
    closing.result(PATIENCE)
    ipc.close()
    assert ipc.wait() is True
    with pytest.raises(ConnectionClosed, match="was closed"):
        ipc.send("y")


def test_close_tells_what_was_not_confirmed(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("renderer.threads.renderer._FLUSH_S", 0.01)
    main.consuming = False
    ipc = MemoryRenderer(main)
    ipc.send("x")
    ipc.send("x")
    ipc.close()
    assert [record.getMessage() for record in caplog.records] == [
        "main at memory has not confirmed 2 messages sent to it"
    ]


def test_close_does_not_wait_for_a_main_that_is_silent(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.renderer._PART_S", 0.01)
    main.answering = False
    ipc = MemoryRenderer(main).connect()
    reply = ipc.invoke("x")
    ipc.close()
    with pytest.raises(ConnectionClosed):
        reply.result(0)
    assert ipc.wait() is False


def test_a_listener_may_close(main: MemoryMain) -> None:
    ipc = MemoryRenderer(main)
    heard = Heard()
    ipc.on("x", lambda _: ipc.close())
    ipc.on("x", heard.listener)
    ipc.connect()
    main.send("x", 1)
    main.send("x", 2)
    assert ipc.wait() is True
    assert heard.next() == 1
    assert heard.empty()


def test_closed_before_it_was_opened(main: MemoryMain) -> None:
    ipc = MemoryRenderer(main)
    ipc.close()
    for call in (ipc.send, ipc.invoke, ipc.send_sync):
        with pytest.raises(ConnectionClosed, match="it was closed; connect") as closed:
            call("x")
        assert closed.value.outcome == "not-sent"
    with pytest.raises(ConnectionClosed):
        ipc.wait()
    assert ipc.connect().id == 1
    ipc.close()


def test_wait_has_a_timeout(ipc: MemoryRenderer) -> None:
    ipc.connect()
    assert ipc.wait(0.01) is False
    assert ipc.is_connected()


def test_flush_waits_for_main(main: MemoryMain, ipc: MemoryRenderer) -> None:
    ipc.flush()
    ipc.send("x")
    ipc.flush()
    main.consuming = False
    ipc.send("x")
    with pytest.raises(IpcTimeout, match="main has not consumed it all within 0"):
        ipc.flush(0.01)
    main.consume()
    ipc.flush(PATIENCE)


def test_what_main_gives_up_is_told(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    told: queue.SimpleQueue[object] = queue.SimpleQueue()
    ipc.on("y", told.put)
    ipc.connect()
    give_up(main)
    main.send("y", 0)
    assert told.get(timeout=PATIENCE) == 0
    assert "main gave up 1 message on 'x' for this renderer" in caplog.text
    caplog.clear()
    ipc.on_dropped(lambda *args: told.put(args))
    main.send("y", 1)
    give_up(main)
    main.send("y", 2)
    assert [told.get(timeout=PATIENCE) for _ in range(3)] == [1, ("x", 1), 2]
    ipc.close()
    assert not caplog.messages


def give_up(main: MemoryMain) -> None:
    dropped = pb.Message(dropped=pb.Dropped(channel="x"))
    main.session.put(Parcel(dropped.SerializeToString(), counted=False, reply=False))
    main.flow()


# ---- by a signal handler -------------------------------------------------------------


def test_what_interrupts_ipc_itself_cannot_wait(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    ipc.connect()
    line = ipc._line()  # noqa: SLF001 - to stand under the lock

    def interrupted(_: int) -> None:
        for use in (ipc.flush, ipc.drain, ipc.wait):
            with pytest.raises(IpcError, match="not possible here"):
                use()
        ipc.close()  # goes on behind this

    line.exchange.put(messages.event("x", []), interrupted)
    assert ipc.wait(PATIENCE) is True
    assert main.hear() == ("x", [])


def test_what_interrupts_connecting_can_only_end_it(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_opened = Connection.wait_opened

    def interrupted(connection: Connection, deadline: Deadline) -> bool:
        monkeypatch.setattr(Connection, "wait_opened", wait_opened)  # once
        with pytest.raises(IpcError, match="not possible here"):
            ipc.send("x")
        ipc.close()
        return wait_opened(connection, deadline)

    ipc = MemoryRenderer(main, connect_timeout=PATIENCE)
    monkeypatch.setattr(Connection, "wait_opened", interrupted)
    monkeypatch.setattr(main, "take", lambda arriving, frame: None)  # deaf and dumb
    with pytest.raises(ConnectionClosed, match="closed before"):
        ipc.connect()


def test_what_interrupts_the_search_for_main_begins_no_other(
    main: MemoryMain, ipc: MemoryRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = ThreadPatience.pause

    def interrupted(patience: ThreadPatience, error: IpcError | None) -> None:
        with pytest.raises(IpcError, match="not possible here"):
            ipc.send("x")
        pause(patience, error)

    monkeypatch.setattr(ThreadPatience, "pause", interrupted)
    main.attempts = [LinkBroken("refused", "not-sent", Fate.RESUME)]
    assert ipc.connect().id == 2


def test_who_waits_for_another_to_connect_has_a_timeout(
    main: MemoryMain, helpers: ThreadPoolExecutor
) -> None:
    main.attempts = [LinkBroken("refused", "not-sent", Fate.RESUME)] * 1000
    ipc = MemoryRenderer(main, connect_timeout=PATIENCE)
    connecting = helpers.submit(ipc.connect)
    while not main.closed:
        pass
    with pytest.raises(ConnectionClosed, match="no main process at memory"):
        ipc.flush(0.01)
    ipc.close()
    with pytest.raises(ConnectionClosed):
        connecting.result(PATIENCE)


def test_a_program_that_ends_connects_no_more(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(
        ConnectionClosed, match="cannot connect to memory: can't create"
    ):
        MemoryRenderer(main).send("x")


def test_what_is_not_dispatched_any_more_is_not_confirmed(
    main: MemoryMain, helpers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.renderer._FLUSH_S", 0.0)
    begun, gate, heard = threading.Event(), threading.Event(), Heard()
    ipc = MemoryRenderer(main)

    @ipc.on("x")
    def listener(number: int) -> None:
        begun.set()
        gate.wait(PATIENCE)
        heard.put(number)

    ipc.connect()
    for number in range(3):
        main.send("x", number)
    assert begun.wait(PATIENCE)
    dispatcher, through = ipc._dispatcher, threading.Event()  # noqa: SLF001
    assert dispatcher is not None
    with main.lock:  # the link is busy, and Goodbye comes behind what it is busy with
        sending = helpers.submit(ipc.send, "y")
        while ipc._line().exchange._resting:  # noqa: SLF001
            pass
        closing = helpers.submit(ipc.close)
        while ipc._line().exchange.error is None:  # noqa: SLF001
            pass
        dispatcher.post(through.set)
        gate.set()
        assert through.wait(PATIENCE)
    sending.result(PATIENCE)
    closing.result(PATIENCE)
    main.wait_for(events.GoodbyeHeard)
    assert main.session.outbox.unconfirmed == 2
    assert heard.next() == 0
    assert heard.empty()


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (lambda main: main.goodbye("see you"), "main at memory said goodbye: see you"),
        (lambda main: main.write(b"\xff"), "main at memory broke the contract: malf"),
    ],
    ids=["goodbye", "breach"],
)
def test_who_sends_just_as_it_ends_is_told_why(
    main: MemoryMain,
    ipc: MemoryRenderer,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[MemoryMain], None],
    text: str,
) -> None:
    take_note, told = Connection._note, Heard()  # noqa: SLF001

    def sending(
        connection: Connection, event: events.SessionEvent, *, heard: bool = False
    ) -> None:
        # The session is over, and the reader is about to say so.
        if isinstance(event, events.GoodbyeHeard | events.Ended):
            with pytest.raises(ConnectionClosed) as closed:
                ipc.send("x")
            told.put(str(closed.value))
        take_note(connection, event, heard=heard)

    ipc.connect()
    monkeypatch.setattr(Connection, "_note", sending)
    end(main)
    assert told.next().startswith(text)
    assert ipc.wait(PATIENCE) in (True, False)
