"""Renderers show a token, or what a hook of main's wants to see."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio as grpc_aio

import mainproc
import renderer
from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain
from mainproc.security import Credentials, Identity
from mainproc.security.authenticator import Unauthenticated
from renderer import AccessDenied, ConnectionClosed, aio
from tests.integration.cli_support import patient
from tests.integration.conftest import Write
from tests.integration.main_support import RawPage, sync_request
from tests.integration.security_support import (
    EVERY_WAY,
    LEFT,
    RIGHT,
    Ask,
    by_asyncio,
    by_threads,
    main_that_tells,
    serving,
    token_file,
)
from tests.support.processes import PATIENCE, run_python, running_main

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
TEXT = str(Unauthenticated())


@pytest.mark.parametrize("ask", EVERY_WAY)
async def test_a_token_lets_in_and_says_who_it_is(tmp_path: Path, ask: Ask) -> None:
    async with serving(token_file=token_file(tmp_path)) as address:
        assert await ask(address, token=LEFT) == "token:left"
        assert await ask(address, token=RIGHT) == "token:right"


@pytest.mark.parametrize("ask", EVERY_WAY)
@pytest.mark.parametrize("token", [None, "", "x" * 30, LEFT[:-1], LEFT + "x"])
async def test_any_other_is_refused_with_one_text(
    tmp_path: Path, ask: Ask, token: str | None
) -> None:
    async with serving(token_file=token_file(tmp_path)) as address:
        with pytest.raises(AccessDenied) as caught:
            await ask(address, token=token)
        assert str(caught.value) == TEXT


async def test_a_refusal_is_logged_once_for_each_machine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(token_file=token_file(tmp_path)) as address:
        for token in ("x" * 30, None, "y" * 30):
            with pytest.raises(AccessDenied):
                await by_asyncio(address, token=token)
    (told,) = [r.getMessage() for r in caplog.records if r.name == "ipc.main"]
    assert told.startswith("refused 'ipv4:127.0.0.1:")
    assert told.endswith("with wrong credentials; more from there is not logged")


async def test_who_is_not_asked_is_nobody() -> None:
    async with serving() as address:
        assert await by_threads(address) == "None"
        assert await by_asyncio(address, token=LEFT) == "None"


@pytest.mark.parametrize(
    "value", [LEFT, f"Basic {LEFT}", f"Bearer{LEFT}", "Bearer", f"Bearer {LEFT} x"]
)
async def test_it_has_to_be_a_bearer_token(tmp_path: Path, value: str) -> None:
    async with (
        serving(token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        headers = (("authorization", value),)
        page = RawPage(channel, headers)
        assert await page.code() is UNAUTHENTICATED
        with pytest.raises(grpc_aio.AioRpcError) as caught:
            await page.stub.SendSync(sync_request("who"), metadata=headers)
        assert caught.value.code() is UNAUTHENTICATED
        assert caught.value.details() == await page.link.details() == TEXT


async def test_two_headers_are_one_too_many(tmp_path: Path) -> None:
    async with (
        serving(token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        value = f"Bearer {LEFT}"
        page = RawPage(channel, (("authorization", value), ("authorization", value)))
        assert await page.code() is UNAUTHENTICATED


async def test_the_scheme_may_be_written_in_any_case(tmp_path: Path) -> None:
    async with (
        serving(token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        page = RawPage(channel, (("authorization", f"bEARER  {LEFT} "),))
        await page.hello()
        assert await page.invoke("who") == "token:left"
        await page.close()


# ---- Hello.authorization -------------------------------------------------------------


async def test_who_has_no_headers_says_it_in_hello(tmp_path: Path) -> None:
    async with (
        serving(token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        page = RawPage(channel)
        await page.hello(authorization=f"Bearer {RIGHT}")
        assert await page.invoke("who") == "token:right"
        await page.close()


@pytest.mark.parametrize(
    "frame",
    [
        pb.StreamRequest(hello=pb.Hello()),
        pb.StreamRequest(hello=pb.Hello(authorization="Bearer nothing")),
        pb.StreamRequest(messages=[pb.Message(event=pb.Event(channel="who"))]),
    ],
    ids=["none", "wrong", "no hello"],
)
async def test_a_hello_without_it_is_refused(
    tmp_path: Path, frame: pb.StreamRequest
) -> None:
    ipc = main_that_tells()
    async with (
        serving(ipc, token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        page = RawPage(channel)
        await page.link.write(frame)
        assert await page.code() is UNAUTHENTICATED
        assert (page.frames, ipc.web_contents) == ([], ())


async def test_a_header_counts_before_hello(tmp_path: Path) -> None:
    async with (
        serving(token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        page = RawPage(channel, (("authorization", "Bearer nothing"),))
        # Main may have been quicker, and the call may be over.
        with suppress(grpc_aio.AioRpcError, asyncio.InvalidStateError):
            await page.write(hello=pb.Hello(authorization=f"Bearer {LEFT}"))
        assert await page.code() is UNAUTHENTICATED


async def test_who_says_nothing_at_all_is_refused_in_time(tmp_path: Path) -> None:
    ipc = IpcMain(limits=mainproc.Limits(hello_timeout=0.05))
    async with (
        serving(ipc, token_file=token_file(tmp_path)) as address,
        grpc_aio.insecure_channel(address) as channel,
    ):
        assert await RawPage(channel).code() is UNAUTHENTICATED


# ---- authenticate= -------------------------------------------------------------------


async def test_a_hook_decides(tmp_path: Path) -> None:
    seen: list[Credentials] = []

    async def authenticate(credentials: Credentials) -> Identity | str | None:
        seen.append(credentials)
        await asyncio.sleep(0)
        known: dict[str, Identity | str] = {
            "one": "somebody",
            "two": Identity("hook", "else"),
        }
        return known.get(credentials.token or "")

    async with serving(authenticate=authenticate) as address:
        assert await by_threads(address, token="one") == "hook:somebody"
        assert await by_asyncio(address, token="two") == "hook:else"
        with pytest.raises(AccessDenied) as caught:
            await by_threads(address, token="three")
        assert str(caught.value) == TEXT
    assert {c.identity for c in seen} == {None}
    assert all(c.peer.startswith("ipv4:127.0.0.1:") for c in seen)
    assert all(c.certificate == () for c in seen)


async def test_a_peer_of_ipv6_is_an_address_to_read() -> None:
    seen: list[Credentials] = []

    def authenticate(credentials: Credentials) -> str:
        seen.append(credentials)
        return "somebody"

    async with serving(listen="[::1]:0", authenticate=authenticate) as address:
        assert await by_asyncio(address) == "hook:somebody"
    assert [c.peer.rpartition(":")[0] for c in seen] == ["ipv6:[::1]"]


async def test_a_hook_comes_after_the_token(tmp_path: Path) -> None:
    seen: list[Credentials] = []

    def authenticate(credentials: Credentials) -> Identity | None:
        seen.append(credentials)
        return None if credentials.token == RIGHT else credentials.identity

    tokens = token_file(tmp_path)
    async with serving(token_file=tokens, authenticate=authenticate) as address:
        assert await by_threads(address, token=LEFT) == "token:left"
        for token in (RIGHT, "nothing"):
            with pytest.raises(AccessDenied):
                await by_asyncio(address, token=token)
    assert {c.token for c in seen} == {LEFT, RIGHT}


def broken(_: Credentials) -> str:
    raise ValueError("a bug of theirs")


async def endless(_: Credentials) -> str:
    await asyncio.Event().wait()
    return "never"


def wrong(_: Credentials) -> Any:
    return True


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (broken, "ValueError: a bug of theirs"),
        (endless, "TimeoutError"),
        (wrong, "returns a str, an Identity or None; not a bool"),
    ],
)
async def test_a_hook_that_fails_refuses_and_is_logged(
    hook: Any, words: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr("mainproc.security.authenticator._DECIDE_WITHIN", 0.05)
    async with serving(authenticate=hook) as address:
        with (
            caplog.at_level(logging.ERROR, "ipc.main"),
            pytest.raises(AccessDenied) as caught,
        ):
            await by_threads(address, token=LEFT)
    assert str(caught.value) == TEXT
    assert "authenticate= raised, so 'ipv4:127.0.0.1:" in caplog.text
    assert words in caplog.text
    assert LEFT not in caplog.text


# ---- the environment -----------------------------------------------------------------


async def test_a_token_file_of_the_environment_is_not_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELECTRON_IPC_TOKEN_FILE", str(token_file(tmp_path)))
    async with serving() as address:
        assert await by_threads(address, token=LEFT) == "token:left"
        with pytest.raises(AccessDenied):
            await by_threads(address)


WHO = """
    from mainproc import ipc

    ipc.handle("who", lambda event: str(event.sender.identity))
