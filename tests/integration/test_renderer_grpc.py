"""The blocking renderer over real sockets, with a real main process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import renderer
from renderer import (
    ConnectionClosed,
    IpcError,
    IpcRenderer,
    IpcTimeout,
    NoHandler,
    NoListener,
    PayloadTooLarge,
    RemoteError,
    ReplyNeverSent,
)
from renderer.carrier import LinkBroken
from renderer.wire import events, messages
from renderer.wire.limits import Limits
from tests.support.leap import leap_once_refused
from tests.support.memory import Heard, MemoryMain, served
from tests.support.ports import reserved
from tests.support.processes import PATIENCE, RunningMain, environment, running_main
from tests.support.servers import serving
from tests.support.waiting import TIMEOUTS

MAIN = """
    import asyncio
    from mainproc import ipc

    held, seen = [], []

    @ipc.on("number")
    def _(event, number):
        seen.append(number)

    @ipc.on("sync-number")
    def _(event, number):
        seen.append(number)
        event.return_value = number

    @ipc.on("seen")
    def _(event):
        event.return_value = list(seen)
        seen.clear()

    @ipc.on("echo")
    def _(event, *args):
        event.sender.send("echoed", *args)

    @ipc.on("double")
    def _(event, value):
        event.return_value = value + value

    @ipc.on("hold")
    def _(event):
        held.append(event)
        print("held", flush=True)

    @ipc.on("silent")
    def _(event):
        pass

    @ipc.on("bad")
    def _(event):
        raise ValueError("boom")

    @ipc.on("can send")
    def _(event):
        event.return_value = event.sender.send("x")

    @ipc.handle("add")
    def _(event, a, b):
        return a + b

    waiting = []

    @ipc.handle("wait")
    async def _(event):
        waiting.append(event)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise

    ipc.handle("waiting", lambda event: len(waiting))

    @ipc.on("goodbye")
    def _(event):
        event.sender.close("see you")
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("main") / "main.py"
    path.write_text(textwrap.dedent(MAIN))
    return path


@pytest.fixture
def main(script: Path) -> Iterator[RunningMain]:
    with running_main(script) as main:
        yield main


@pytest.fixture
def ipc(main: RunningMain) -> Iterator[IpcRenderer]:
    with renderer.connect(main.address) as ipc:
        yield ipc


# ---- connecting ----------------------------------------------------------------------


