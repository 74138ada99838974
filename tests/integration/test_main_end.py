"""How a main process ends: signals, held loops, threads, standard input."""

from __future__ import annotations

import os
import pty
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

import renderer
from electron_ipc.v1 import ipc_pb2 as pb, ipc_pb2_grpc
from renderer.wire import messages
from tests.integration.conftest import Write
from tests.integration.main_support import ask
from tests.support.processes import PATIENCE, RunningMain, running_main

SLOW = """
    import asyncio, time
    from pathlib import Path
    from mainproc import ipc

    @ipc.handle("slow")
    async def slow(event):
        print("started", flush=True)
        # A pipe: there is something to read when the test says so.
        return await asyncio.to_thread(Path(__file__).with_name("go").read_text)

    @ipc.handle("endless", thread=True)
    def endless(event):
        print("started", flush=True)
        time.sleep(1_000)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_a_handler_finish(write: Write, number: signal.Signals) -> None:
    main_py = write("main.py", SLOW)
    go = main_py.with_name("go")
    os.mkfifo(go)
    with running_main(main_py, "--grace", f"{PATIENCE:g}") as running:
        with grpc.insecure_channel(running.address) as channel:
            frames: queue.SimpleQueue[Any] = queue.SimpleQueue()
            message = pb.Message.FromString(messages.call(1, "slow", ()).data)
            frames.put(pb.StreamRequest(hello=pb.Hello(), messages=[message]))
            link = ipc_pb2_grpc.IpcServiceStub(channel).Stream(iter(frames.get, None))
            assert running.next_line() == "started"
            running.process.send_signal(number)
            go.write_text("finished")
            heard = []
            for frame in link:
                heard.append(frame)
                if frame.HasField("goodbye"):
                    frames.put(pb.StreamRequest(goodbye=pb.Goodbye()))
                    frames.put(None)
        assert running.process.wait(PATIENCE) == 0
    (reply,) = [message.reply for frame in heard for message in frame.messages]
    assert reply.value.string_value == "finished"
    assert heard[-1].goodbye.reason == pb.GOODBYE_REASON_SHUTDOWN


def test_people_are_told_what_the_end_waits_for(write: Write) -> None:
    main_py = write("main.py", SLOW)
    go = main_py.with_name("go")
    os.mkfifo(go)
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "mainproc", "run", "--listen", "127.0.0.1:0"]
    words += ["--ready", "json", "--grace", f"{PATIENCE:g}", str(main_py)]
    with (
        os.fdopen(ours, encoding="utf-8") as shown,
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=theirs, text=True
        ) as process,
    ):
        os.close(theirs)
        main = RunningMain(process)
        with renderer.connect(main.address) as page:
            reply = page.invoke("slow")
            assert main.next_line() == "started"
            process.terminate()
            told = next(line for line in shown if line.startswith("mainproc: "))
            text = "mainproc: waits for 'slow' to finish; Ctrl-C ends it now\n"
            assert told == text
            go.write_text("finished")
            assert reply.result(PATIENCE) == "finished"
        assert process.wait(PATIENCE) == 0


EXITING = """
    import asyncio, sys
    from mainproc import app, ipc

    stopping = asyncio.Event()
    app.on("before-quit", stopping.set)
    ipc.on("x", lambda event: print("begun", flush=True))

    def leave(*_):
        sys.exit(5)

    async def leave_later(*_):
        await stopping.wait()
        sys.exit(5)
"""


@pytest.mark.parametrize(
    ("reason", "signalled"),
    [
        ('app.on("before-quit", leave)', True),
        ('app.on("before-quit", leave_later)', True),
        ('ipc.on("x", leave_later)', True),
        ('app.on("web-contents-created", leave)', False),
    ],
)
def test_sys_exit_ends_in_order_also_at_the_end(
    write: Write, reason: str, signalled: bool
) -> None:
    main_py = write("main.py", f"{EXITING}\n    {reason}\n")
    with (
        running_main(main_py) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        frames: queue.SimpleQueue[Any] = queue.SimpleQueue()
        message = pb.Message.FromString(messages.event("x", ()).data)
        frames.put(pb.StreamRequest(hello=pb.Hello(), messages=[message]))
        link = ipc_pb2_grpc.IpcServiceStub(channel).Stream(iter(frames.get, None))
        if signalled:
            assert running.next_line() == "begun"
            running.process.terminate()
        heard = []
        try:
            for frame in link:
                heard.append(frame)
                if frame.HasField("goodbye"):
                    frames.put(pb.StreamRequest(goodbye=pb.Goodbye()))
        finally:
            frames.put(None)
        _, err = running.process.communicate(timeout=PATIENCE)
    assert heard[-1].goodbye.reason == pb.GOODBYE_REASON_SHUTDOWN
    assert (running.process.returncode, err) == (5, "")


ENDED = """
    import signal
    import mainproc

    mainproc.app.on("ready", mainproc.app.quit)
    mainproc.run(listen="127.0.0.1:0", grace=0)
    try:
        print("over", flush=True)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_behind_a_main_that_has_quit_is_the_scripts(write: Write) -> None:
    words = [sys.executable, str(write("main.py", ENDED))]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "over\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "interrupted\n")
    assert "holds main" not in err


HELD = """
    import time
    from mainproc import ipc

    @ipc.on("hold")
    def hold(event):
        print("held", flush=True)
        while True:
            time.sleep(0.01)
"""


@contextmanager
def held_by(main: RunningMain) -> Iterator[None]:
    """Have a listener hold main while the block runs."""

    def hold() -> None:
        with pytest.raises(grpc.RpcError):
            ask(main.address, "hold")

    asking = threading.Thread(target=hold)
    asking.start()
    assert main.next_line() == "held"
    yield
    asking.join(PATIENCE)


def test_a_held_main_ends_after_the_grace(write: Write) -> None:
    held = write("held.py", HELD)
    with running_main(held, "--grace", "0") as main, held_by(main):
        main.process.send_signal(signal.SIGINT)
        _, err = main.process.communicate(timeout=PATIENCE)

    assert main.process.returncode == 1
    said = err.splitlines()[-1]
    assert said.startswith("mainproc: a listener or handler holds main (hold, held.py:")
    assert said.endswith("); ended without it")


def test_a_second_signal_ends_a_held_main_at_once(write: Write) -> None:
    held, grace = write("held.py", HELD), f"{PATIENCE:g}"
    with running_main(held, "--grace", grace) as main, held_by(main):
        main.process.send_signal(signal.SIGINT)
        main.process.send_signal(signal.SIGTERM)
        _, err = main.process.communicate(timeout=PATIENCE)

    assert main.process.returncode == 130
    assert "Traceback" not in err


def test_a_thread_that_does_not_end_holds_up_nobody(write: Write) -> None:
    with (
        running_main(write("main.py", SLOW), "--grace", "0") as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        stub = ipc_pb2_grpc.IpcServiceStub(channel)
        message = pb.Message.FromString(messages.call(1, "endless", ()).data)
        link = stub.Stream(
            iter([pb.StreamRequest(hello=pb.Hello(), messages=[message])])
        )
        assert running.next_line() == "started"
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0
        link.cancel()


def test_the_end_of_standard_input(write: Write) -> None:
    main = write("main.py", "")
    words = [sys.executable, "-m", "mainproc", "run", "--exit-with-stdin"]
    words += ["--listen", "127.0.0.1:0", "--ready", "json", str(main)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"whatever a parent may say\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


# ---- unix: ---------------------------------------------------------------------------
