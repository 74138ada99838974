"""Several renderers at once: `ipc.broadcast`, `ipc.to(name)`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import (
    Answers,
    ConnectionClosed,
    DataCloneError,
    IpcMain,
    IpcTimeout,
    RemoteError,
)
from mainproc.testing import connected_aio
from renderer.wire import messages
from renderer.wire.limits import Limits
from renderer.wire.parcel import Parcel
from tests.support.leap import leap
from tests.unit.mainproc.page import connected, main_with


async def test_a_broadcast_reaches_all_but_those_excluded() -> None:
    ipc = IpcMain()
    async with (
        connected_aio(ipc) as a,
        connected_aio(ipc) as b,
        connected_aio(ipc) as c,
    ):
        assert ipc.broadcast("to all", 1) == 3
        assert ipc.broadcast("not to b", exclude=b.contents) == 2
        assert ipc.broadcast("to a", exclude=[b.contents, c.contents]) == 1
        assert ipc.broadcast("end") == 3
        for page in (a, b, c):
            await page.settle()
        assert a.received == [
            ("to all", (1,)),
            ("not to b", ()),
            ("to a", ()),
            ("end", ()),
        ]
        assert b.received == [("to all", (1,)), ("end", ())]
        assert c.received == [("to all", (1,)), ("not to b", ()), ("end", ())]


async def test_one_that_does_not_keep_up_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, small = main_with(), Limits(window_messages=2)
    async with connected(ipc) as quick, connected(ipc, limits=small, slow=True) as slow:
        accepted = [ipc.broadcast("x", i) for i in range(5)]
        assert accepted == [2, 2, 1, 1, 1]
        assert caplog.text.count(f"left out renderer {slow.contents.id}") == 1
        assert await quick.hears("x", 5) == [[i] for i in range(5)]
        await slow.hears("x", 2)
        slow.slow = False
        slow.catch_up()
        slow.session.request_ack()
        slow.flush()
        await asyncio.wait_for(slow.contents.drain(), 5)
        assert ipc.broadcast("x", 5) == 2
        await slow.hears("x", 3)
        assert slow.events("x") == [[0], [1], [5]]


async def test_nobody_gets_what_cannot_be_sent() -> None:
    ipc = IpcMain()
    async with connected_aio(ipc) as page:
        with pytest.raises(DataCloneError):
            ipc.broadcast("x", object())
        assert ipc.broadcast("end") == 1
        await page.settle()
        assert page.received == [("end", ())]


async def test_it_is_encoded_once() -> None:
    times = list[object]()

    def default(value: object) -> object:
        times.append(value)
        return 1

    ipc = IpcMain(default=default)
    async with connected_aio(ipc), connected_aio(ipc):
        assert ipc.broadcast("x", object()) == 2
        assert len(times) == 1


async def test_it_is_encoded_once_for_each_form_that_somebody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forms, encode = list[bool](), messages.event

    def event(*args: Any, packed: bool, **kwargs: Any) -> Parcel:
        forms.append(packed)
        return encode(*args, packed=packed, **kwargs)

    ipc = main_with()
    async with connected(ipc) as a, connected(ipc) as b, connected(ipc) as c:
        pages = (a, b, c)
        assert all(page.contents.packed for page in pages)
        c.contents.packed = False  # as if its Hello had not named it
        monkeypatch.setattr(messages, "event", event)
        assert ipc.broadcast("x", {"n": [1, 2]}) == 3
        assert sorted(forms) == [False, True]
        for page in pages:
            await page.until(lambda page=page: page.heard)
            assert page.heard == [("x", [{"n": [1, 2]}])]
        carried = [pb.StreamResponse.FromString(p.frames[-1]).messages for p in pages]
        assert carried[0] == carried[1] != carried[2]


async def test_groups() -> None:
    ipc = IpcMain()
    assert ipc.to("nobody").send("x") == 0
    async with connected_aio(ipc) as a, connected_aio(ipc) as b:
        group = ipc.to("editors")
        a.contents.join("editors")
        a.contents.join("editors")
        a.contents.join("all")
        assert list(group.web_contents) == [a.contents]
        b.contents.join("editors")
        assert list(group.web_contents) == [a.contents, b.contents]
        assert a.contents.groups == ("editors", "all")
        assert group.send("x") == 2
        a.contents.leave("editors")
        a.contents.leave("editors")
        a.contents.leave("never joined")
        assert group.send("y") == 1
        assert await b.wait_for("x") == await a.wait_for("x") == ()
        assert await b.wait_for("y") == ()
        b.contents.close()
        assert not ipc.to("editors").web_contents
        b.contents.join("editors")
        assert b.contents.groups == ()
    assert ipc.to("all").web_contents == ()


async def test_asking_a_group() -> None:
    ipc = main_with()
    async with connected(ipc) as a, connected(ipc) as b, connected(ipc) as c:
        for page in (a, b, c):
            page.contents.join("g")
        asking = ipc.to("g").invoke("size", 1)
        with pytest.raises(RuntimeError, match="use await"):
            asking.result()
        calls = [await page.is_asked() for page in (a, b, c)]
        assert len({call.message.SerializeToString() for call in calls}) == 1
        b.fail(calls[1], ValueError("boom"))
        c.answer(calls[2], 3)
        a.answer(calls[0], 1)
        answers = await asking
        assert isinstance(answers, Answers)
        assert answers == {a.contents: 1, c.contents: 3}
        assert list(answers) == [a.contents, c.contents], "as they joined"
        assert list(answers.errors) == [b.contents]
        error = answers.errors[b.contents]
        assert isinstance(error, RemoteError)
        assert error.type == "ValueError"


async def test_asking_a_group_of_which_some_do_not_answer() -> None:
    ipc = main_with()
    async with connected(ipc) as late, connected(ipc) as gone, connected(ipc) as left:
        for page in (late, gone):
            page.contents.join("g")
        asking = ipc.to("g").invoke("x", timeout=3600, exclude=left.contents)
        await gone.is_asked()
        await gone.cut()
        leap(3600)
        answers = await asking
        assert answers == {}
        assert isinstance(answers.errors[gone.contents], ConnectionClosed)
        assert isinstance(answers.errors[late.contents], IpcTimeout)
        await late.until(lambda: late.cancelled)
        assert left.asked == []


async def test_asking_nobody() -> None:
    asking = main_with().to("nobody").invoke("x")
    assert asking.result() == {}
    ran = list[Any]()
    asking.add_done_callback(ran.append)
    assert ran == [asking]
    assert await asking == {}


async def test_cancelling_the_question_to_a_group() -> None:
    ipc = main_with()
    async with connected(ipc) as a, connected(ipc) as b:
        for page in (a, b):
            page.contents.join("g")
        asking = ipc.to("g").invoke("x")
        for page in (a, b):
            await page.is_asked()
        a.answer(a.asked[0], 1)
        assert asking.cancel()
        await b.until(lambda: b.cancelled)
        assert asking.cancelled()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_a_reply_that_nobody_looks_at_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = main_with()
    async with connected(ipc) as page:
        page.contents.join("g")
        asking = ipc.to("g").invoke("x")
        page.fail(await page.is_asked(), ValueError("boom"))
        assert (await asking).errors
        with caplog.at_level(logging.ERROR):
            del asking
        assert caplog.text == ""
