"""How a renderer connects, and what it says when it cannot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from renderer import (
    AccessDenied,
    ConnectionClosed,
    IpcError,
    Overloaded,
)
from renderer.carrier import LinkBroken
from renderer.deadline import Deadline
from renderer.settings import ThreadSettings
from renderer.threads.connection import Connection
from renderer.threads.dispatcher import ThreadDispatcher
from renderer.threads.reconnecting import Reconnecting
from renderer.wire import events, reasons
from renderer.wire.frames import refusal
from renderer.wire.link import Fate
from tests.support.leap import leap_over_deadlines
from tests.support.logs import keep_slowness
from tests.support.memory import (
    Heard,
    MemoryLink,
    MemoryMain,
    MemoryRenderer,
    Receiver,
)
from tests.support.processes import PATIENCE


def test_nothing_is_opened_before_it_is_needed(main: MemoryMain) -> None:
    ipc = MemoryRenderer(main)
    ipc.on("x", print)
    ipc.handle("y", print)
    assert (ipc.id, ipc.is_connected(), ipc.address) == (None, False, "memory")
    ipc.close()
    assert main.closed == 0


def test_connecting_says_who_it_is(main: MemoryMain) -> None:
    with MemoryRenderer(main, title="left", url="page.py") as ipc:
        assert ipc.connect() is ipc
        assert (ipc.id, ipc.is_connected()) == (1, True)
        assert "is 1" in repr(ipc)
    assert ipc.id is None
    assert "not connected" in repr(ipc)
    assert main.ways_closed(1) == 1


def test_connecting_twice_changes_nothing(ipc: MemoryRenderer) -> None:
    ipc.connect()
    ipc.connect()
    assert ipc.id == 1
    with pytest.raises(IpcError, match=r"connected to memory; close\(\) comes first"):
        ipc.connect("elsewhere")


def test_options_that_come_too_late_are_named(
    ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.send("x")
    ipc.connect(title="left", dispatch=print)
    assert "title= and dispatch= came too late and changed nothing" in caplog.text
    caplog.clear()
    ipc.connect(connect_timeout=1)  # does no harm
    ipc.close()
    ipc.connect(title="left")
    ipc.connect(title="left")
    assert caplog.text == ""


def test_the_address_is_the_programs_then_the_users_then_the_usual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from renderer import IpcRenderer

    monkeypatch.delenv("ELECTRON_IPC_ADDRESS", raising=False)
    assert IpcRenderer().address == "127.0.0.1:50051"
    monkeypatch.setenv("ELECTRON_IPC_ADDRESS", "unix:/tmp/main.sock")
    assert IpcRenderer().address == "unix:/tmp/main.sock"
    assert IpcRenderer("127.0.0.1:1").address == "127.0.0.1:1"


def test_a_token_goes_into_a_header(main: MemoryMain) -> None:
    for bad in ("line\nbreak", "é"):
        with pytest.raises(ValueError, match="printable ASCII"):
            MemoryRenderer(main, token=bad)


def test_a_main_that_comes_up_late_is_found(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    refused = LinkBroken("refused", "not-sent", Fate.RESUME)
    main.attempts = [refused, refused]
    ipc.send("x", 1)
    assert main.hear() == ("x", [1])
    assert main.ways_closed(2) == 2


def test_a_main_that_never_comes_is_told(
    main: MemoryMain,
    helpers: ThreadPoolExecutor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_slowness(caplog)
    monkeypatch.setattr("renderer.patience._WARN_AFTER_S", 0.0)
    main.attempts = [LinkBroken("refused", "not-sent", Fate.RESUME)] * 1000
    ipc = MemoryRenderer(main, connect_timeout=PATIENCE)
    sending = helpers.submit(ipc.send, "x")
    main.ways_closed(2)
    leap_over_deadlines(PATIENCE, monkeypatch)
    with pytest.raises(ConnectionClosed) as closed:
        sending.result(PATIENCE)
    assert str(closed.value) == (
        "no main process at memory after 60 s; start one with 'mainproc run main.py' "
        "or set ELECTRON_IPC_ADDRESS"
    )
    assert closed.value.__notes__ == ["the last attempt: refused"]
    assert closed.value.outcome == "not-sent"
    assert [r.getMessage() for r in caplog.records] == [
        "no answer from a main process at memory yet; waiting"
    ]


def test_a_main_that_stops_is_followed_by_another(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    main.attempts = [refusal(reasons.SHUTDOWN, "main stops")]
    ipc.send("x", 1)
    assert main.hear() == ("x", [1])


def test_a_main_that_only_stops_is_told(
    main: MemoryMain, helpers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    main.attempts = [refusal(reasons.SHUTDOWN, "main stops")] * 1000
    connecting = helpers.submit(MemoryRenderer(main, connect_timeout=PATIENCE).connect)
    main.ways_closed(2)
    leap_over_deadlines(PATIENCE, monkeypatch)
    with pytest.raises(ConnectionClosed, match="no main process at memory") as closed:
        connecting.result(PATIENCE)
    assert closed.value.__notes__ == ["the last attempt: main stops"]


def test_loading_grpc_is_not_mains_fault(
    main: MemoryMain,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class SlowToLoad(MemoryRenderer):
        def _carrier(self, settings: ThreadSettings) -> MemoryMain:
            leap_over_deadlines(3600.0, monkeypatch)  # the first time only
            return super()._carrier(settings)

    main.attempts = [LinkBroken("refused", "not-sent", Fate.RESUME)]
    with SlowToLoad(main, connect_timeout=PATIENCE) as ipc:
        assert ipc.connect().is_connected()
    assert caplog.text == ""


def test_a_main_that_hangs_is_not_waited_for_longer(main: MemoryMain) -> None:
    main.take = lambda arriving, frame: None  # type: ignore[method-assign]  # deaf and dumb
    ipc = MemoryRenderer(main, connect_timeout=0.01)
    with pytest.raises(ConnectionClosed, match="no main process at memory"):
        ipc.connect()


def test_a_link_that_is_swallowed_is_not_waited_for(
    main: MemoryMain, ipc: MemoryRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = main.take, list[bytes]()

    def hears_the_second(arriving: Receiver, frame: bytes) -> None:
        taken.append(frame)
        if len(taken) > 1:
            take(arriving, frame)

    monkeypatch.setattr(main, "take", hears_the_second)
    monkeypatch.setattr("renderer.patience._WARN_AFTER_S", 0.0)
    monkeypatch.setattr("renderer.threads.connected.attempts", lambda: [0.01, PATIENCE])
    assert ipc.connect().is_connected()
    assert main.ways_closed(1) == 1


def test_a_welcome_that_comes_as_it_is_given_up_is_too_late(
    main: MemoryMain, ipc: MemoryRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, cut, late = main.take, MemoryLink.cut, list[tuple[Receiver, bytes]]()

    def hears_the_first_late(arriving: Receiver, frame: bytes) -> None:
        if late:
            take(arriving, frame)
        else:
            late.append((arriving, frame))

    def cut_behind_welcome(link: MemoryLink) -> None:
        if not main.closed:
            take(*late[0])
        cut(link)
        main.ways_closed(1)  # by then the renderer has read it all

    monkeypatch.setattr(main, "take", hears_the_first_late)
    monkeypatch.setattr(MemoryLink, "cut", cut_behind_welcome)
    monkeypatch.setattr("renderer.patience._WARN_AFTER_S", 0.0)
    monkeypatch.setattr("renderer.threads.connected.attempts", lambda: [0.01, PATIENCE])
    ends = Heard()
    ipc.on_disconnect(lambda: ends.put("disconnected"))
    assert ipc.connect().is_connected()
    ipc.send("x", 1)
    assert main.hear() == ("x", [1])
    assert ends.empty()


def test_a_spawned_one_makes_no_second_attempt(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is good for one session, which a slow main may have begun already."""
    limits: list[float] = []
    wait_opened = Connection.wait_opened

    def wait(connection: Connection, deadline: Deadline) -> bool:
        limits.append(deadline.left or 0.0)
        return len(limits) > 1 and wait_opened(connection, deadline)

    monkeypatch.setattr(Connection, "wait_opened", wait)
    monkeypatch.setenv("ELECTRON_IPC_ADDRESS", "unix:/main")
    monkeypatch.setenv("ELECTRON_IPC_TOKEN", "one-time")
    with MemoryRenderer(main, address=None, connect_timeout=PATIENCE) as ipc:
        ipc.connect()
    assert limits[1] > PATIENCE / 2


