"""What users were promised, between a real main process and real renderers."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import renderer
from renderer import ConnectionClosed, IpcRenderer
from tests.integration.conftest import Write
from tests.support.processes import (
    PATIENCE,
    RunningMain,
    environment,
    next_line,
    noteworthy,
    run_python,
    running_main,
)

SEED_MAIN = """
    from mainproc import ipc

    def on_asynchronous(event, arg):
        print(arg, flush=True)
        event.sender.send("asynchronous-reply", "pong")
    ipc.on("asynchronous-message", on_asynchronous)

    def on_synchronous(event, arg):
        print(arg, flush=True)
        event.{return_value} = "pong"
    ipc.on("synchronous-message", on_synchronous)
"""

SEED_PAGE = """
    from renderer import ipc

    print(ipc.{send_sync}("synchronous-message", "ping"), flush=True)

    def on_reply(arg):
        print(arg, flush=True)
    ipc.on("asynchronous-reply", on_reply)
    ipc.send("asynchronous-message", "ping")
"""


@pytest.mark.parametrize(
    ("return_value", "send_sync"),
    [("return_value", "send_sync"), ("returnValue", "sendSync")],
    ids=["python", "camelCase"],
)
def test_the_seeds_two_programs(
    write: Write, return_value: str, send_sync: str
) -> None:
    main_py = write("main.py", SEED_MAIN.format(return_value=return_value))
    page_py = write("page.py", SEED_PAGE.format(send_sync=send_sync))
    with running_main(main_py) as main:
        page = subprocess.Popen(
            [sys.executable, "-m", "renderer", str(page_py)],
            env=environment(main.address),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with page:
            lines = [next_line(page), next_line(page)]
            code, out, err = main.stop()  # Goodbye ends the page, too
            rest, page_err = page.communicate(timeout=PATIENCE)

    assert (lines, rest) == (["pong", "pong"], "")
    assert noteworthy(page_err) == ""
    assert page.returncode == 0
    assert (code, out) == (0, "ping\nping\n")
    assert "Traceback" not in err


COLLECTING_MAIN = """
    from mainproc import ipc

    seen = []

    @ipc.on("number")
    def _(event, number):
        seen.append(number)

    @ipc.on("sync-number")
    def _(event, number):
        seen.append(number)
        event.return_value = number

    @ipc.handle("invoke-number")
    async def _(event, number):
        seen.append(number)
        return number

    @ipc.handle("seen")
    def _(event):
        result = list(seen)
        seen.clear()
        return result
"""


@pytest.fixture
def collecting(write: Write) -> Iterator[RunningMain]:
    with running_main(write("main.py", COLLECTING_MAIN)) as main:
        yield main


def test_sends_as_the_last_lines_of_a_script_arrive(
    write: Write, collecting: RunningMain
) -> None:
    page = write(
        "page.py",
        """
        from renderer import ipc

        for number in range(1000):
            ipc.send("number", number)
        """,
    )
    for _ in range(3):
        code, out, err = run_python(page, env=environment(collecting.address))
        assert (code, out, err) == (0, "", "")
        with renderer.connect(collecting.address) as ipc:
            assert ipc.invoke("seen").result(PATIENCE) == list(range(1000))


@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
def test_all_ways_of_sending_arrive_in_the_order_of_issue(
    collecting: RunningMain, unary: bool
) -> None:
    rng = random.Random(33)
    with renderer.connect(collecting.address) as ipc:
        # Unary is for those without a stream; it keeps its place beside one, too.
        send_sync = ipc._send_sync_unary if unary else ipc.send_sync  # noqa: SLF001
        replies = []
        for number in range(1000):
            way = rng.choice(("send", "send_sync", "invoke"))
            if way == "send":
                ipc.send("number", number)
            elif way == "send_sync":
                assert send_sync("sync-number", number) == number
            else:
                replies.append((number, ipc.invoke("invoke-number", number)))
        assert all(reply.result(PATIENCE) == number for number, reply in replies)
        assert ipc.invoke("seen").result(PATIENCE) == list(range(1000))


WAITING_MAIN = """
    import asyncio
    from mainproc import ipc

    begun = 0

    @ipc.handle("wait")
    async def _(event):
        global begun
        begun += 1
        if begun == 50:
            print("all begun", flush=True)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise

    @ipc.on("hold")
    def _(event):
        held.append(event)
    held = []
