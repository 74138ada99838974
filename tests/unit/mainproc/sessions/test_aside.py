"""Large messages are read on a thread, and everything else is as if they were not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import DataCloneError, IpcMain
from mainproc.sessions import Sessions, aside
from renderer.wire import messages
from renderer.wire.parcel import Parcel
from tests.support.processes import PATIENCE
from tests.unit.mainproc.page import connected

LARGE = "x" * 100_000
tenant = ContextVar[str]("tenant")


class Reading:
    """Reading on threads, as far as the test lets it go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.threads: list[str] = []
        """Those on which something is read, or was."""

    def read_args(self, body: Any) -> list[Any]:
        self.threads.append(threading.current_thread().name)
        assert self.may_go_on.wait(PATIENCE)
        return messages.read_args(body)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    reading = Reading()
    monkeypatch.setattr(aside, "messages", reading)
    yield reading
    reading.may_go_on.set()


def hearing() -> tuple[IpcMain, list[Any]]:
    ipc, heard = IpcMain(), list[Any]()
    ipc.on("hear", lambda _, arg: heard.append(arg[:5]))
    ipc.handle("echo", lambda _, arg: arg)
    return ipc, heard


async def test_what_comes_behind_a_large_message_waits(reading: Reading) -> None:
    ipc, heard = hearing()
    async with connected(ipc) as page, connected(ipc) as other:
        for arg in ("one", LARGE, "three", LARGE, "five"):
            page.put("hear", arg)
        page.flush()
        await page.until(lambda: reading.threads)
        assert await other.invoke("echo", 1) == 1  # main's loop is free
        assert heard == ["one"]
        reading.may_go_on.set()
        await page.consumed()
    assert heard == ["one", "xxxxx", "three", "xxxxx", "five"]
    assert [name[:15] for name in reading.threads] == ["mainproc-reader"] * 2


@pytest.mark.parametrize("packed", [True, False])
async def test_small_messages_of_a_large_frame_are_read_at_once(
    reading: Reading, packed: bool
) -> None:
    ipc, heard = hearing()
    async with connected(ipc) as page:
        for _ in range(300):
            page.session.put(messages.event("hear", ("x" * 1_000,), packed=packed))
        await page.consumed()
    assert heard == ["xxxxx"] * 300
    assert reading.threads == []


@pytest.mark.parametrize("sync", [True, False])
async def test_a_large_call_has_its_reply(reading: Reading, sync: bool) -> None:
    ipc = IpcMain()
    ipc.handle("length", lambda _, arg: len(arg))

    @ipc.on("length")
    def _(event: Any, arg: str) -> None:
        event.return_value = len(arg)

    reading.may_go_on.set()
    async with connected(ipc) as page:
        assert await page.invoke("length", LARGE, sync=sync) == len(LARGE)
        assert len(reading.threads) == 1


@pytest.mark.parametrize(
    ("value", "threads"),
    [
        (LARGE, 0),
        (bytes(range(256)) * 2_000, 0),
        (bytes(range(256)) * 12_000, 0),
        (LARGE * 42, 1),
        ([1] * 500_000, 0),
        ([1] * 600_000, 1),
        ([[]] * 60_000, 0),
        ([[]] * 70_000, 1),
    ],
    ids=["text", "bytes", "an image", "very large", "few", "long", "small", "many"],
)
async def test_packed_values_are_read_aside_if_they_may_take_long(
    reading: Reading, value: Any, threads: int
) -> None:
    ipc, heard = hearing()
    reading.may_go_on.set()
    async with connected(ipc) as page:
        page.session.put(messages.event("hear", (value,), packed=True))
        await page.consumed()
    assert heard == [value[:5]]
    assert len(reading.threads) == threads


