"""The test kit: a probe on threads, its main in memory."""

from __future__ import annotations

import asyncio
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
    WebContents,
)
from mainproc.testing import connected
from tests.support.processes import PATIENCE


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
    threads = set[threading.Thread]()
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
    (main,) = threads
    assert main is not threading.current_thread()
    assert not main.is_alive()


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
