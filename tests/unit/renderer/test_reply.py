"""`Reply`: a future whose result is decoded by who wants it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.deadline import SLICE_S
from renderer.reply import Reply
from renderer.wire.errors import (
    ConnectionClosed,
    DataCloneError,
    IpcTimeout,
    RemoteError,
)
from renderer.wire.events import Replied


class Line:
    """Notes what is given up, and keeps callbacks for the test to run."""

    def __init__(self) -> None:
        self.given_up: list[int] = []
        self.jobs: list[Callable[[], None]] = []

    def give_up(self, id: int) -> None:
        self.given_up.append(id)

    def post(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def check_wait(self) -> None:
        pass


def make(line: Line | None = None) -> Reply[Any]:
    return Reply("x", 7, line or Line())


def result(value: pb.Value) -> Replied:
    return Replied(7, pb.Reply(value=value))


LIST = pb.Value(container=pb.CONTAINER_LIST, items=[pb.Value(int_value=1)])


def test_a_result_is_decoded_once() -> None:
    reply = make()
    reply.replied(result(LIST))
    assert reply.result() == [1]
    assert reply.result() is reply.result()
    assert reply.exception() is None


def test_a_result_that_cannot_be_read_is_an_error() -> None:
    reply = make()
    reply.replied(result(pb.Value()))
    with pytest.raises(DataCloneError):
        reply.result()
    assert isinstance(reply.exception(), DataCloneError)


def test_waiting_is_cut_into_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or Ctrl-C would be lost that comes while the thread is about to sleep."""
    reply, waits = make(), list[float | None]()

    def wait(_: threading.Condition, timeout: float | None = None) -> bool:
        waits.append(timeout)
        if len(waits) == 3:
            reply.replied(result(LIST))
        return len(waits) == 3

    monkeypatch.setattr(threading.Condition, "wait", wait)
    assert reply.result() == [1]
    assert waits == [SLICE_S] * 3


def test_a_failure_is_raised() -> None:
    reply = make()
    failure = pb.Failure(reason="REMOTE_ERROR", name="ValueError", message="boom")
    reply.replied(Replied(7, pb.Reply(failure=failure)))
    with pytest.raises(RemoteError, match="ValueError: boom"):
        reply.result()
    assert isinstance(reply.exception(), RemoteError)


def test_waiting_has_a_timeout() -> None:
    reply = make()
    for wait in (reply.result, reply.exception):
        with pytest.raises(IpcTimeout, match=r"no reply to 'x' within 0 s so far"):
            wait(0)
    reply.failed(IpcTimeout("the call's own"))
    with pytest.raises(IpcTimeout, match="the call's own"):
        reply.result(0)
    assert isinstance(reply.exception(0), IpcTimeout)


def test_cancelling_tells_the_other_side_once() -> None:
    line = Line()
    reply = make(line)
    assert reply.cancel()
    assert reply.cancel()
    assert line.given_up == [7]
    assert concurrent.futures.wait([reply], timeout=0).done == {reply}
    for wait in (reply.result, reply.exception):
        with pytest.raises(concurrent.futures.CancelledError):
            wait()
    reply.replied(result(LIST))
    reply.failed(ConnectionClosed("too late"))


def test_what_is_done_cannot_be_cancelled() -> None:
    line = Line()
    reply = make(line)
    reply.replied(result(LIST))
    assert not reply.cancel()
    assert line.given_up == []


def test_callbacks_are_posted(caplog: pytest.LogCaptureFixture) -> None:
    line, seen = Line(), list[Any]()
    reply = make(line)
    reply.add_done_callback(lambda done: seen.append(done.result()))
    reply.replied(result(LIST))
    reply.add_done_callback(lambda _: 1 / 0)
    assert seen == []
    for job in line.jobs:
        job()
    assert seen == [[1]]
    assert "a callback of" in caplog.text


@pytest.mark.parametrize("look", [False, True])
def test_a_failure_that_nobody_looks_at_is_logged(
    look: bool, caplog: pytest.LogCaptureFixture
) -> None:
    reply = make()
    reply.failed(ConnectionClosed("gone"))
    if look:
        assert isinstance(reply.exception(), ConnectionClosed)
    del reply
    gc.collect()
    logged = [record.getMessage() for record in caplog.records]
    assert logged == (
        [] if look else ["nobody looked at the failed invoke of 'x': gone"]
    )


def test_a_forgiven_failure_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    reply = make()
    reply.failed(ConnectionClosed("closed by us"))
    reply.forgive()
    del reply
    gc.collect()
    assert not caplog.records


# ---- in a coroutine ------------------------------------------------------------------


async def test_a_reply_can_be_awaited() -> None:
    reply = make()
    thread = threading.Thread(target=reply.replied, args=[result(LIST)])
    thread.start()
    assert await reply == [1]
    assert await reply == [1]
    thread.join()
    failed = make()
    failed.failed(ConnectionClosed("gone"))
    with pytest.raises(ConnectionClosed):
        await failed


async def wait_for(reply: Reply[Any]) -> Any:
    return await reply


async def test_cancelling_the_coroutine_cancels_the_call() -> None:
    line = Line()
    task = asyncio.create_task(wait_for(make(line)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.given_up == [7]
    await asyncio.sleep(0)  # the callback of the cancelled future


async def test_a_cancelled_reply_cancels_who_awaits_it() -> None:
    reply = make()
    task = asyncio.create_task(wait_for(reply))
    await asyncio.sleep(0)
    reply.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_loop_that_is_closed_is_no_trouble() -> None:
    reply = make()

    async def give_up() -> None:
        waiting = reply.__await__()
        next(waiting)
        waiting.close()

    asyncio.run(give_up())
    reply.replied(result(LIST))
    assert reply.result(0) == [1]
