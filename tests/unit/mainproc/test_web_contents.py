"""A renderer as main sees it: its own ipc, its end, and the application's events."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from mainproc import DuplicateHandler, IpcMain, NoListener, WebContents, app
from mainproc.testing import connected_aio, isolated
from tests.unit.mainproc.page import connected, main_with


@pytest.fixture(autouse=True)
def app_is_as_before() -> Iterator[None]:
    with isolated():
        yield


# ---- contents.ipc --------------------------------------------------------------------


async def test_its_own_listeners_come_first_and_both_run() -> None:
    ipc, ran = IpcMain(), list[str]()
    ipc.on("x", lambda event: ran.append("main"))
    async with connected_aio(ipc) as page, connected_aio(ipc) as other:
        page.contents.ipc.on("x", lambda event: ran.append("own"))
        page.send("x")
        await page.settle()
        other.send("x")
        await other.settle()
    assert ran == ["own", "main", "main"]


async def test_its_own_handler_is_asked_in_place_of_mains() -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: "main")
    ipc.handle("y", lambda event: "main")
    async with connected_aio(ipc) as page, connected_aio(ipc) as other:
        page.contents.ipc.handle("x", lambda event: "own")
        with pytest.raises(DuplicateHandler):
            page.contents.ipc.handle("x", lambda event: "twice")
        assert await page.invoke("x") == "own"
        assert await page.invoke("y") == "main"
        assert await other.invoke("x") == "main"
        page.contents.ipc.remove_handler("x")
        assert await page.invoke("x") == "main"


async def test_sync_messages_reach_it() -> None:
    def double(event: Any, n: int) -> None:
        event.return_value = n * 2

    async with connected_aio(IpcMain()) as page:
        page.contents.ipc.on("double", double)
        assert await page.send_sync("double", 21) == 42
        with pytest.raises(NoListener, match="did you mean 'double'"):
            await page.send_sync("dubble", 21)


async def test_a_listener_of_its_own_may_be_made_when_it_comes() -> None:
    def arrived(contents: WebContents) -> None:
        contents.ipc.handle("hello", lambda event: f"hello {contents.id}")

    with app.on("web-contents-created", arrived):
        async with connected_aio(IpcMain()) as page:
            assert await page.invoke("hello") == f"hello {page.contents.id}"


# ---- its life ------------------------------------------------------------------------


async def test_it_is_connected_until_it_is_destroyed() -> None:
    async with connected_aio(IpcMain()) as page:
        contents = page.contents
        assert contents.is_connected()
        assert not contents.is_destroyed()
        assert WebContents.from_id(contents.id) is contents
        assert contents in WebContents.get_all()
        await page.aclose()
        assert contents.is_destroyed()
        assert not contents.is_connected()
        assert WebContents.from_id(contents.id) is None
        assert contents not in WebContents.get_all()


async def test_an_id_is_never_used_again() -> None:
    ipc, ids = IpcMain(), list[int]()
    for _ in range(3):
        async with connected_aio(ipc) as page:
            ids.append(page.contents.id)
        del page
        gc.collect()
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("goodbye", "it said goodbye"),
        ("cut", "its connection ended without a goodbye"),
        ("close", "main closed it"),
        ("close for a reason", "enough"),
        ("half-close", "its connection ended without a goodbye"),
    ],
)
async def test_it_tells_when_it_is_destroyed(end: str, why: str) -> None:
    async with connected(main_with()) as page:
        told, contents = list[str](), page.contents

        @contents.on("destroyed")
        def destroyed(reason: str) -> None:
            told.append(reason)
            assert contents.is_destroyed()

        @contents.on("destroyed")
        async def later(reason: str) -> None:
            await asyncio.sleep(0)
            told.append(f"{reason}, later")

        unsubscribe = contents.on("destroyed", lambda reason: told.append("never"))
        unsubscribe()
        match end:
            case "goodbye":
                page.say_goodbye()
            case "cut":
                await page.cut()
            case "half-close":
                page.half_close()
            case _:
                contents.close("enough" if "reason" in end else "")
        await page.until(lambda: len(told) == 2)
        assert told == [why, f"{why}, later"]
        contents.on("destroyed", lambda reason: told.append(f"{reason}, once more"))
        await page.until(lambda: len(told) == 3)
        assert told[-1] == f"{why}, once more"


async def test_what_it_sent_before_goodbye_is_dispatched_first() -> None:
    ipc, ran = IpcMain(), list[Any]()
    ipc.on("x", lambda event, n: ran.append(n))
    async with connected_aio(ipc) as page:
        page.contents.on("destroyed", ran.append)
        for i in range(100):
            page.send("x", i)
        await page.aclose()
        await page.settle()
    assert ran == [*range(100), "it said goodbye"]


async def test_a_listener_that_raises_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected_aio(IpcMain()) as page:
        told = list[str]()

        def raises(reason: str) -> None:
            raise ValueError(reason)

        async def raises_later(reason: str) -> None:
            raise KeyError(reason)

        page.contents.on("destroyed", raises)
        page.contents.on("destroyed", raises_later)
        page.contents.on("destroyed", told.append)
        await page.aclose()
        await page.settle()
        assert told == ["it said goodbye"]
        assert "ValueError: it said goodbye" in caplog.text


async def test_a_listener_that_looks_at_what_was_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    ipc, told = IpcMain(), list[str]()
    app.on("web-contents-created", lambda contents: cancelled.result())
    async with connected_aio(ipc) as page:
        page.contents.on("destroyed", lambda reason: cancelled.result())
        page.contents.on("destroyed", told.append)
    assert told == ["it said goodbye"]
    assert not ipc.web_contents
    assert "a listener for 'web-contents-created' raised" in caplog.text
    assert "a listener for 'destroyed' raised" in caplog.text


async def test_there_are_no_other_events() -> None:
    async with connected_aio(IpcMain()) as page:
        with pytest.raises(
            ValueError, match="no event 'crashed'; there is 'destroyed'"
        ):
            page.contents.on("crashed")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="no event 'redy'; there is 'ready', 'web-"):
        app.on("redy")  # type: ignore[call-overload]


# ---- app -----------------------------------------------------------------------------


async def test_it_tells_who_comes_and_who_goes() -> None:
    told, ipc = list[Any](), IpcMain()
    app.on("web-contents-created", lambda c: told.append(("created", c)))
    app.on("web-contents-destroyed", lambda c: told.append(("destroyed", c)))
    app.on("window-all-closed", lambda: told.append("all closed"))
    async with connected_aio(ipc) as a, connected_aio(ipc) as b:
        pass
    assert told == [
        ("created", a.contents),
        ("created", b.contents),
        ("destroyed", b.contents),
        ("destroyed", a.contents),
        "all closed",
    ]


def test_quitting_before_anything_is_served_ends_the_script() -> None:
    with pytest.raises(SystemExit) as caught:
        app.quit(3)
    assert caught.value.code == 3