"""


def test_the_commands(write: Write, tmp_path: Path) -> None:
    tokens, other = token_file(tmp_path), tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text("x" * 30)
    with running_main(write("main.py", WHO), "--token-file", str(tokens)) as main:
        ask = ("-m", "mainproc", *patient("invoke", "--main", main.address))
        told = run_python(*ask, "--token-file", tokens, "who")
        assert told == (0, '"token:left"\n', "")
        for words in ((), ("--token-file", str(other))):
            code, out, err = run_python(*ask, *words, "who")
            assert (code, out, err) == (3, "", f"mainproc: {TEXT}\n")
        gone = str(tmp_path / "gone")
        code, out, err = run_python(*ask, "--token-file", gone, "who")
        assert (code, out) == (2, "")
        assert f"{gone}: No such file or directory" in err


# ---- a main that has changed its mind ------------------------------------------------


def other_tokens(folder: Path) -> Path:
    (folder / "others").mkdir()
    return token_file(folder / "others", "x" * 30)


def test_a_renderer_that_is_not_let_in_again_gives_up(
    write: Write, tmp_path: Path
) -> None:
    script, address = write("main.py", WHO), f"unix:{tmp_path}/ipc.sock"
    listen = ("--listen", address, "--token-file")
    with running_main(script, *listen, str(token_file(tmp_path))) as main:
        page = renderer.connect(address, token=LEFT)
        assert page.invoke("who").result(PATIENCE) == "token:left"
        main.process.kill()
        main.process.wait()
    pending = page.invoke("who")
    with running_main(script, *listen, str(other_tokens(tmp_path))):
        with pytest.raises(ConnectionClosed, match="main does not know who this is"):
            pending.result(PATIENCE)
        assert not page.is_connected()
        page.close()


async def test_so_does_one_on_an_event_loop(write: Write, tmp_path: Path) -> None:
    script, address = write("main.py", WHO), f"unix:{tmp_path}/ipc.sock"
    listen = ("--listen", address, "--token-file")
    page = aio.IpcRenderer(address, token=LEFT)
    with running_main(script, *listen, str(token_file(tmp_path))) as main:
        await page.connect()
        assert await page.invoke("who") == "token:left"
        main.process.kill()
        main.process.wait()
    pending = page.invoke("who")
    with running_main(script, *listen, str(other_tokens(tmp_path))):
        with pytest.raises(ConnectionClosed, match="main does not know who this is"):
            await asyncio.wait_for(pending, PATIENCE)
        assert not page.is_connected()
        await page.aclose()


# ---- spawned -------------------------------------------------------------------------


async def test_spawned_children_keep_their_own_entrance(
    tmp_path: Path, write: Write
) -> None:
    import sys

    child = write("child.py", "from renderer import ipc\nipc.wait()")
    async with serving(token_file=token_file(tmp_path)):
        command = [sys.executable, str(child)]
        spawned = await mainproc.spawn(command, title="worker 1")
        assert spawned.contents.identity == Identity("spawned", "worker 1")