"""


@pytest.fixture
def waiting(write: Write) -> Iterator[RunningMain]:
    with running_main(write("main.py", WAITING_MAIN)) as main:
        yield main


def test_killing_main_fails_every_waiting_call(waiting: RunningMain) -> None:
    # Silence would be noticed in an hour: it is the end of the connection that is.
    ipc = IpcRenderer(waiting.address, reconnect=False, dead_after=3600).connect()
    try:
        replies = [ipc.invoke("wait") for _ in range(50)]
        assert waiting.next_line() == "all begun"
        waiting.process.send_signal(signal.SIGKILL)
        for reply in replies:
            with pytest.raises(ConnectionClosed) as closed:
                reply.result(PATIENCE)
            assert closed.value.outcome == "unknown"
        with pytest.raises(ConnectionClosed):
            ipc.send("after the end")
    finally:
        ipc.close()


def test_killing_a_renderer_cancels_its_handlers(
    write: Write, waiting: RunningMain
) -> None:
    page = write(
        "page.py",
        """
        from renderer import ipc

        ipc.connect(reconnect=False)
        replies = [ipc.invoke("wait") for _ in range(50)]
        ipc.wait()
        """,
    )
    process = subprocess.Popen(
        [sys.executable, str(page)], env=environment(waiting.address)
    )
    with process:
        assert waiting.next_line() == "all begun"
        process.kill()
        process.wait(PATIENCE)
        assert [waiting.next_line() for _ in range(50)] == ["cancelled"] * 50


FLOODING_MAIN = """
    import asyncio
    from mainproc import ipc

    gates = {}

    @ipc.handle("wait for")
    async def _(event, number):
        gates[number] = asyncio.Event()
        await gates[number].wait()
        return number

    @ipc.on("open")
    def _(event, number):
        gates[number].set()

    @ipc.on("echo")
    def _(event, number):
        event.sender.send("echoed", number)

    @ipc.on("flood")
    def _(event, count):
        for number in range(count):
            event.sender.send("flooded", number)

    @ipc.on("double")
    def _(event, number):
        event.return_value = 2 * number
"""


@pytest.fixture
def flooding(write: Write) -> Iterator[RunningMain]:
    with running_main(write("main.py", FLOODING_MAIN)) as main:
        yield main


def test_five_hundred_handlers_wait_for_later_events(flooding: RunningMain) -> None:
    with renderer.connect(flooding.address) as ipc:
        replies = [ipc.invoke("wait for", number) for number in range(500)]
        for number in reversed(range(500)):
            ipc.send("open", number)
        assert [reply.result(PATIENCE) for reply in replies] == list(range(500))


def test_a_listener_may_call_main_while_main_floods_it(flooding: RunningMain) -> None:
    count = 3_000
    doubled: list[int] = []
    all_doubled = threading.Event()
    with renderer.connect(flooding.address) as ipc:

        def on_flooded(number: int) -> None:
            doubled.append(ipc.send_sync("double", number))
            if len(doubled) == count:
                all_doubled.set()

        ipc.on("flooded", on_flooded)
        ipc.send("flood", count)
        assert all_doubled.wait(PATIENCE)
    assert doubled == [2 * number for number in range(count)]


def test_what_main_has_sent_is_heard_before_the_end(flooding: RunningMain) -> None:
    heard: list[int] = []
    with renderer.connect(flooding.address) as ipc:
        ipc.on("flooded", heard.append)
        ipc.send("flood", 1_000)
    assert heard == list(range(1_000))


NO_ADDRESSES = (
    *("foo", "50051", "127.0.0.1:99999", "unix:", ":", "local host:50051"),
    *("http://127.0.0.1:50051", "https://localhost:50051/", "127.0.0.1/x:50051"),
)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ConnectionClosed, match="is no address; give HOST:PORT or"):
        IpcRenderer(address, connect_timeout=PATIENCE).connect()


@pytest.mark.slow
def test_an_echo_listener_loses_nothing_in_a_flood(flooding: RunningMain) -> None:
    count = 100_000
    echoed: list[int] = []
    all_echoed = threading.Event()
    with renderer.connect(flooding.address) as ipc:

        def on_echoed(number: int) -> None:
            echoed.append(number)
            if number == count - 1:
                all_echoed.set()

        ipc.on("echoed", on_echoed)
        for number in range(count):
            ipc.send("echo", number)
        assert all_echoed.wait(PATIENCE)
    assert echoed == list(range(count))
