"""Electron's case of payload sizes, with rungs where this system has its seams.

Electron's ladder crosses the size from which it uses shared memory. Ours goes on over
4 MiB, gRPC's default limit and what one frame carries, to the largest message.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from mainproc import IpcMain, IpcMainEvent, IpcMainInvokeEvent
from renderer import PayloadTooLarge
from renderer.wire.limits import DEFAULT_LIMITS, KIB, MIB
from tests.electron.faces import Page
from tests.electron.payloads import KINDS, blob, digest

Method = Callable[[Page, object], Awaitable[Any]]

RUNGS: Final = (
    0,
    1,
    64 * KIB - 1,
    64 * KIB,
    64 * KIB + 1,
    256 * KIB + 3,
    3 * MIB + 1,
    4 * MIB - 1,
    4 * MIB,
    4 * MIB + 1,
)


async def by_invoke(page: Page, value: object) -> Any:
    return await page.invoke("echo", value)


async def by_send_sync(page: Page, value: object) -> Any:
    return await page.send_sync("echo", value, timeout=None)


async def by_send(page: Page, value: object) -> Any:
    inbox = page.inbox("back")
    try:
        await page.send("send", value)
        (echo,) = await inbox.next()
    finally:
        page.ipc.off("back", inbox)
    return echo


METHODS: Final[dict[str, Method]] = {
    "invoke": by_invoke,
    "send_sync": by_send_sync,
    "send": by_send,
}


@pytest.fixture
def ipc() -> IpcMain:
    """A main that gives back what it gets."""
    ipc = IpcMain()

    @ipc.handle("echo")
    def _(event: IpcMainInvokeEvent, value: object) -> object:
        return value

    @ipc.on("echo")
    def _(event: IpcMainEvent, value: object) -> None:
        event.return_value = value

    @ipc.on("send")
    def _(event: IpcMainEvent, value: object) -> None:
        event.reply("back", value)

    return ipc


@pytest.mark.electron("P1")
@pytest.mark.parametrize("size", RUNGS)
async def test_round_trips_values_of_each_size(page: Page, size: int) -> None:
    for kind, make in KINDS.items():
        value = make(size)
        expected = digest(value)
        for name, method in METHODS.items():
            echo = await method(page, value)
            assert digest(echo) == expected, f"a {kind} by {name}"


@pytest.mark.slow
@pytest.mark.electron("P1")
@pytest.mark.parametrize(("kind", "name"), list(zip(KINDS, METHODS, strict=True)))
async def test_round_trips_a_value_of_many_chunks(
    page: Page, kind: str, name: str
) -> None:
    value = KINDS[kind](16 * MIB)
    echo = await METHODS[name](page, value)
    assert digest(echo) == digest(value)


@pytest.mark.slow
@pytest.mark.electron("P1")
@pytest.mark.parametrize("name", METHODS)
async def test_round_trips_the_largest_message_and_refuses_a_larger_one(
    page: Page, name: str
) -> None:
    # Electron has no limit. Ours is 64 MiB for the message as serialized: the values,
    # the channel, and some bytes around them.
    limit, method = DEFAULT_LIMITS.max_message_bytes, METHODS[name]
    assert limit == 64 * MIB
    with pytest.raises(PayloadTooLarge) as refused:
        await method(page, blob(limit - 1))
    message_size, takes = re.findall(r"[\d,]+(?= bytes|$)", str(refused.value))
    assert int(takes.replace(",", "")) == limit
    around = int(message_size.replace(",", "")) - (limit - 1)
    assert 0 < around < KIB

    largest = blob(limit - around)
    with pytest.raises(PayloadTooLarge):
        await method(page, largest + b"!")
    assert await method(page, largest) == largest  # on the same session


@pytest.mark.electron("P1")
async def test_refuses_what_main_sends_beyond_the_limit(
    ipc: IpcMain, page: Page
) -> None:
    inbox = page.inbox("back")
    too_large = bytes(DEFAULT_LIMITS.max_message_bytes)
    with pytest.raises(PayloadTooLarge):
        page.contents.send("back", too_large)

    ipc.handle("too large", lambda event: too_large)
    with pytest.raises(PayloadTooLarge):
        await page.invoke("too large")

    page.contents.send("back", "still there")
    assert await inbox.next() == ("still there",)
