"""What a renderer on threads does when nothing leads back to its session."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from renderer import AccessDenied, ConnectionClosed, IpcError
from renderer.carrier import LinkBroken, NoHandshake
from renderer.deadline import Deadline
from renderer.threads.links import Links
from renderer.wire import events, messages, reasons
from renderer.wire.frames import refusal
from renderer.wire.link import Fate
from tests.support.away import GONE, WatchedRenderer, away, gone
from tests.support.logs import told
from tests.support.memory_aio import KeepingMain
from tests.support.processes import PATIENCE

# ---- lost ----------------------------------------------------------------------------


def test_a_restarted_main_is_told_as_a_gap(
    main: KeepingMain, ipc: WatchedRenderer, helpers: ThreadPoolExecutor
) -> None:
    ipc.on("x", ipc.news.put)
    ipc.on_gap(lambda sent, missing: ipc.news.put((sent, missing)))
    main.consuming = False
    ipc.connect()
    ipc.send("a")
    written = ipc.invoke("b", timeout=PATIENCE)
    main.send("x", 1)
    assert [main.hear(), main.hear()] == [("a", []), ("b", [])]
    assert ipc.news.next() == 1
    with away(main, ipc):
        unwritten = ipc.invoke("c")
        flushing = helpers.submit(ipc.flush)
        asking = helpers.submit(ipc.send_sync, "e")
        while len(ipc._line()._calls._callers) < 3:  # noqa: SLF001 - no event tells it
            pass
        main.restarted = True
        main.consuming = True
    for call, outcome in (
        (written, "unknown"),
        (unwritten, "not-sent"),
        (asking, "not-sent"),
        (flushing, "unknown"),
    ):
        error = call.exception(PATIENCE)
        assert isinstance(error, ConnectionClosed)
        assert "a new one began" in str(error)
        assert error.outcome == outcome
    assert [ipc.news.next(), ipc.news.next()] == [(4, None), "reconnected"]
    again = ipc.invoke("d")
    asked = main.hear_call()
    assert asked.body.channel == "d"  # and nothing that was put before
    main.answer(asked, "yes")
    assert again.result(PATIENCE) == "yes"
    main.send("x", 2)
    assert ipc.news.next() == 2
    ipc.flush()


def test_a_gap_that_nobody_asks_for_is_told(
    main: KeepingMain, ipc: WatchedRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.connect()
    main.restart()
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    _, text = told(caplog)
    assert text.startswith("main no longer knew this session; a new one began: 0 mess")


def test_mains_calls_of_a_lost_session_get_no_reply(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    gate = threading.Event()

    @ipc.handle("ask", thread=True)
    def ask(which: str) -> str:
        ipc.news.put(which)
        gate.wait(PATIENCE)
        return which

    held = threading.Event()
    ipc.on("hold", lambda: held.wait(PATIENCE))
    ipc.on("x", ipc.news.put)
    ipc.connect()
    main.call(1, "ask", "running")
    assert ipc.news.next() == "running"
    main.send("hold")
    main.call(2, "ask", "waiting")
    main.send("x", "event")
    main.restart()
    line = ipc._line()  # noqa: SLF001 - the hooks are behind what is held
    assert line.exchange.wait_until(lambda: line.exchange.era > 0, Deadline(PATIENCE))
    # The new main's ids are its own.
    main.call(1, "ask", "new")
    main.call(2, "ask", "newer")
    held.set()
    news = [ipc.news.next() for _ in range(5)]
    assert news[:3] == ["event", "reconnecting", "reconnected"]
    assert sorted(news[3:]) == ["new", "newer"]
    gate.set()
    main.wait_for(events.Replied, 2)
    ipc.close()
    replies = {
        m.id: messages.read_result(m.reply, "ask")
        for m in main.messages
        if m.HasField("reply")
    }
    assert replies == {1: "new", 2: "newer"}
    assert len(main.lanes_of_replies()) == 2


def test_main_says_that_it_has_lost_the_session(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.on_gap(lambda *what: ipc.news.put(what))
    ipc.connect()
    main.attempts = [gone(Fate.NEW_SESSION), gone()]
    main.drop()
    assert [ipc.news.next() for _ in range(3)] == [
        "reconnecting",
        (0, None),
        "reconnected",
    ]
    assert [hello.token for hello in main.hellos] == [b"", b""]
    main.drop()
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
    assert main.hellos[-1].token == b"secret 4"


# ---- the end -------------------------------------------------------------------------


def test_giving_up(caplog: pytest.LogCaptureFixture) -> None:
    main = KeepingMain(grace=0.05)
    with WatchedRenderer(main) as ipc:
        ipc.connect()
        with away(main, ipc):
            assert ipc.news.next() == "disconnected"
            with pytest.raises(ConnectionClosed) as closed:
                ipc.send("z")
        text = "the connection to main at memory broke; gave up after "
        assert str(closed.value).startswith(text)
        error = closed.value.__cause__
        assert error is not None
        assert str(error.__cause__) == GONE
        assert ipc.wait() is False
        assert repr(ipc) == "<IpcRenderer at memory, not connected>"
        main.grace = 60.0
        ipc.connect()
        ipc.send("z")
        assert main.hear() == ("z", [])


def test_giving_up_fails_what_waits(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = KeepingMain(grace=60.0)
    with WatchedRenderer(main) as ipc:
        ipc.on_gap(lambda *what: ipc.news.put(what))
        ipc.connect()
        with away(main, ipc):
            ipc.send("x")
            reply = ipc.invoke("y")
            later = "renderer.threads.reconnecting.monotonic"
            monkeypatch.setattr(later, lambda: time.monotonic() + 60.0)
            error = reply.exception(PATIENCE)
            assert [ipc.news.next(), ipc.news.next()] == [(2, None), "disconnected"]
        assert isinstance(error, ConnectionClosed)
        assert error.outcome == "not-sent"
        assert "it has not confirmed 2 messages sent to it" in told(caplog)[-1]


def test_a_program_that_ends_may_be_unable_to_look(
    main: KeepingMain, ipc: WatchedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPython 3.12.0 to 3.12.2 start no thread when the main one has ended."""
    why = "can't create new thread at interpreter shutdown"

    def again(links: Links, *, anew: bool) -> None:
        raise RuntimeError(why)

    monkeypatch.setattr(Links, "again", again)
    ipc.connect()
    main.drop()
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "disconnected"]
    text = "the connection to main at memory broke, and cannot be made again: "
    with pytest.raises(ConnectionClosed, match=text + why):
        ipc.send("x")


