"""The test kit: a probe on threads, its main in memory."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from mainproc import (
    ConnectionClosed,
    IpcMain,
    IpcTimeout,
    NoListener,
    RemoteError,
    WebContents,
    app,
)
from mainproc.testing import RendererProbe, connected

PATIENCE = 10.0


@pytest.fixture
def ipc() -> IpcMain:
    return IpcMain()


# ---- a conversation ------------------------------------------------------------------


def test_all_that_a_renderer_does(ipc: IpcMain) -> None:
    senders = list[WebContents]()

    @ipc.on("asynchronous-message")
    def _(event: Any, arg: str) -> None:
        senders.append(event.sender)
        event.sender.send("asynchronous-reply", arg, "pong")

    @ipc.on("synchronous-message")
    def _(event: Any, arg: str) -> None:
        event.return_value = [arg, "pong"]

    ipc.handle("add", lambda event, a, b: a + b)
    with connected(ipc, title="left", url="app://left") as page:
        page.send("asynchronous-message", "ping")
        assert page.wait_for("asynchronous-reply") == ("ping", "pong")
        assert page.send_sync("synchronous-message", "ping") == ["ping", "pong"]
        assert page.invoke("add", 2, 3).result(PATIENCE) == 5
        with pytest.raises(NoListener, match="did you mean 'synchronous-message'"):
            page.send_sync("synchronous-mesage")
        assert senders == [page.contents]
        assert (page.contents.title, page.contents.url) == ("left", "app://left")
        assert page.contents.id == page.id
    assert page.contents.is_destroyed()
    assert not ipc.web_contents


def test_no_grpc_and_no_socket() -> None:
    program = """
import sys

def forbid(event, args):
    assert event not in ("socket.bind", "socket.connect", "time.sleep"), event

sys.addaudithook(forbid)
from mainproc import ipc
from mainproc.testing import connected
ipc.handle("double", lambda event, n: 2 * n)
with connected() as page:
    assert page.invoke("double", 21).result() == 42
    assert page._send_sync_unary
    page.settle()