async def test_bytes_and_texts_that_arguments_begin_with_are_no_reason(
    reading: Reading,
) -> None:
    ipc, heard = IpcMain(), list[int]()
    ipc.on("last", lambda *args: heard.append(len(args[-1])))
    reading.may_go_on.set()
    async with connected(ipc) as page:
        for count, threads in ((500_000, 0), (600_000, 1)):
            args = (bytes(1_000_000), LARGE, [1] * count)
            page.session.put(messages.event("last", args, packed=True))
            await page.consumed()
            assert len(reading.threads) == threads
    assert heard == [500_000, 600_000]


async def test_a_call_that_is_cancelled_meanwhile_is_never_begun(
    reading: Reading,
) -> None:
    ipc, begun = IpcMain(), list[str]()
    ipc.handle("never", lambda _, arg: begun.append(arg))
    async with connected(ipc) as page:
        reply = page.call("never", LARGE, id=7)
        page.flush()
        await page.until(lambda: reading.threads)
        page.cancel(7)
        page.flush()
        reading.may_go_on.set()
        await page.until(reply.done)
        assert getattr(reply.exception(), "reason", "") == "CANCELLED"
    assert begun == []


async def test_one_who_leaves_meanwhile_is_not_heard(reading: Reading) -> None:
    ipc, heard = hearing()
    async with connected(ipc) as page:
        page.send("hear", LARGE)
        await page.until(lambda: reading.threads)
        page.contents.close()
        await page.until(lambda: page.closed)
        await page.until(page.contents.is_destroyed)
        reading.may_go_on.set()
        async with connected(ipc) as other:  # whose message is read behind it
            await other.invoke("echo", LARGE)
    assert heard == []


async def test_one_who_says_goodbye_meanwhile_is_heard(reading: Reading) -> None:
    ipc, heard = hearing()
    async with connected(ipc) as page:
        page.send("hear", LARGE)
        await page.until(lambda: reading.threads)
        page.say_goodbye()
        await page.until(lambda: not page.connection.open)
        reading.may_go_on.set()
        await page.until(lambda: page.closed)
    assert heard == ["xxxxx"]


async def test_listeners_find_the_variables_that_they_find_elsewhere(
    reading: Reading,
) -> None:
    ipc, found = IpcMain(), list[str]()
    ipc.on("look", lambda *_: found.append(tenant.get("nobody's")))
    tenant.set("ours")
    reading.may_go_on.set()
    async with connected(ipc) as page:
        for arg in (LARGE, "small"):
            page.send("look", arg)
        await page.consumed()
    assert found == ["ours", "ours"]
    assert len(reading.threads) == 1


async def test_what_cannot_be_read_costs_its_message_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ipc, heard = hearing()
    deep = pb.Value(null_value=True)
    for _ in range(70):
        deep = pb.Value(container=pb.CONTAINER_LIST, items=[deep])
    args = [deep, pb.Value(string_value=LARGE)]
    async with connected(ipc) as page:
        page.session.put(_parcel(pb.Message(event=pb.Event(channel="hear", args=args))))
        await page.consumed()
        assert "an event could not be read: args[0]" in caplog.text

        def fail(_: Any) -> Any:
            raise MemoryError

        monkeypatch.setattr(aside, "messages", SimpleNamespace(read_args=fail))
        with pytest.raises(DataCloneError, match="cannot be read: MemoryError"):
            await page.invoke("echo", LARGE)
        assert await page.invoke("echo", "small") == "small"
    assert heard == []


def _parcel(message: pb.Message) -> Parcel:
    data = message.SerializeToString()
    return Parcel(data, counted=True, reply=False, lane=0)


# ---- beside the stream --------------------------------------------------------------


async def test_a_large_unary_message_is_read_aside(reading: Reading) -> None:
    ipc = IpcMain()

    @ipc.on("length")
    def _(event: Any, arg: str) -> None:
        event.return_value = len(arg)

    reading.may_go_on.set()
    request = messages.sync_request("length", (LARGE,))
    response = await Sessions(ipc).send_sync(request.SerializeToString(), 30.0)
    ipc.dispatcher.close()
    said = pb.SendSyncResponse.FromString(response)
    assert messages.read_result(said, "length") == len(LARGE)
    assert len(reading.threads) == 1
