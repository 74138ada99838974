"""What callers are told of errors, and what not."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from mainproc import AccessDenied, IpcMain, RemoteError
from tests.unit.mainproc.page import Page, connected

SECRET = "/home/user/secret.db"


def boom(_: Any) -> None:
    raise ValueError(SECRET)


async def late_boom(_: Any) -> None:
    await asyncio.sleep(0)
    raise ValueError(SECRET)


def returns_what_cannot_be_sent(_: Any) -> Any:
    return {SECRET: object()}


async def failure(page: Page, *, sync: bool) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await (page.send_sync("x") if sync else page.invoke("x"))
    return caught.value


@pytest.mark.parametrize(
    ("fn", "thread", "sync"),
    [
        (boom, False, False),
        (boom, False, True),
        (boom, True, False),
        (boom, True, True),
        (late_boom, False, False),
        (late_boom, False, True),
        (returns_what_cannot_be_sent, False, False),
        (returns_what_cannot_be_sent, True, False),
    ],
)
async def test_the_log_has_what_the_caller_is_not_told(
    fn: Callable[[Any], Any],
    thread: bool,
    sync: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = IpcMain(mask_errors=True)
    (ipc.on if sync else ipc.handle)("x", fn, thread=thread)
    async with connected(ipc) as page:
        error = await failure(page, sync=sync)
        found = re.search("under ([0-9a-f]{8})$", error.message)
        assert found
        await page.until(lambda: f"reference {found[1]}" in caplog.text)
    assert error.type == "InternalError"
    assert SECRET not in str(error)
    assert caplog.records[-1].levelno == logging.ERROR


async def test_what_is_meant_for_callers_crosses() -> None:
    ipc = IpcMain(mask_errors=True)

    @ipc.handle("remote")
    def _(event: Any) -> None:
        raise RemoteError("Broke", "out of paper", [1])

    @ipc.handle("denied")
    def _(event: Any) -> None:
        raise AccessDenied("not you")

    @ipc.handle("cancelled")
    async def _(event: Any) -> None:
        raise asyncio.CancelledError(SECRET)

    async with connected(ipc) as page:
        with pytest.raises(RemoteError, match="Broke: out of paper") as caught:
            await page.invoke("remote")
        assert caught.value.details == [1]
        with pytest.raises(AccessDenied, match="not you"):
            await page.invoke("denied")
        with pytest.raises(RemoteError, match=r"CancelledError$"):
            await page.invoke("cancelled")


async def test_a_hook_finds_the_reference_in_the_notes() -> None:
    ipc, seen = IpcMain(), list[BaseException]()
    ipc.mask_errors = True
    ipc.on_error(lambda error, event: seen.append(error))
    ipc.handle("x", boom)
    async with connected(ipc) as page:
        error = await failure(page, sync=False)
    (raised,) = seen
    assert raised.__notes__[0].rpartition(" ")[2] in error.message


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("sync", [False, True])
async def test_tracebacks_stay_in_main(mask: bool, sync: bool) -> None:
    ipc = IpcMain(mask_errors=mask)
    (ipc.on if sync else ipc.handle)("x", boom)
    async with connected(ipc) as page:
        await failure(page, sync=sync)
        assert b"Traceback" not in b"".join(page.frames)
        assert b"test_masks.py" not in b"".join(page.frames)
        assert (SECRET.encode() in b"".join(page.frames)) is not mask
