"""Who may come in by the private socket, and who may not."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import AccessDenied, IpcMain
from renderer import IpcRenderer
from renderer.wire import messages
from tests.integration.conftest import Write
from tests.integration.main_support import RawPage, sync_request
from tests.integration.spawn_support import (
    WORKER,
    bearer,
    serving,
    sockets,
    spawn,
    stand_in,
)
from tests.support.processes import PATIENCE

pytestmark = pytest.mark.usefixtures(sockets.__name__)

__all__ = ("sockets",)


async def refusal(
    page: RawPage, *, unheard: bool = False
) -> tuple[grpc.StatusCode, str]:
    """Say Hello in vain; return how the stream ended.

    One that is refused `unheard` says nothing: a write into a call that is ending
    changes its status.
    """
    if not unheard:
        await page.write(hello=pb.Hello())
    return await page.code(), await page.link.details()


@pytest.mark.parametrize("token", [None, "", "wrong", "Bearer"])
async def test_a_stranger_is_refused(write: Write, token: str | None) -> None:
    async with serving(), stand_in(write) as process:
        code, text = await refusal(process.page(token), unheard=True)
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert ("of no process" if token else "ELECTRON_IPC_TOKEN") in text
        # Whom it is meant for is let in all the same.
        page = process.page(process.token)
        await page.hello()
        assert (await process.spawning).contents.is_connected()
        await page.close()


async def test_another_scheme_is_no_token(write: Write) -> None:
    async with serving(), stand_in(write) as process:
        header = (("authorization", f"Basic {process.token}"),)
        code, _ = await refusal(RawPage(process.channel, header), unheard=True)
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_is_good_for_one_session(write: Write) -> None:
    async with serving(), stand_in(write) as process:
        early = process.page(process.token)  # let in, and says no Hello yet
        page = process.page(process.token)
        await page.hello()
        child = await process.spawning
        for late in early, process.page(process.token):
            code, text = await refusal(late)
            assert code is grpc.StatusCode.PERMISSION_DENIED
            assert "used already" in text
        await page.write(goodbye=pb.Goodbye())
        assert await page.code() is grpc.StatusCode.OK
        assert child.contents.is_destroyed()
        code, _ = await refusal(process.page(process.token))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        child.kill()
        await child.wait()
        code, _ = await refusal(process.page(process.token), unheard=True)
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_hello_that_cannot_be_leaves_the_token_good(write: Write) -> None:
    async with serving(), stand_in(write) as process:
        page = process.page(process.token)
        await page.write(hello=pb.Hello(window_messages=0))
        await page.until(lambda: page.goodbye)
        await page.close()
        page = process.page(process.token)
        await page.write(ack=1)
        await page.until(lambda: page.goodbye)
        await page.close()
        page = process.page(process.token)
        await page.hello()
        await process.spawning
        await page.close()


async def test_sync_messages_need_the_session(write: Write) -> None:
    ipc = IpcMain()

    @ipc.on("x")
    def _(event: Any) -> None:
        event.return_value = event.sender.id

    async def ask(page: RawPage, shown: str | None, session: bytes) -> Any:
        request = sync_request("x", token=session)
        response = await page.stub.SendSync(request, metadata=bearer(shown))
        return messages.read_result(response, "x")

    async with serving(ipc), stand_in(write) as process:
        page = process.page(process.token)
        for shown, code in (
            (None, grpc.StatusCode.UNAUTHENTICATED),
            (process.token, grpc.StatusCode.PERMISSION_DENIED),
        ):
            for session in b"", b"wrong":
                with pytest.raises(aio.AioRpcError) as refused:
                    await ask(page, shown, session)
                assert refused.value.code() is code
        welcome = await page.hello()
        contents = (await process.spawning).contents
        assert await ask(page, process.token, welcome.token) == contents.id
        with pytest.raises(aio.AioRpcError):
            await ask(page, process.token, b"")
        await page.close()


async def test_a_second_renderer_in_the_process_is_told_why(write: Write) -> None:
    twice = write(
        "twice.py",
        """
        from renderer import AccessDenied, IpcRenderer, ipc
        ipc.connect()
        try:
            IpcRenderer().connect()
        except AccessDenied as error:
            ipc.send("refused", str(error))
        ipc.wait()
        """,
    )
    ipc = IpcMain()
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ipc.on("refused", lambda event, text: told.set_result(text))
    async with serving(ipc):
        await spawn(twice)
        assert "used already" in await asyncio.wait_for(told, PATIENCE)
        assert len(ipc.web_contents) == 1


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_socket_is_the_owners(write: Write, sockets: Path) -> None:
    async with serving():
        assert inside(sockets) == []  # nobody has needed it yet
        child = await spawn(write("worker.py", WORKER))
        (folder,) = inside(sockets)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        stranger = IpcRenderer(f"unix:{folder}/ipc.sock")
        with pytest.raises(AccessDenied, match="ELECTRON_IPC_TOKEN"):
            await asyncio.to_thread(stranger.connect)
        await spawn(write("worker.py", WORKER))
        assert inside(sockets) == [folder]
        assert child.returncode is None
