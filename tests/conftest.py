"""What holds for every test: it leaves nothing running, and it is repeatable.

Unclosed sockets, files and event loops need no guard of ours: they warn when they are
collected, and pytest is told that a warning is an error.
"""

import contextlib
import faulthandler
import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.logs import is_noteworthy

# `default` gives every machine the same examples: a red run can be run again.
settings.register_profile(
    "default", derandomize=True, deadline=None, max_examples=50, database=None
)
settings.register_profile("soak", deadline=None, max_examples=3_500, print_blob=True)
settings.register_profile(
    "soak-stateful", settings.get_profile("soak"), max_examples=5_000
)
settings.load_profile("default")  # --hypothesis-profile comes later and wins

# A shell ignores Ctrl-C for what it starts in the background, and so would children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SETTLE_S = 20.0  # how long what a test has stopped may take to end, if it ends

# Ends with the last grpc.aio object, which may have to wait for the garbage collector.
GRPC_AIO_POLLER = "(_poll_wrapper)"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skip",
        action="store_true",
        help="fail when a test is skipped: this machine must have it all",
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not reporter or not session.config.getoption("--no-skip"):
        return
    if reporter.stats.get("skipped"):
        reporter.write_line("\n--no-skip: something was skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_runtest_setup(item: pytest.Item) -> None:
    # faulthandler has one time for all; who may take longer has only its own limit.
    mark = item.get_closest_marker("timeout")
    everybodys = float(item.config.getini("faulthandler_timeout"))
    if mark is not None and not 0 < mark.args[0] < everybodys:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What was logged, but not that something takes long, as it may on any machine."""
    caplog.handler.addFilter(is_noteworthy)
    yield caplog
    caplog.handler.removeFilter(is_noteworthy)


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    threads, children = set(threading.enumerate()), child_processes()
    yield
    deadline = time.monotonic() + SETTLE_S
    leaked = [
        *surviving_threads(threads, deadline),
        *surviving_children(children, deadline),
    ]
    if leaked:
        pytest.fail(f"the test left behind: {', '.join(leaked)}", pytrace=False)


def surviving_threads(before: set[threading.Thread], deadline: float) -> list[str]:
    """Return the names of threads started since `before` that do not end in time."""
    new = [
        thread
        for thread in threading.enumerate()
        if thread not in before and not thread.name.endswith(GRPC_AIO_POLLER)
    ]
    if new:
        gc.collect()  # what owned them may be garbage already
    for thread in new:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [
        f"thread {thread.name} in {whereabouts(thread)}"
        for thread in new
        if thread.is_alive()
    ]


def whereabouts(thread: threading.Thread) -> str:
    """Return what a thread is doing."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001
    return "its end" if frame is None else "".join(traceback.format_stack(frame))


def surviving_children(before: set[int], deadline: float) -> list[str]:
    """Return the processes started since `before` that nobody waited for; end them."""
    survivors: list[str] = []
    for pid in child_processes() - before:
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(pid)
            select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))
            os.close(pidfd)
        if pid in child_processes():
            survivors.append(f"process {pid} ({command_line(pid)})")
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    return survivors


def child_processes() -> set[int]:
    """Return our children, also those that ended unwaited for (Linux only)."""
    pids: set[int] = set()
    for children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pids.update(int(pid) for pid in children.read_text().split())
    return pids  # a thread that ended while we looked has handed its own to another


def command_line(pid: int) -> str:
    """Return what the process runs, for the message."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        words = []
    return b" ".join(words).decode(errors="replace").strip() or "ended"