@pytest.mark.parametrize(
    ("attempt", "error", "text"),
    [
        (AccessDenied("bad token"), AccessDenied, "bad token"),
        (
            LinkBroken("no service", "not-sent", Fate.GIVE_UP),
            ConnectionClosed,
            "cannot",
        ),
        (refusal(reasons.ACCESS_DENIED, "not you"), AccessDenied, "not you"),
        (refusal(reasons.OVERLOADED, "full"), Overloaded, "full"),
        (refusal(reasons.CLOSED, "enough"), ConnectionClosed, "enough"),
        (refusal(reasons.REPLACED, "another"), ConnectionClosed, "another"),
    ],
    ids=["status", "foreign", "denied", "full", "closed", "replaced"],
)
def test_what_waiting_cannot_mend_fails_at_once(
    main: MemoryMain, attempt: Any, error: type[IpcError], text: str
) -> None:
    main.attempts = [attempt]
    with pytest.raises(error, match=text):
        MemoryRenderer(main).connect()


def test_close_ends_the_waiting_for_main(
    main: MemoryMain, helpers: ThreadPoolExecutor
) -> None:
    main.attempts = [LinkBroken("refused", "not-sent", Fate.RESUME)] * 1000
    ipc = MemoryRenderer(main, connect_timeout=PATIENCE)
    connecting = helpers.submit(ipc.connect)
    while not main.closed:  # before it has begun, there is nothing to end
        pass
    ipc.close()
    with pytest.raises(ConnectionClosed, match="closed before"):
        connecting.result(PATIENCE)


