"""Electron's cases of `ipcRenderer`."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mainproc import IpcMain, IpcMainEvent
from renderer import ConnectionClosed, DataCloneError
from tests.electron.faces import Face, Page

RoundTrip = Callable[[object], Awaitable[Any]]


@pytest.fixture
def heard(ipc: IpcMain) -> list[Any]:
    """What main hears on "message"; it sends it back on "back"."""
    heard: list[Any] = []

    @ipc.on("message")
    def _(event: IpcMainEvent, value: object) -> None:
        heard.append(value)
        event.reply("back", value)

    return heard


@pytest.fixture
def round_trip(page: Page, heard: list[Any]) -> RoundTrip:
    """Send a value to main and back; return what came on either end."""

    async def round_trip(value: object) -> tuple[Any, Any]:
        inbox = page.inbox("back")
        await page.send("message", value)
        (back,) = await inbox.next()
        return heard.pop(), back

    return round_trip


@pytest.mark.electron("R1")
async def test_send_should_work_with_an_object_that_has_an_id_property(
    round_trip: RoundTrip,
) -> None:
    value = {"id": 5, "name": "ly"}
    assert await round_trip(value) == (value, value)


@pytest.mark.electron("R2")
async def test_can_send_dates_as_dates(round_trip: RoundTrip) -> None:
    east = timezone(timedelta(hours=9))
    sent = datetime(2015, 9, 17, 12, 30, 59, 123456, tzinfo=east)
    for came in await round_trip(sent):
        assert came == sent
        assert came.tzinfo is UTC  # the instant is kept, as in Electron


@pytest.mark.electron("R3")
async def test_can_send_buffers(round_trip: RoundTrip) -> None:
    for sent in (b"hello\0\xff", bytearray(b"hello\0\xff"), memoryview(b"hello\0\xff")):
        for came in await round_trip(sent):
            assert type(came) is bytes
            assert came == b"hello\0\xff"


class Location:
    """An object with behaviour: not data, as `document.location` is not."""

    href = "http://localhost/"

    def reload(self) -> None: ...


async def is_refused(page: Page, value: object, text: str) -> None:
    for say in (page.send, page.begin_send_sync, page.begin_invoke):
        with pytest.raises(DataCloneError, match=text) as refused:
            await say("message", {"list": [0, value]})
        # Electron says "An object could not be cloned." and not which.
        assert refused.value.path == "args[0].list[1]"


@pytest.mark.electron("R4")
async def test_raises_when_sending_objects_with_behaviour(
    page: Page, heard: list[Any]
) -> None:
    await is_refused(page, Location(), "Location is not cloneable")
    await is_refused(page, Location().reload, "is not cloneable")
    await page.flush()
    assert heard == []  # nothing was sent


@pytest.mark.electron("R5")
async def test_does_not_crash_when_sending_objects_of_the_runtime(
    page: Page, heard: list[Any], round_trip: RoundTrip
) -> None:
    await is_refused(page, threading.Lock(), "lock is not cloneable")
    await is_refused(page, page.ipc, "IpcRenderer is not cloneable")
    await is_refused(page, threading, "module is not cloneable")
    assert await round_trip("alive") == ("alive", "alive")


@pytest.mark.electron("R6")
async def test_can_send_objects_that_both_reference_the_same_object(
    round_trip: RoundTrip,
) -> None:
    child = {"hello": "world"}
    value = {"foo": {"child": child}, "bar": {"child": child}}
    # Electron keeps that it is one object. Here its content arrives in either place.
    assert await round_trip(value) == (value, value)


@pytest.mark.electron("R7")
async def test_can_handle_cyclic_references(round_trip: RoundTrip) -> None:
    array: list[Any] = [5]
    array.append(array)
    child: dict[str, Any] = {"hello": "world"}
    child["child"] = child
    for came in await round_trip([array, child]):
        assert came[0][0] == 5
        assert came[0][1] is came[0]
        assert came[1]["hello"] == "world"
        assert came[1]["child"] is came[1]


@pytest.mark.electron("R8")
async def test_send_sync_can_be_replied_to_by_setting_return_value(
    ipc: IpcMain, page: Page
) -> None:
    @ipc.on("echo")
    def _(event: IpcMainEvent, value: object) -> None:
        event.returnValue = value

    assert await page.send_sync("echo", "test") == "test"


@pytest.mark.electron("R9")
async def test_ipc_renderer_is_not_used_for_internals(
    page: Page, round_trip: RoundTrip
) -> None:
    assert page.ipc.event_names() == []
    await round_trip(1)
    assert page.ipc.event_names() == ["back"]


@pytest.mark.electron("R10")
async def test_remove_all_listeners_removes_only_the_given_channel(page: Page) -> None:
    page.inbox("one")
    two = page.inbox("two")
    page.ipc.remove_all_listeners("one")
    assert page.ipc.event_names() == ["two"]
    page.contents.send("one")
    page.contents.send("two", 2)
    assert await two.next() == (2,)


@pytest.mark.electron("R11")
async def test_remove_all_listeners_removes_all_channels_if_none_is_given(
    page: Page,
) -> None:
    called: list[str] = []
    page.on("one", lambda: called.append("one"))
    page.on("two", lambda: called.append("two"))
    page.ipc.remove_all_listeners()
    assert page.ipc.event_names() == []
    page.contents.send("one")
    page.contents.send("two")
    three = page.inbox("three")
    page.contents.send("three")
    assert await three.next() == ()
    assert called == []


@pytest.mark.electron("R12")
async def test_raises_after_the_renderer_is_closed(
    page: Page, heard: list[Any]
) -> None:
    # Electron's contexts are released; a renderer here is closed.
    await page.close()
    await says_nothing(page)
    assert heard == []


@pytest.mark.electron("R12")
async def test_raises_after_a_renderer_is_closed_that_was_never_connected(
    face: Face, address: str, heard: list[Any]
) -> None:
    page = face(address)
    try:
        await page.close()
        await says_nothing(page)
    finally:
        page.end()
    assert heard == []


async def says_nothing(page: Page) -> None:
    for say in (page.send, page.send_sync, page.invoke):
        with pytest.raises(ConnectionClosed, match="closed") as refused:
            await say("message", 1)
        assert refused.value.outcome == "not-sent"