@pytest.mark.parametrize(
    "answer", [AccessDenied("not you"), LinkBroken("what?", "unknown", Fate.GIVE_UP)]
)
def test_an_answer_that_is_final(
    main: KeepingMain, ipc: WatchedRenderer, answer: IpcError
) -> None:
    ipc.connect()
    main.attempts = [gone(), answer]
    main.drop()
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "disconnected"]
    text = f"the connection to main at memory broke: {answer}"
    with pytest.raises(ConnectionClosed, match=text.replace("?", r"\?")):
        ipc.send("x")


def test_a_handshake_that_fails_is_not_the_end(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.connect()
    main.attempts = [NoHandshake("not trusted", "not-sent", Fate.GIVE_UP)]
    main.drop()
    assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]


def test_a_goodbye_in_place_of_a_welcome(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.on_gap(lambda *what: ipc.news.put(what))
    ipc.connect()
    main.attempts = [refusal(reasons.SHUTDOWN, "main stops")]
    main.drop()
    assert [ipc.news.next() for _ in range(3)] == [
        "reconnecting",
        (0, None),
        "disconnected",
    ]
    with pytest.raises(ConnectionClosed, match="said goodbye: main stops"):
        ipc.send("x")


def test_a_goodbye_tells_what_never_came(
    main: KeepingMain, ipc: WatchedRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.on_gap(lambda *what: ipc.news.put(what))
    ipc.connect()
    main.attempts = [refusal(reasons.CLOSED, "enough", last_sent=2)]
    main.drop()
    assert ipc.wait(PATIENCE) is True
    text = "main at memory has ended the session; 2 messages of its never came"
    assert text in caplog.messages
    assert [ipc.news.next() for _ in range(3)] == [
        "reconnecting",
        (0, 2),
        "disconnected",
    ]


def test_a_link_without_a_welcome_is_cut(
    main: KeepingMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.outage.attempts", lambda: repeat(0.05))
    with WatchedRenderer(main) as ipc:
        ipc.connect()
        main.drop()
        main.deaf = True
        assert ipc.news.next() == "reconnecting"
        assert [ipc.ways.next() for _ in range(3)] == ipc.opened[:3]
        main.deaf = False
        assert ipc.news.next() == "reconnected"


def test_a_child_whose_main_is_gone_does_not_look_for_it(
    main: KeepingMain, child: WatchedRenderer
) -> None:
    child.connect()
    main.attempts = [LinkBroken("nobody there", "not-sent", Fate.RESUME)]
    main.drop()
    assert [child.news.next(), child.news.next()] == ["reconnecting", "disconnected"]


def test_closing_while_away_is_quick(
    main: KeepingMain, caplog: pytest.LogCaptureFixture
) -> None:
    ipc = WatchedRenderer(main).connect()
    with away(main, ipc):
        ipc.send("x")
        reply = ipc.invoke("y")
        ipc.close()
        with pytest.raises(ConnectionClosed, match="was closed"):
            reply.result(PATIENCE)
        assert ipc.news.next() == "disconnected"
    text = "main at memory has not confirmed 2 messages sent to it"
    assert told(caplog)[1:] == [text]


def test_closing_while_a_link_waits_for_its_welcome(
    main: KeepingMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.renderer._PART_UNLINKED_S", 0.01)
    ipc = WatchedRenderer(main).connect()
    main.drop()
    main.deaf = True
    assert [ipc.ways.next(), ipc.ways.next()] == ipc.opened
    ipc.close()
    assert ipc.news.next() == "reconnecting"
    assert ipc.news.next() == "disconnected"


def test_without_reconnect_a_cut_is_the_end(main: KeepingMain) -> None:
    ipc = WatchedRenderer(main, reconnect=False).connect()
    reply = ipc.invoke("x")
    main.hear()
    main.drop(gone())
    with pytest.raises(ConnectionClosed, match=GONE):
        reply.result(PATIENCE)
    assert ipc.news.next() == "disconnected"
    assert not main.hellos[0].resume
