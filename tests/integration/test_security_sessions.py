"""A session belongs to who began it: its token is of no use to anybody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, WebContents
from renderer.wire import messages
from tests.integration.main_support import RawPage, call, sync_request
from tests.integration.security_support import (
    LEFT,
    RIGHT,
    main_that_tells,
    serving,
    token_file,
)


@asynccontextmanager
async def channel_to(ipc: IpcMain, folder: Path) -> AsyncIterator[aio.Channel]:
    async with (
        serving(ipc, token_file=token_file(folder)) as address,
        aio.insecure_channel(address) as channel,
    ):
        yield channel


def page_of(channel: aio.Channel, token: str) -> RawPage:
    return RawPage(channel, (("authorization", f"Bearer {token}"),))


async def cut_off(channel: aio.Channel, ipc: IpcMain) -> tuple[pb.Welcome, WebContents]:
    """Return the welcome of a renderer "left" that has lost its link, and itself."""
    page = page_of(channel, LEFT)
    welcome = await page.hello(acks=True, resume=True)
    (contents,) = ipc.web_contents
    await page.write(first=1, messages=[call(1, "who")])
    assert await page.reply(1) == "token:left"  # which confirms the session
    await page.close()
    return welcome, contents


async def come_back(page: RawPage, token: bytes, attempt: int = 1) -> pb.Welcome:
    return await page.hello(
        acks=True, resume=True, token=token, attempt=attempt, received=int(bool(token))
    )


async def test_who_began_it_comes_back(tmp_path: Path) -> None:
    ipc = main_that_tells()
    async with channel_to(ipc, tmp_path) as channel:
        before, contents = await cut_off(channel, ipc)
        page = page_of(channel, LEFT)
        welcome = await come_back(page, before.token)
        assert welcome.resumed
        assert welcome.web_contents_id == contents.id
        await page.close()


@pytest.mark.parametrize("what", ["of another identity", "guessed"])
async def test_others_get_a_session_of_their_own(tmp_path: Path, what: str) -> None:
    ipc = main_that_tells()
    async with channel_to(ipc, tmp_path) as channel:
        before, contents = await cut_off(channel, ipc)
        token = before.token
        guest = page_of(channel, RIGHT)
        if what == "guessed":
            token = bytes([token[0] ^ 1]) + token[1:]
            guest = page_of(channel, LEFT)
        welcome = await come_back(guest, token)
        assert not welcome.resumed
        assert welcome.web_contents_id != contents.id
        assert welcome.token not in (token, before.token)
        owner = page_of(channel, LEFT)
        back = await come_back(owner, before.token)
        assert back.resumed, "the session is not hurt"
        await guest.close()
        await owner.close()


async def test_which_of_these_it_was_is_not_told(tmp_path: Path) -> None:
    ipc = main_that_tells()
    async with channel_to(ipc, tmp_path) as channel:
        before, _ = await cut_off(channel, ipc)
        shown = []
        for token in (before.token, b"x" * 32, b""):
            page = page_of(channel, RIGHT)
            welcome = await come_back(page, token, attempt=1 if token else 0)
            for name in ("token", "session_id", "web_contents_id"):
                welcome.ClearField(name)
            shown.append(welcome)
            await page.close()
        assert shown[0] == shown[1] == shown[2]


async def test_without_a_token_nobody_comes_back(tmp_path: Path) -> None:
    ipc = main_that_tells()
    async with channel_to(ipc, tmp_path) as channel:
        before, _ = await cut_off(channel, ipc)
        stranger = RawPage(channel)
        await stranger.write(hello=pb.Hello(token=before.token, attempt=9))
        assert await stranger.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_sync_message_outside_the_stream(tmp_path: Path) -> None:
    ipc = main_that_tells()
    async with channel_to(ipc, tmp_path) as channel:
        page = page_of(channel, LEFT)
        welcome = await page.hello()
        request = sync_request("who", token=welcome.token)
        response = await page.stub.SendSync(
            request, metadata=(("authorization", f"Bearer {LEFT}"),)
        )
        assert messages.read_result(response, "who") == "token:left"
        codes = []
        for metadata in [(("authorization", f"Bearer {RIGHT}"),), ()]:
            with pytest.raises(aio.AioRpcError) as caught:
                await page.stub.SendSync(request, metadata=metadata)
            codes.append(caught.value.code())
        assert codes == [grpc.StatusCode.ABORTED, grpc.StatusCode.UNAUTHENTICATED]
        await page.close()
