"""A renderer on threads comes back after a cut, and nothing is lost by it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from renderer import IpcTimeout
from renderer.wire import events, messages
from renderer.wire.limits import Limits
from tests.support.away import GONE, WatchedRenderer, away
from tests.support.logs import told
from tests.support.memory import Heard
from tests.support.memory_aio import KeepingMain
from tests.support.processes import PATIENCE

# ---- resumed -------------------------------------------------------------------------


def test_nothing_is_lost_or_doubled_by_a_cut(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.on("x", ipc.news.put)
    ipc.connect()
    ipc.send("y", 1)
    main.send("x", 1)
    assert main.hear() == ("y", [1])
    assert ipc.news.next() == 1
    main.deaf = True
    ipc.send("y", 2)
    main.send("x", 2)
    with away(main, ipc):
        ipc.send("y", 3)
        assert (ipc.is_connected(), ipc.id) == (False, None)
        assert repr(ipc) == "<IpcRenderer at memory, reconnecting>"
    assert ipc.news.next() == "reconnected"
    assert (ipc.is_connected(), ipc.id) == (True, 1)
    assert [main.hear(), main.hear()] == [("y", [2]), ("y", [3])]
    main.send("x", 3)
    assert [ipc.news.next(), ipc.news.next()] == [2, 3]
    ipc.flush()
    assert main.heard_nothing()
    assert ipc.news.empty()


def test_many_cuts_under_way(main: KeepingMain, ipc: WatchedRenderer) -> None:
    heard = Heard()
    ipc.on("x", heard.listener)
    ipc.connect()
    for number in range(50):
        ipc.send("y", number)
        main.send("x", number)
        if number % 5 == 0:
            main.deaf = number % 2 == 0
        if number % 5 == 4:
            main.drop()
            assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    assert [main.hear() for _ in range(50)] == [("y", [n]) for n in range(50)]
    assert [heard.next() for _ in range(50)] == list(range(50))
    ipc.flush()
    assert main.heard_nothing()


def test_the_words_of_a_cut(
    main: KeepingMain, ipc: WatchedRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ipc.connect()
    with away(main, ipc):
        pass
    assert ipc.news.next() == "reconnected"
    text = f"lost main at memory ({GONE}); looking for it again, for 54 s"
    assert told(caplog) == [text]
    first, again = told(caplog, logging.INFO)
    assert first == "connected to main at memory as 1"
    assert again.startswith("connected to main at memory again, as 1, after 0")


def test_calls_in_flight_survive(
    main: KeepingMain, ipc: WatchedRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.handle("double", lambda n: n * 2)
    heard = ipc.invoke("x", 1)
    call = main.hear_call()
    unheard = helpers.submit(ipc.send_sync, "y", 2)
    sync = main.hear_call()
    main.deaf = True
    main.answer(call, "first")
    main.answer(sync, "second")
    main.call(7, "double", 21)
    ipc.send("z")
    with away(main, ipc):
        later = ipc.invoke("w", 3)
    assert (heard.result(PATIENCE), unheard.result(PATIENCE)) == ("first", "second")
    assert main.hear() == ("z", [])
    main.answer(main.hear_call(), "third")
    assert later.result(PATIENCE) == "third"
    main.wait_for(events.Replied)
    (reply,) = [m for m in main.messages if m.HasField("reply")]
    assert messages.read_result(reply.reply, "double") == 42


def test_a_handler_runs_on_while_main_is_away(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    gate, done = threading.Event(), Heard()
    ipc.handle("slow", lambda: gate.wait(PATIENCE), thread=True)
    ipc.on("x", done.listener)
    ipc.connect()
    main.call(1, "slow")
    main.send("x", "begun")
    assert done.next() == "begun"
    with away(main, ipc):
        gate.set()
    assert ipc.news.next() == "reconnected"
    main.wait_for(events.Replied)
    (reply,) = [m for m in main.messages if m.HasField("reply")]
    assert messages.read_result(reply.reply, "slow") is True


def test_the_time_of_a_call_runs_on(main: KeepingMain, ipc: WatchedRenderer) -> None:
    ipc.connect()
    with away(main, ipc):
        for call in (ipc.send_sync, lambda *_, timeout: _result(ipc, timeout)):
            with pytest.raises(IpcTimeout, match=r"no reply to 'x' within 0\.01 s"):
                call("x", timeout=0.01)
    ids = [main.hear_call().message.id for _ in range(2)]
    assert [e.id for e in main.wait_for(events.Cancelled, 2)] == ids


def _result(ipc: WatchedRenderer, timeout: float) -> object:
    return ipc.invoke("x", timeout=timeout).result(PATIENCE)


def test_a_sender_waits_while_the_window_is_full(helpers: ThreadPoolExecutor) -> None:
    main = KeepingMain(Limits(window_messages=3))
    with WatchedRenderer(main) as ipc:
        ipc.connect()
        with away(main, ipc):
            for number in range(3):
                ipc.send("x", number)
            fourth = helpers.submit(ipc.send, "x", 3)
            draining = helpers.submit(ipc.drain)
            with pytest.raises(IpcTimeout, match="no room"):
                ipc.invoke("x", timeout=0.01)
            assert not fourth.done()
            assert not draining.done()
        assert [main.hear() for _ in range(4)] == [("x", [n]) for n in range(4)]
        fourth.result(PATIENCE)
        draining.result(PATIENCE)


def test_waiting_goes_on_over_cuts(
    main: KeepingMain, ipc: WatchedRenderer, helpers: ThreadPoolExecutor
) -> None:
    main.consuming = False
    ipc.send("x")
    main.hear()
    flushing, waiting = helpers.submit(ipc.flush), helpers.submit(ipc.wait)
    with away(main, ipc):
        pass
    assert ipc.news.next() == "reconnected"
    assert not flushing.done()
    assert not waiting.done()
    main.consume()
    flushing.result(PATIENCE)
    main.goodbye()
    assert waiting.result(PATIENCE) is True


def test_connecting_while_away_waits(
    main: KeepingMain, ipc: WatchedRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.connect()
    with away(main, ipc):
        connecting = helpers.submit(ipc.connect)
    assert connecting.result(PATIENCE) is ipc
    assert (ipc.is_connected(), ipc.id) == (True, 1)


def test_hooks_run_like_listeners(main: KeepingMain, ipc: WatchedRenderer) -> None:
    gate = threading.Event()

    @ipc.on("x")
    def listener(number: int) -> None:
        gate.wait(PATIENCE)
        ipc.news.put(number)

    @ipc.on_reconnecting
    def bad() -> None:
        raise ValueError

    ipc.connect()
    main.send("x", 1)
    main.send("x", 2)
    main.drop()
    assert [ipc.ways.next(), ipc.ways.next()] == ipc.opened  # it is on its way back
    assert ipc.news.empty()
    gate.set()
    assert [ipc.news.next() for _ in range(4)] == [1, 2, "reconnecting", "reconnected"]


# ---- sent away -----------------------------------------------------------------------


def test_main_may_ask_to_come_back_elsewhere(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.connect()
    ipc.send("x")
    main.hear()
    main.send_away(0.01, "127.0.0.1:1")
    ipc.send("y")
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    assert ipc.address == ipc.opened[-1].target == "127.0.0.1:1"
    assert main.hear() == ("y", [])
    main.drop()  # it stays there
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    assert ipc.opened[-1].target == "127.0.0.1:1"
    ipc.connect()  # it is what was asked for


def test_the_token_of_a_spawned_renderer_stays_at_home(
    main: KeepingMain, child: WatchedRenderer
) -> None:
    child.connect()
    main.send_away(address="127.0.0.1:1")
    assert [child.news.next(), child.news.next()] == ["reconnecting", "reconnected"]
    shown = [(settings.target, settings.bearer) for settings in child.opened]
    assert shown == [("unix:/home", "secret"), ("127.0.0.1:1", None)]


def test_an_address_that_cannot_be_one(
    main: KeepingMain, ipc: WatchedRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.connect()
    main.send_away(address="nonsense")
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    assert ipc.address == "memory"
    assert "main names another address, but 'nonsense' is no address" in caplog.text


def test_a_main_that_asks_away_and_does_not_end_the_link(
    main: KeepingMain, ipc: WatchedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.reconnecting._END_LINK_S", 0.01)
    monkeypatch.setattr(main, "half_closed", lambda _: None)
    ipc.connect()
    main.send_away()
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    monkeypatch.undo()
