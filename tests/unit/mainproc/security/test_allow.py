"""`allow=`: listeners and handlers that are not for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mainproc import AccessDenied, IpcMain, NoListener, WebContents
from mainproc.security import Identity
from tests.unit.mainproc.page import connected

KIOSK = Identity("token", "kiosk")


def kiosks(contents: WebContents) -> bool:
    return contents.identity == KIOSK


def nobody(_: WebContents) -> bool:
    return False


async def test_a_listener_for_some(caplog: pytest.LogCaptureFixture) -> None:
    ipc, heard = IpcMain(), list[Any]()
    ipc.on("x", lambda event: heard.append(event.sender.identity), allow=kiosks)
    async with connected(ipc, identity=KIOSK) as one, connected(ipc) as other:
        for page in (one, other):
            page.send("x")
            await page.consumed()
        assert heard == [KIOSK]
        assert (one.contents.refused, other.contents.refused) == (0, 1)
        assert caplog.messages == [f"{other.contents} may not send on 'x'"]


async def test_the_others_still_run() -> None:
    ipc, heard = IpcMain(), list[str]()
    ipc.on("x", lambda event: heard.append("first"))
    ipc.on("x", lambda event: heard.append("second"), allow=nobody)
    ipc.on("x", lambda event: heard.append("third"), thread=True)
    async with connected(ipc) as page:
        page.contents.ipc.on("x", lambda event: heard.append("own"), allow=nobody)
        page.send("x")
        await page.consumed()
        await page.until(lambda: len(heard) == 2)
        assert heard == ["first", "third"]
        assert page.contents.refused == 0


async def test_a_sync_message() -> None:
    ipc = IpcMain()

    @ipc.on("x", allow=kiosks)
    def _(event: Any) -> None:
        event.return_value = "done"

    async with connected(ipc, identity=KIOSK) as one, connected(ipc) as other:
        assert await one.send_sync("x") == "done"
        with pytest.raises(AccessDenied, match="not allowed: sync on 'x'"):
            await other.send_sync("x")
        with pytest.raises(NoListener):
            await other.send_sync("z")


async def test_an_invoke() -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: "done", allow=kiosks)
    async with connected(ipc, identity=KIOSK) as one, connected(ipc) as other:
        assert await one.invoke("x") == "done"
        with pytest.raises(AccessDenied, match="not allowed: invoke on 'x'"):
            await other.invoke("x")


async def test_a_renderers_own_handler_is_asked_in_place_of_the_other() -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: "of all")
    async with connected(ipc) as page:
        remove = page.contents.ipc.handle("x", lambda event: "own", allow=nobody)
        with pytest.raises(AccessDenied):
            await page.invoke("x")
        remove()
        assert await page.invoke("x") == "of all"


async def test_once_waits_for_somebody_who_may() -> None:
    ipc, heard = IpcMain(), list[str]()
    ipc.once("x", lambda event: heard.append("listener"), allow=kiosks)
    ipc.handle_once("x", lambda event: "handler", allow=kiosks)
    async with connected(ipc) as other, connected(ipc, identity=KIOSK) as one:
        other.send("x")
        await other.consumed()
        with pytest.raises(AccessDenied):
            await other.invoke("x")
        assert ipc.listener_count("x") == 1
        one.send("x")
        assert await one.invoke("x") == "handler"
        assert heard == ["listener"]
        assert ipc.listener_count("x") == 0
        assert not ipc.table.has_handler("x")


def raising(_: WebContents) -> bool:
    raise ValueError("a bug of theirs")


def late(contents: WebContents) -> Any:
    async def answer() -> bool:
        return True

    return answer()


def never(_: WebContents) -> Any:
    return asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("allow", "words"),
    [
        (raising, "a bug of theirs"),
        (late, "something to await"),
        (never, "something to await"),
    ],
)
async def test_what_does_not_say_yes_says_no(
    allow: Callable[[WebContents], bool], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: "done", allow=allow)
    async with connected(ipc) as page:
        with pytest.raises(AccessDenied):
            await page.invoke("x")
    assert "allow= for 'x'" in caplog.text
    assert words in caplog.text


def test_what_cannot_decide_is_refused_at_once() -> None:
    ipc = IpcMain()

    async def allow(_: WebContents) -> bool:
        return True

    registering: list[Any] = [ipc.on, ipc.once, ipc.handle, ipc.handle_once]
    for register in registering:
        with pytest.raises(TypeError, match="allow= is a plain function"):
            register("x", print, allow=allow)
        with pytest.raises(TypeError, match="allow= is a function of the sender"):
            register("x", print, allow=True)
    assert ipc.event_names() == []