def test_a_session_over_a_unix_socket(script: Path, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/main.sock"
    with running_main(script, "--listen", address), renderer.connect(address) as ipc:
        assert ipc.address == address
        assert ipc.invoke("add", 1, 2).result(PATIENCE) == 3


def test_a_main_that_comes_up_late_is_noticed(script: Path) -> None:
    with (
        reserved() as address,
        ThreadPoolExecutor() as helpers,
        IpcRenderer(address, connect_timeout=PATIENCE) as ipc,
    ):
        connecting = helpers.submit(ipc.connect)
        with running_main(script, "--listen", address):
            assert connecting.result(PATIENCE) is ipc
            ipc.close()


def test_no_main_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with reserved() as address:
        ipc = IpcRenderer(address, connect_timeout=0.2)
        for use in (ipc.connect, lambda: ipc.send("x"), ipc.wait):
            with pytest.raises(ConnectionClosed, match="no main process at") as closed:
                use()
            assert closed.value.outcome == "not-sent"
        with pytest.raises(ConnectionClosed, match="no main process at"):
            IpcRenderer(address, connect_timeout=0.2).send_sync("x")
        leap_once_refused(LinkBroken, PATIENCE, monkeypatch)
        with pytest.raises(ConnectionClosed, match="no main process at") as closed:
            ipc.connect(connect_timeout=PATIENCE)
        assert "Connection refused" in closed.value.__notes__[0]


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ipc = IpcRenderer(f"127.0.0.1:{port}", connect_timeout=0.2)
        with pytest.raises(
            ConnectionClosed, match=r"no main process at .* after 0.2 s"
        ):
            ipc.connect()


def test_a_server_that_is_not_ours() -> None:
    with serving() as address:
        ipc = IpcRenderer(address)
        for use in (ipc.connect, lambda: ipc.send_sync("x")):
            with pytest.raises(
                ConnectionClosed, match=r"no main process of electron-ipc"
            ):
                use()


# ---- sync messages, both ways --------------------------------------------------------


@pytest.fixture(params=["stream", "one-shot", "unary in a session"])
def ask(request: pytest.FixtureRequest, main: RunningMain) -> Iterator[Any]:
    with IpcRenderer(main.address) as ipc:
        if request.param == "one-shot":
            yield ipc.send_sync
            assert ipc.id is None
            return
        ipc.connect()
        unary = ipc._send_sync_unary  # noqa: SLF001 - for this way there is no public door
        yield ipc.send_sync if request.param == "stream" else unary


def test_a_sync_message_and_its_answer(ask: Any) -> None:
    assert ask("double", [1, {"two": 2.5}]) == [1, {"two": 2.5}, 1, {"two": 2.5}]


def test_every_way_to_have_no_answer(ask: Any) -> None:
    with pytest.raises(NoListener, match="no listener for 'doubel'; did you mean"):
        ask("doubel")
    with pytest.raises(ReplyNeverSent, match="'silent'"):
        ask("silent")
    with pytest.raises(RemoteError, match="ValueError: boom"):
        ask("bad")
    with pytest.raises(IpcTimeout, match=r"^no reply to 'hold' within 0.05 s$"):
        ask("hold", timeout=0.05)


def test_a_large_message(ask: Any) -> None:
    large = bytes(1_500_000)
    assert ask("double", large) == large + large


WAITING = ("next_item", "_blocking")  # ours on a stream, gRPC's beside it


def rests(thread: int) -> bool:
    """Tell whether a thread waits for an answer, and not merely comes by there.

    Python does not tell when a thread blocks in C: its place is looked at repeatedly.
    """
    places = set[tuple[str, int]]()
    for _ in range(20):
        frame = sys._current_frames()[thread]  # noqa: SLF001
        places.add((frame.f_code.co_name, frame.f_lasti))
        time.sleep(0.01)
    return len(places) == 1 and places.pop()[0] in WAITING


def test_ctrl_c_ends_the_waiting_at_once(ask: Any, main: RunningMain) -> None:
    here = threading.main_thread().ident
    assert here is not None

    def interrupt() -> None:
        assert main.next_line() == "held"
        # Not before it waits: elsewhere in gRPC an interrupt may leave a lock held.
        while not rests(here):
            os.sched_yield()
        signal.pthread_kill(here, signal.SIGINT)

    with ThreadPoolExecutor() as helpers:
        interrupting = helpers.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            ask("hold", timeout=PATIENCE)
        interrupting.result(0)
    assert ask("double", 2) == 4


def test_a_one_shot_cannot_be_sent_to(main: RunningMain) -> None:
    with IpcRenderer(main.address) as ipc:
        assert ipc.send_sync("can send") is False
        ipc.connect()
        assert ipc.send_sync("can send") is True


def test_unary_messages_take_their_place_among_the_others(ipc: IpcRenderer) -> None:
    ask = ipc._send_sync_unary  # noqa: SLF001 - for this way there is no public door
    for number in range(0, 300, 3):
        ipc.send("number", number)
        assert ask("sync-number", number + 1) == number + 1
        ipc.send("number", number + 2)
    assert ipc.send_sync("seen") == list(range(300))


def test_what_is_too_large_for_main_is_refused(main: RunningMain) -> None:
    huge = bytes(5 * 1024 * 1024)
    with IpcRenderer(main.address) as ipc:
        # A unary request is one frame; this goes in chunks, and so needs a session.
        assert ipc.send_sync("double", huge) == huge + huge
        assert ipc.is_connected()
        with pytest.raises(PayloadTooLarge):
            ipc.send("x", bytes(65 * 1024 * 1024))


# ---- sending and listening -----------------------------------------------------------


def test_listeners_over_a_socket(ipc: IpcRenderer) -> None:
    heard, threaded = Heard(), Heard()
    ipc.on("echoed", heard.listener)
    ipc.on("echoed", threaded.listener, thread=True)
    for number in range(1000):
        ipc.send("echo", number)
    assert [heard.next() for _ in range(1000)] == list(range(1000))
    assert [threaded.next() for _ in range(1000)] == list(range(1000))


def test_handlers_over_a_socket() -> None:
    with served(MemoryMain()) as (main, address), IpcRenderer(address) as ipc:
        ipc.handle("add", lambda a, b: a + b)
        ipc.handle("slow", lambda a: a, thread=True)
        ipc.connect()
        main.call(1, "add", 1, 2)
        main.call(2, "slow", 4)
        main.call(3, "ad")
        replied = main.wait_for(events.Replied, 3)
        replies = {event.id: event.reply for event in replied}
        assert messages.read_result(replies[1], "add") == 3
        assert messages.read_result(replies[2], "slow") == 4
        with pytest.raises(NoHandler, match="No handler registered for 'ad'; did you"):
            messages.read_result(replies[3], "ad")


def test_mains_goodbye_waits_for_the_listeners_over_a_socket() -> None:
    gate, heard = threading.Event(), Heard()

    def listener(number: int) -> None:
        gate.wait(PATIENCE)
        heard.put(number)

    with served(MemoryMain()) as (main, address), IpcRenderer(address) as ipc:
        ipc.on("x", listener)
        ipc.connect()
        for number in range(3):
            main.send("x", number)
        main.goodbye()
        while ipc.is_connected():
            pass
        gate.set()
        assert ipc.wait() is True
        assert [heard.next() for _ in range(3)] == [0, 1, 2]
        (ended,) = main.wait_for(events.Ended)
        assert ended.unconfirmed == 0


def test_send_waits_for_the_window_over_a_socket() -> None:
    small = MemoryMain(Limits(window_messages=2))
    small.consuming = False
    with (
        ThreadPoolExecutor() as helpers,
        served(small) as (main, address),
        IpcRenderer(address) as ipc,
    ):
        for number in range(2):
            ipc.send("n", number)
        waiting = helpers.submit(ipc.send, "n", 2)
        for number in range(3):
            assert main.hear() == ("n", [number])
            main.consume()
        waiting.result(PATIENCE)


def test_a_cancelled_invoke_cancels_its_handler(
    main: RunningMain, ipc: IpcRenderer
) -> None:
    reply = ipc.invoke("wait")
    ipc.flush()
    assert reply.cancel()
    assert main.next_line() == "cancelled"
    for timeout in TIMEOUTS:
        with pytest.raises(IpcTimeout):
            ipc.invoke("wait", timeout=timeout).result(PATIENCE)
        if ipc.invoke("waiting").result(PATIENCE) > 1:
            break
    assert main.next_line() == "cancelled"


def test_listeners_on_a_gui_loop(main: RunningMain) -> None:
    jobs = Heard()
    ipc = IpcRenderer(main.address, dispatch=jobs.put)
    heard: list[int] = []
    with ipc:
        ipc.on("echoed", heard.append)
        for number in range(100):
            ipc.send("echo", number)
        while len(heard) < 100:
            jobs.next()()  # this thread is the loop, and may ask main meanwhile
            assert ipc.send_sync("double", 1) == 2
    assert heard == list(range(100))


@pytest.mark.slow
def test_an_idle_renderer_acks_by_itself() -> None:
    with served(MemoryMain()) as (main, address), IpcRenderer(address) as ipc:
        heard = Heard()
        ipc.on("x", heard.listener)
        ipc.connect()
        main.send("x", 1)
        assert heard.next() == 1
        assert main.wait_for(events.Acked) == [events.Acked(1)]


# ---- the end -------------------------------------------------------------------------


def test_mains_goodbye(ipc: IpcRenderer) -> None:
    ended = Heard()
    ipc.on_disconnect(lambda: ended.put("disconnected"))
    reply = ipc.invoke("wait")
    ipc.send("goodbye")
    assert ipc.wait(PATIENCE) is True
    assert ended.next() == "disconnected"
    with pytest.raises(ConnectionClosed, match="said goodbye: see you"):
        reply.result(0)
    assert ipc.connect().send_sync("double", 1) == 2


def test_killed_main(main: RunningMain) -> None:
    # Silence would be noticed in an hour: it is the end of the connection that is.
    ended = Heard()
    ipc = IpcRenderer(main.address, reconnect=False, dead_after=3600)
    ipc.on_disconnect(lambda: ended.put("disconnected"))
    replies = [ipc.invoke("wait") for _ in range(50)]
    ipc.flush()
    with ThreadPoolExecutor() as helpers:
        ask = ipc._send_sync_unary  # noqa: SLF001 - for this way there is no public door
        asking = [
            helpers.submit(how, "hold", timeout=None) for how in (ipc.send_sync, ask)
        ]
        assert [main.next_line() for _ in asking] == ["held", "held"]
        main.process.kill()
        for waiting in (*replies, *asking):
            error = waiting.exception(PATIENCE)
            assert isinstance(error, ConnectionClosed)
            assert error.outcome == "unknown"
    assert ended.next() == "disconnected"
    assert ipc.wait() is False


def test_nothing_is_left_behind(main: RunningMain) -> None:
    for _ in range(10):
        with renderer.connect(main.address) as ipc:
            ipc.send("number", 1)
            ipc.on("x", print, thread=True)
    # The fixture of all tests looks for threads that have not ended.


FORKING = """
    import os, sys
    from renderer import ipc, IpcError

    ipc.connect()
    child = os.fork()
    if child == 0:
        for use in (ipc.send, ipc.invoke, ipc.send_sync, ipc.handle_once):
            try:
                use("x")
            except IpcError as error:
                print(error)
        print(ipc.is_connected(), ipc.id)
        ipc.close()
        sys.exit(0)
    os.waitpid(child, 0)
    print(child, os.getpid(), ipc.send_sync("double", 1))
"""


def test_a_renderer_is_not_usable_after_fork(main: RunningMain, tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text(textwrap.dedent(FORKING))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", page],
        env=environment(main.address),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    *childs, parents = done.stdout.splitlines()
    _, parent, doubled = parents.split()
    text = f"opened in process {parent}, not usable after fork; connect again"
    assert childs == [text, text, text, "False None"]
    assert doubled == "2"


def test_errors_are_ours() -> None:
    assert issubclass(ConnectionClosed, IpcError)