assert "grpc" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_main_speaks_first_from_the_tests_thread(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        page.handle("confirm", lambda text: text == "sure?")
        assert page.contents.send("hello", 1)
        assert page.wait_for("hello") == (1,)
        assert page.contents.invoke("confirm", "sure?").result(PATIENCE) is True
    assert not page.contents.send("hello", 2)


def test_listeners_run_on_mains_thread_which_all_probes_share(ipc: IpcMain) -> None:
    threads, before = set[threading.Thread](), threading.active_count()
    ipc.on("x", lambda event: threads.add(threading.current_thread()))
    with connected(ipc) as left:
        left.send("x")
        left.settle()
        with connected(ipc, title="right") as right:
            assert [c.title for c in ipc.web_contents] == ["", "right"]
            right.send("x")
            right.settle()
            assert ipc.broadcast("news", 1) == 2
            assert left.wait_for("news") == right.wait_for("news") == (1,)
        assert ipc.web_contents == (left.contents,)
        left.send("x")
        left.settle()
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    assert threading.active_count() == before


def test_mains_of_their_own_do_not_know_each_other(ipc: IpcMain) -> None:
    ipc.handle("who", lambda event: "one")
    other = IpcMain()
    other.handle("who", lambda event: "other")
    with connected(ipc) as left, connected(other) as right:
        assert left.invoke("who").result(PATIENCE) == "one"
        assert right.invoke("who").result(PATIENCE) == "other"


def test_a_sync_message_beside_the_stream(ipc: IpcMain) -> None:
    order = list[int]()

    @ipc.on("x")
    def _(event: Any, number: int) -> None:
        order.append(number)
        event.return_value = number

    @ipc.on("never")
    def _(event: Any) -> None:
        order.append(event)

    with connected(ipc) as page:
        page.send("x", 1)
        assert page._send_sync_unary("x", 2) == 2  # noqa: SLF001
        with pytest.raises(IpcTimeout):
            page._send_sync_unary("never", timeout=0.01)  # noqa: SLF001
    assert order[:2] == [1, 2]


@pytest.mark.slow
def test_what_arrives_is_acked_though_the_renderer_says_nothing(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        page.contents.send("x")
        outbox = page._end.connection.session.outbox  # type: ignore[union-attr]  # noqa: SLF001

        async def acked() -> None:
            while outbox.acked < outbox.last:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        assert page._main.wait(acked(), PATIENCE)  # noqa: SLF001


def test_large_messages_and_many(ipc: IpcMain) -> None:
    ipc.handle("echo", lambda event, value: value)
    ipc.on("count", lambda event, n: event.reply("counted", n))
    blob = bytes(range(256)) * 40_000
    with connected(ipc) as page:
        assert page.invoke("echo", blob).result(PATIENCE) == blob
        for number in range(2_000):
            page.send("count", number)
        page.settle(PATIENCE)
        assert page.received == [("counted", (number,)) for number in range(2_000)]


# ---- what main has sent --------------------------------------------------------------


def test_received_has_all_in_order_and_warns_of_nothing(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture
) -> None:
    seen = list[Any]()

    @ipc.handle("report")
    async def _(event: Any) -> str:
        event.sender.send("progress", 50, [1])
        await asyncio.sleep(0)
        event.sender.send("nobody listens")
        return "done"

    with connected(ipc) as page:

        @page.on("progress")
        def _(percent: int, values: list[int]) -> None:
            seen.append(list(page.received))
            values.append(2)

        assert page.received == []
        assert page.invoke("report").result(PATIENCE) == "done"
        expected = [("progress", (50, [1])), ("nobody listens", ())]
        assert page.received == expected
        page.settle()
        assert page.received == expected
    assert seen[0][:1] == expected[:1]
    assert "no listener" not in caplog.text


def test_wait_for_gives_each_event_once(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        page.contents.send("a", 1)
        page.contents.send("b", 2)
        page.contents.send("a", 3)
        assert page.wait_for("b") == (2,)
        assert page.wait_for("a") == (1,)
        assert page.wait_for("a") == (3,)
        timer = threading.Timer(0.01, page.contents.send, ("a", 4))
        timer.start()
        assert page.wait_for("a", timeout=PATIENCE) == (4,)
        timer.join()


def test_a_listener_may_wait_for_the_next_event(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        heard = list[Any]()
        page.on("first", lambda: heard.append(page.wait_for("second")))
        page.contents.send("first")
        page.contents.send("second", 2)
        page.settle()
    assert heard == [(2,)]


def test_what_does_not_come_is_told_with_what_did(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        with pytest.raises(IpcTimeout) as caught:
            page.wait_for("done", timeout=0.0)
        text = "nothing on 'done' within 0 s; main has sent nothing"
        assert str(caught.value) == text
        page.contents.send("progress")
        page.contents.send("started")
        page.contents.send("progress")
        page.settle()
        with pytest.raises(IpcTimeout) as caught:
            page.wait_for("done", timeout=0.0)
        assert str(caught.value) == (
            "nothing on 'done' within 0 s; "
            "main has sent 'progress' (2 times), 'started'"
        )
        for number in range(12):
            page.contents.send(f"channel {number}")
        page.settle()
        with pytest.raises(IpcTimeout, match=r"'channel 11' and 4 more$"):
            page.wait_for("done", timeout=0.0)


def test_what_main_raised_and_what_it_runs_is_told_with_it(ipc: IpcMain) -> None:
    ipc.on("work", lambda event: 1 / 0)

    @ipc.handle("slow")
    async def _(event: Any) -> None:
        await asyncio.Future()

    with connected(ipc) as page:
        page.send("work")
        page.invoke("slow")
        page.flush()
        with pytest.raises(IpcTimeout, match=r"; main still runs 'slow'$") as caught:
            page.wait_for("done", timeout=0.0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_cannot_come_any_more_is_not_waited_for(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        page.contents.send("last words", 1)
        page.contents.close("enough")
        assert page.wait_for("last words", timeout=PATIENCE) == (1,)
        with pytest.raises(ConnectionClosed) as caught:
            page.wait_for("more", timeout=1_000.0)
        assert str(caught.value) == (
            "nothing on 'more' before the connection ended; main has sent 'last words'"
        )


# ---- coming to rest ------------------------------------------------------------------


def test_settle_waits_for_all_that_a_message_starts(ipc: IpcMain) -> None:
    """An async listener, a thread, the page's answer to both, and what that starts."""
    done, gate = list[str](), threading.Event()

    @ipc.on("start")
    async def _(event: Any) -> None:
        await asyncio.to_thread(gate.wait, PATIENCE)
        event.reply("ask")
        done.append("async")

    @ipc.on("start", thread=True)
    def _(event: Any) -> None:
        gate.wait(PATIENCE)
        done.append("thread")

    @ipc.on("answer")
    async def _(event: Any) -> None:
        await asyncio.sleep(0.01)
        assert await event.sender.invoke("confirm") is True
        event.reply("end")
        done.append("answer")

    with connected(ipc) as page:
        page.on("ask", lambda: page.send("answer"))
        page.handle("confirm", lambda: True, thread=True)

        @page.on("end", thread=True)
        def _() -> None:
            done.append("end")

        page.send("start")
        threading.Timer(0.01, gate.set).start()
        page.settle(PATIENCE)
        assert sorted(done) == ["answer", "async", "end", "thread"]
        assert [channel for channel, _ in page.received] == ["ask", "end"]
        page.settle(0.5)


def test_settle_waits_for_handlers_whose_result_nobody_awaits(ipc: IpcMain) -> None:
    done = list[int]()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    with connected(ipc) as page:
        page.invoke("x")
        page.invoke("x")
        page.invoke("x")
        page.settle(PATIENCE)
        assert done == [1, 1, 1]


@pytest.mark.parametrize("thread", [False, True])
def test_settle_waits_for_a_pages_listener(ipc: IpcMain, thread: bool) -> None:
    with connected(ipc) as page:
        gate, done = threading.Event(), list[int]()

        def listener() -> None:
            gate.wait(PATIENCE)
            done.append(1)

        page.on("x", listener, thread=thread)
        page.contents.send("x")
        with pytest.raises(IpcTimeout) as caught:
            page.settle(0.05)
        text = "not settled within 0.05 s; listeners of the probe still run"
        assert str(caught.value) == text
        gate.set()
        page.settle(PATIENCE)
        assert done == [1]


def test_settle_names_what_still_runs(ipc: IpcMain) -> None:
    kept, gate = list[Any](), threading.Event()

    @ipc.on("listener")
    async def _(event: Any) -> None:
        await asyncio.Future()

    @ipc.handle("handler")
    async def _(event: Any) -> None:
        await asyncio.Future()

    ipc.on("thread", lambda event: gate.wait(PATIENCE), thread=True)
    ipc.on("never set", kept.append)
    with connected(ipc) as page:
        page.send("listener")
        page.invoke("handler")
        page.invoke("handler")
        page.send("thread")

        def wait() -> None:
            with pytest.raises(ConnectionClosed):
                page.send_sync("never set")

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not kept:
            page.flush()
        with pytest.raises(IpcTimeout) as caught:
            page.settle(0.0)
        assert str(caught.value) == (
            "not settled within 0 s; main still runs "
            "'handler', 'listener', 'never set', 'thread'"
        )
        gate.set()
        page.close()
        waiting.join(PATIENCE)


def test_settle_names_what_holds_main(
    ipc: IpcMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainproc.testing.probe._CUT_WITHIN", 0.1)
    gate = threading.Event()

    def hold(event: Any) -> None:
        gate.wait(PATIENCE)

    ipc.on("x", hold)
    with connected(ipc) as page:
        page.send("x")
        with pytest.raises(IpcTimeout, match=r"main is held by \S+hold, test_testi"):
            page.settle(0.1)
        with pytest.raises(IpcTimeout, match="main did not notice the cut; main is"):
            page.cut()
        gate.set()
        page.settle()
        assert page.contents.is_destroyed()


def test_settle_is_for_others_as_well(ipc: IpcMain) -> None:
    ipc.on("say", lambda event, text: ipc.broadcast("said", text))
    with connected(ipc) as left, connected(ipc) as right:
        left.send("say", "hello")
        left.settle()
        right.settle()
        assert left.received == right.received == [("said", ("hello",))]


def test_settle_after_the_end_waits_for_what_still_runs(ipc: IpcMain) -> None:
    gate, done = threading.Event(), list[int]()

    @ipc.on("x")
    async def _(event: Any) -> None:
        await asyncio.to_thread(gate.wait, PATIENCE)
        done.append(1)

    with connected(ipc) as page:
        page.send("x")
        page.flush()
        page.cut()
        with pytest.raises(IpcTimeout, match=r"main still runs 'x'$"):
            page.settle(0.01)
        gate.set()
        page.settle(PATIENCE)
    assert done == [1]


# ---- what main's listeners raise -----------------------------------------------------


def test_settle_raises_what_a_listener_raised(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.on("x", lambda event: 1 / 0)
    ipc.on("thread", lambda event: [][0], thread=True)

    @ipc.on("async")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    with connected(ipc) as page, connected(ipc) as other:
        page.send("x")
        with pytest.raises(ZeroDivisionError):
            page.settle()
        page.settle()
        page.send("thread")
        page.send("async")
        other.settle()
        with pytest.raises(ExceptionGroup) as caught:
            page.settle()
        kinds = sorted(type(error).__name__ for error in caught.value.exceptions)
        assert kinds == ["IndexError", "KeyError"]
    assert caplog.text.count(" raised; sent by ") == 3


def test_settle_raises_nothing_that_somebody_has_heard(ipc: IpcMain) -> None:
    ipc.on("sync", lambda event: 1 / 0)
    ipc.handle("handler", lambda event: 1 / 0)
    seen = list[str]()
    with connected(ipc) as page:
        with pytest.raises(RemoteError, match="ZeroDivisionError"):
            page.send_sync("sync")
        with pytest.raises(RemoteError, match="ZeroDivisionError"):
            page.invoke("handler").result(PATIENCE)
        page.settle()
        ipc.on_error(lambda error, event: seen.append(event.channel))
        page.send("sync")
        page.settle()
    assert seen == ["sync"]


def test_a_listener_that_exits_ends_main(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture
) -> None:
    ipc.on("exit", lambda event: sys.exit(3))
    ipc.handle("x", lambda event: "again")
    with connected(ipc) as page:
        with pytest.raises(ConnectionClosed):
            page.send_sync("exit", timeout=PATIENCE)
        page._main._thread.join(PATIENCE)  # noqa: SLF001
        assert "main ended by SystemExit(3)" in caplog.text
        with pytest.raises(ConnectionClosed, match="main has ended"):
            page.connect()
        page.settle()
        with connected(ipc) as another:
            assert another.invoke("x").result(PATIENCE) == "again"


# ---- breaking ------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [True, False])
def test_a_cut(ipc: IpcMain, resume: bool) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    @ipc.handle("x")
    async def _(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    with connected(ipc, title="left") as page:
        ended = list[str]()
        page.on_disconnect(lambda: ended.append("page"))
        first = page.contents
        first.on("destroyed", lambda why: ended.append(why))
        reply = page.invoke("x")
        begun.wait(PATIENCE)
        page.cut(resume=resume)
        with pytest.raises(ConnectionClosed) as caught:
            reply.result(0)
        assert caught.value.outcome == "unknown"
        assert first.is_destroyed()
        assert not page.is_connected()
        with pytest.raises(ConnectionClosed):
            page.send("x")
        page.settle()
        assert cancelled.is_set()
        assert sorted(ended) == ["page", "the connection broke"]
        page.cut()

        page.connect()
        assert page.contents is not first
        assert page.contents.title == "left"
        assert page.is_connected()
        page.contents.send("x", 1)
        assert page.wait_for("x") == (1,)


def test_a_cut_by_listeners_of_both_sides(ipc: IpcMain) -> None:
    with connected(ipc) as page:
        ipc.on("cut", lambda event: page.cut())
        page.on("cut", page.cut)
        page.send("cut")
        with pytest.raises(ConnectionClosed):
            page.wait_for("never", timeout=PATIENCE)
        page.settle()
        assert page.contents.is_destroyed()
        page.connect()
        page.contents.send("cut")
        with pytest.raises(ConnectionClosed):
            page.wait_for("never", timeout=PATIENCE)
        page.settle()
        assert page.contents.is_destroyed()


# ---- the application's life ----------------------------------------------------------


def test_the_application_is_told_what_it_is_told_in_production(ipc: IpcMain) -> None:
    told = list[Any]()
    with (
        app.on("ready", lambda: told.append("ready")),
        app.on("web-contents-created", lambda c: told.append(("created", c.title))),
        app.on("web-contents-destroyed", lambda c: told.append(("gone", c.title))),
        app.on("window-all-closed", lambda: told.append("all closed")),
        app.on("before-quit", lambda: told.append("before quit")),
    ):
        with connected(ipc, title="left"):
            pass
        assert told == [
            "ready",
            ("created", "left"),
            ("gone", "left"),
            "all closed",
            "before quit",
        ]


def test_quitting_says_goodbye(ipc: IpcMain) -> None:
    ipc.on("quit", lambda event: app.quit())
    with connected(ipc) as page:
        page.send("quit")
        assert page.wait(PATIENCE)
        assert page.contents.is_destroyed()
        with pytest.raises(ConnectionClosed):
            page.connect()


def test_a_renderer_that_main_closes_as_soon_as_it_is_there(ipc: IpcMain) -> None:
    def close(contents: WebContents) -> None:
        contents.close("not you")

    with app.on("web-contents-created", close), connected(ipc) as page:
        assert page.contents.is_destroyed()
        assert page.wait(PATIENCE)


def test_the_end_cancels_what_listeners_have_left_running(ipc: IpcMain) -> None:
    ended = list[str]()

    @ipc.on("x")
    async def _(event: Any) -> None:
        try:
            await asyncio.Future()
        finally:
            ended.append("listener")

    with connected(ipc) as page:
        page.send("x")
    assert ended == ["listener"]


def test_a_failing_test_leaves_nothing(ipc: IpcMain) -> None:
    def fail(page: RendererProbe) -> None:
        page.send("x")
        raise AssertionError("the test fails")

    with pytest.raises(AssertionError, match="the test fails"), connected(ipc) as page:
        fail(page)
    assert page.contents.is_destroyed()


def test_it_is_logged_when_main_does_not_end(
    ipc: IpcMain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainproc.testing.mains._END_WITHIN", 0.05)
    begun, gate = threading.Event(), threading.Event()

    def hold(event: Any) -> None:
        begun.set()
        gate.wait(PATIENCE)

    ipc.on("x", hold)
    with connected(ipc) as page:
        page.send("x")
        begun.wait(PATIENCE)
        page._connection.cut()  # type: ignore[union-attr]  # noqa: SLF001
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    gate.set()
    assert "main does not end; it is held by " in record.getMessage()
    assert "hold, test_testing.py:" in record.getMessage()