@pytest.mark.parametrize("use", [MemoryRenderer.connect, MemoryRenderer.flush])
def test_close_ends_what_has_hardly_begun(
    main: MemoryMain,
    monkeypatch: pytest.MonkeyPatch,
    use: Callable[[MemoryRenderer], object],
) -> None:
    carrier = MemoryRenderer._carrier  # noqa: SLF001

    def closing(ipc: MemoryRenderer, settings: ThreadSettings) -> MemoryMain:
        ipc.close()  # as another thread may
        return carrier(ipc, settings)

    monkeypatch.setattr(MemoryRenderer, "_carrier", closing)
    ipc = MemoryRenderer(main)
    with pytest.raises(ConnectionClosed, match="closed before"):
        use(ipc)
    assert not ipc.is_connected()
    assert main.ways_closed(1) == 1


@pytest.mark.parametrize("use", [MemoryRenderer.connect, MemoryRenderer.flush])
def test_close_ends_what_has_just_been_opened(
    main: MemoryMain,
    monkeypatch: pytest.MonkeyPatch,
    use: Callable[[MemoryRenderer], object],
) -> None:
    opened = MemoryRenderer._opened  # noqa: SLF001

    def closing(
        ipc: MemoryRenderer, connection: Connection, dispatcher: ThreadDispatcher
    ) -> Connection:
        ipc.close()  # as another thread may
        return opened(ipc, connection, dispatcher)

    monkeypatch.setattr(MemoryRenderer, "_opened", closing)
    ipc = MemoryRenderer(main)
    with pytest.raises(ConnectionClosed, match="closed before"):
        use(ipc)
    assert not ipc.is_connected()
    assert len(main.wait_for(events.GoodbyeHeard)) == 1


def test_close_ends_who_waits_for_the_end_of_another(
    main: MemoryMain, helpers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_over, waits = Connection.wait_over, threading.Event()

    def waiting(connection: Connection, deadline: Deadline) -> bool:
        waits.set()
        return wait_over(connection, deadline)

    ipc = MemoryRenderer(main).connect()
    main.answering = False
    main.write(b"\xff")  # the link goes on until main ends it
    with pytest.raises(ConnectionClosed, match="broke the contract"):
        ipc.invoke("x").result(PATIENCE)
    monkeypatch.setattr(Connection, "wait_over", waiting)
    connecting = helpers.submit(ipc.connect)
    assert waits.wait(PATIENCE)
    closing = helpers.submit(ipc.close)
    assert ipc._closed.wait(PATIENCE)  # noqa: SLF001 - nothing else tells
    main.write(None)
    with pytest.raises(ConnectionClosed, match="closed before"):
        connecting.result(PATIENCE)
    closing.result(PATIENCE)
    assert not ipc.is_connected()


def test_an_attempt_that_we_end_ourselves_hides_no_reason(
    main: MemoryMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, cut = main.take, Connection.cut

    def hears_the_first(arriving: Receiver, frame: bytes) -> None:
        if main.attempts:
            take(arriving, frame)
        else:
            leap_over_deadlines(PATIENCE, monkeypatch)

    def cut_to_the_end(connection: Connection) -> None:
        cut(connection)
        assert connection.wait_over(Deadline(PATIENCE))

    main.attempts = [LinkBroken("refused", "not-sent", Fate.RESUME)]
    monkeypatch.setattr(main, "take", hears_the_first)
    monkeypatch.setattr(Connection, "cut", cut_to_the_end)
    with pytest.raises(ConnectionClosed, match="no main process") as closed:
        MemoryRenderer(main, connect_timeout=PATIENCE).connect()
    assert closed.value.__notes__ == ["the last attempt: refused"]


def test_what_is_open_is_connected(
    main: MemoryMain, ipc: MemoryRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before the reader has done all that it does on a Welcome."""
    welcomed, connected = Reconnecting.welcomed, threading.Event()

    def late(reconnecting: Reconnecting) -> None:
        assert connected.wait(PATIENCE)
        welcomed(reconnecting)

    monkeypatch.setattr(Reconnecting, "welcomed", late)
    try:
        assert ipc.connect().is_connected()
    finally:
        connected.set()
