"""Who may come in, and how long the end of a process is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mainproc import AccessDenied, IpcMain
from mainproc.sessions import Sessions
from mainproc.sessions.invitations import Invitation, Invitations
from renderer.wire import messages
from renderer.wire.session import Role, Session
from renderer.wire.terms import introduction
from tests.support.processes import PATIENCE
from tests.unit.mainproc.page import Page


class Link:
    """Main's end of a link in memory."""

    def __init__(self) -> None:
        self.arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.session = Session(Role.RENDERER, hello=introduction(version="", url=""))
        self.session.attach()
        self.flush()

    async def read(self) -> bytes | None:
        return await self.arriving.get()

    async def write(self, frame: bytes) -> None:
        self.session.receive(self.session.epoch, frame, 0.0)
        self.flush()

    def flush(self) -> None:
        while frame := self.session.next_frame(0.0):
            self.arriving.put_nowait(frame)

    def send(self, channel: str, *args: object) -> None:
        self.session.put(messages.event(channel, args))
        self.flush()


async def arrived(ipc: IpcMain, invitation: Invitation, link: Link) -> Any:
    """Let a renderer in; return the task that serves it."""
    task = asyncio.create_task(Sessions(ipc).serve(link, "memory", invitation))
    await asyncio.wait_for(asyncio.shield(invitation.arrived), PATIENCE)
    return task


def test_tokens_are_found_until_they_are_forgotten() -> None:
    async def go() -> None:
        all = Invitations()
        one, other = all.issue("one"), all.issue("other")
        assert one.token != other.token
        assert len(one.token) >= 32
        assert all.find(other.token) is other
        all.forget(other)
        assert all.find(one.token) is one
        for token in ("", "x", other.token, f"{one.token} "):
            with pytest.raises(AccessDenied) as refused:
                all.find(token)
            assert refused.value.status == "UNAUTHENTICATED"

    asyncio.run(go())


async def test_nobody_comes_in_for_a_process_that_has_ended() -> None:
    invitation = Invitation("")
    await invitation.withdraw("it ended")
    with pytest.raises(AccessDenied, match="has ended"):
        await Sessions(IpcMain()).serve(Link(), "memory", invitation)
    assert not invitation.arrived.done()


async def test_what_it_sent_last_is_dispatched() -> None:
    """Everything that has arrived, also where each message takes a turn of the loop."""
    ipc, heard = IpcMain(), list[int]()

    @ipc.on("n")
    async def _(event: Any, n: int) -> None:
        heard.append(n)

    invitation, link = Invitation(""), Link()
    serving = await arrived(ipc, invitation, link)
    gone = asyncio.get_running_loop().create_future()
    invitation.arrived.result().on("destroyed", gone.set_result)
    for n in range(500):
        link.send("n", n)
    link.arriving.put_nowait(None)
    await invitation.withdraw("the process ended with exit code 1")
    await serving
    assert (
        await asyncio.wait_for(gone, PATIENCE) == "the process ended with exit code 1"
    )
    async with asyncio.timeout(PATIENCE):
        while len(heard) < 500:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert heard == list(range(500))


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_link_that_ends_first_waits_for_the_reason(cancelled: bool) -> None:
    invitation, link = Invitation(""), Link()
    serving = await arrived(IpcMain(), invitation, link)
    contents = invitation.arrived.result()
    whys = list[str]()
    contents.on("destroyed", whys.append)
    if cancelled:  # as gRPC does when the connection is gone
        serving.cancel()
    else:
        link.arriving.put_nowait(None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not contents.is_destroyed()
    await invitation.withdraw("killed")
    await asyncio.wait([serving])
    await asyncio.sleep(0)
    assert whys == ["killed"]


async def test_a_link_that_ends_alone_is_a_cut() -> None:
    invitation, link = Invitation(""), Link()
    serving = await arrived(IpcMain(), invitation, link)
    contents = invitation.arrived.result()
    link.arriving.put_nowait(None)
    await asyncio.wait_for(serving, PATIENCE)
    assert contents.is_destroyed()
    await invitation.withdraw("later")


# ---- one that comes back -----------------------------------------------------------


@asynccontextmanager
async def kept(ipc: IpcMain, invitation: Invitation) -> AsyncIterator[Page]:
    """Let a renderer in that can come back, and break its link."""
    sessions = Sessions(ipc)
    page = Page(ipc, resume=True, sessions=sessions, invitation=invitation)
    await page.is_confirmed()
    await page.lose_link()
    assert not page.contents.is_destroyed()
    try:
        yield page
    finally:
        await sessions.stop(0.0)
        ipc.dispatcher.close()


async def test_a_spawned_renderer_comes_back_by_its_token() -> None:
    invitation = Invitation("")
    async with kept(IpcMain(), invitation) as page:
        contents = page.contents
        page.come_back()
        await page.is_confirmed()
        assert page.contents is contents
        page.say_goodbye()
        await asyncio.wait_for(page.serving, PATIENCE)
        await invitation.withdraw("it ended")


async def test_nobody_else_comes_in_while_it_is_away() -> None:
    ipc, invitation = IpcMain(), Invitation("")
    async with kept(ipc, invitation):
        with pytest.raises(AccessDenied, match="used already"):
            await Sessions(ipc).serve(Link(), "memory", invitation)


async def test_the_end_of_its_process_destroys_one_that_is_away() -> None:
    invitation = Invitation("")
    async with kept(IpcMain(), invitation) as page:
        contents, gone = page.contents, asyncio.get_running_loop().create_future()
        contents.on("destroyed", gone.set_result)
        await asyncio.wait_for(invitation.withdraw("killed"), PATIENCE)
        assert await asyncio.wait_for(gone, PATIENCE) == "killed"
        page.come_back()
        with pytest.raises(AccessDenied, match="has ended"):
            await page.serving
