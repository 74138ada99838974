"""Certificates: main's, and those of renderers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from mainproc import IpcMain, security
from mainproc.security import Credentials, Identity
from renderer import TLS, AccessDenied, ConnectionClosed
from renderer.carrier import HungUp
from tests.integration.cli_support import patient
from tests.integration.conftest import Write
from tests.integration.security_support import (
    EVERY_WAY,
    RIGHT,
    SOON,
    Ask,
    by_asyncio,
    by_threads,
    main_that_tells,
    serving,
    token_file,
)
from tests.support.certificates import Authority, Pair
from tests.support.leap import leap_once_refused
from tests.support.processes import run_python, running_main

BOTH = pytest.mark.parametrize("ask", [by_threads, by_asyncio])


class World(NamedTuple):
    ours: Authority
    theirs: Authority
    main: security.TLS
    mutual: security.TLS


@pytest.fixture
def world(tmp_path: Path) -> World:
    ours = Authority(tmp_path / "ours", "ours")
    theirs = Authority(tmp_path / "theirs", "theirs")
    pair = ours.sign("main", "127.0.0.1", "main.example")
    return World(
        ours,
        theirs,
        security.TLS(pair.cert, pair.key),
        security.TLS(pair.cert, pair.key, ours.ca),
    )


def shown(world: World, pair: Pair) -> TLS:
    return TLS(world.ours.ca, pair.cert, pair.key)


# ---- main's certificate --------------------------------------------------------------


@pytest.mark.parametrize("ask", EVERY_WAY)
async def test_an_encrypted_connection(world: World, ask: Ask) -> None:
    async with serving(tls=world.main) as address:
        assert await ask(address, tls=TLS(world.ours.ca)) == "None"


@BOTH
@pytest.mark.parametrize("known", ["theirs", "those of browsers"])
async def test_a_certificate_that_is_not_trusted(
    world: World, ask: Ask, known: str
) -> None:
    tls = TLS(world.theirs.ca) if known == "theirs" else TLS()
    async with serving(tls=world.main) as address:
        with pytest.raises(ConnectionClosed) as caught:
            await ask(address, tls=tls)
    text = str(caught.value)
    assert text.startswith(f"cannot connect to {address}: the certificate there is not")
    assert "tls=TLS(ca=FILE), --tls-ca FILE or ELECTRON_IPC_CA" in text
    assert caught.value.outcome == "not-sent"


@BOTH
@pytest.mark.parametrize(
    ("valid_from", "what"),
    [(-9, "has expired: give main a"), (7, "is not valid yet: compare the clocks")],
)
async def test_a_certificate_out_of_its_time(
    world: World, ask: Ask, valid_from: int, what: str
) -> None:
    pair = world.ours.sign("late", "127.0.0.1", valid_from=valid_from)
    async with serving(tls=security.TLS(pair.cert, pair.key)) as address:
        with pytest.raises(ConnectionClosed, match=f"the certificate there {what}"):
            await ask(address, tls=TLS(world.ours.ca))


@BOTH
async def test_a_certificate_for_another_name(world: World, ask: Ask) -> None:
    pair = world.ours.sign("other", "main.example")
    async with serving(tls=security.TLS(pair.cert, pair.key)) as address:
        with pytest.raises(ConnectionClosed, match="is for another name: connect by"):
            await ask(address, tls=TLS(world.ours.ca))
        named = TLS(world.ours.ca, server_name="main.example")
        assert await ask(address, tls=named) == "None"


@BOTH
async def test_encrypting_where_main_does_not(world: World, ask: Ask) -> None:
    async with serving() as address:
        with pytest.raises(
            ConnectionClosed, match="speaks no TLS: leave tls= and ELEC"
        ):
            await ask(address, tls=TLS(world.ours.ca))


@BOTH
async def test_not_encrypting_where_main_does(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    leap_once_refused(HungUp, SOON, monkeypatch)
    async with serving(tls=world.main) as address:
        with pytest.raises(ConnectionClosed, match="hangs up: it may want TLS"):
            await ask(address)


@BOTH
async def test_files_that_cannot_be_used(
    world: World, ask: Ask, tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text("hello")
    async with serving(tls=world.main) as address:
        with pytest.raises(ConnectionClosed, match=f"the CA {text} is not in PEM form"):
            await ask(address, tls=TLS(text))
        with pytest.raises(ConnectionClosed, match=r"the CA /no/ca\.pem: No such file"):
            await ask(address, tls=TLS("/no/ca.pem"))
        ca, pair = world.ours.ca, world.ours.sign("kiosk")
        with pytest.raises(ConnectionClosed, match="has no BEGIN CERTIFICATE: another"):
            await ask(address, tls=TLS(pair.key))
        with pytest.raises(ConnectionClosed, match="has no BEGIN PRIVATE KEY: another"):
            await ask(address, tls=TLS(ca, pair.cert, pair.cert))


def test_a_certificate_and_its_key_go_together() -> None:
    with pytest.raises(ValueError, match="cert= and key="):
        TLS(cert="page.crt")


# ---- renderers' certificates ---------------------------------------------------------


@BOTH
async def test_the_name_in_a_certificate_is_the_identity(
    world: World, ask: Ask
) -> None:
    plain = world.ours.sign("kiosk")
    several = world.ours.sign("common", "kiosk-1.example", "kiosk-2.example")
    async with serving(tls=world.mutual) as address:
        assert await ask(address, tls=shown(world, plain)) == "certificate:kiosk"
        who = await ask(address, tls=shown(world, several))
        assert who == "certificate:kiosk-1.example"


@BOTH
@pytest.mark.parametrize("which", ["none", "of others"])
async def test_without_one_of_ours_nobody_comes_in(
    world: World, ask: Ask, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leap_once_refused(HungUp, SOON, monkeypatch)
    tls = TLS(world.ours.ca)
    if which == "of others":
        tls = shown(world, world.theirs.sign("kiosk"))
    ipc = main_that_tells()
    async with serving(ipc, tls=world.mutual) as address:
        with pytest.raises(ConnectionClosed, match="or a certificate from us"):
            await ask(address, tls=tls)
        assert ipc.web_contents == ()


async def test_a_token_besides_says_who_it_is(world: World, tmp_path: Path) -> None:
    tls = shown(world, world.ours.sign("kiosk"))
    async with serving(tls=world.mutual, token_file=token_file(tmp_path)) as address:
        assert await by_threads(address, tls=tls, token=RIGHT) == "token:right"
        with pytest.raises(AccessDenied):
            await by_threads(address, tls=tls)


async def test_a_hook_sees_all_names(world: World) -> None:
    seen: list[Credentials] = []

    def authenticate(credentials: Credentials) -> str:
        seen.append(credentials)
        return credentials.certificate[-1]

    tls = shown(world, world.ours.sign("common", "kiosk-1.example"))
    async with serving(tls=world.mutual, authenticate=authenticate) as address:
        assert await by_asyncio(address, tls=tls) == "hook:common"
    (credentials,) = seen
    assert credentials.certificate == ("kiosk-1.example", "common")
    assert credentials.identity == Identity("certificate", "kiosk-1.example")


@BOTH
async def test_a_unix_socket_goes_without(
    world: World, tmp_path: Path, ask: Ask
) -> None:
    listen = ["127.0.0.1:0", f"unix:{tmp_path}/ipc.sock"]
    async with serving(tls=world.mutual, listen=listen):
        assert await ask(listen[1]) == "unix:owner"
        assert await ask(listen[1], tls=TLS(world.ours.ca)) == "unix:owner"


# ---- the environment and the commands ------------------------------------------------

WHO = """
    from mainproc import ipc

    ipc.handle("who", lambda event: str(event.sender.identity))
"""


@BOTH
async def test_the_environment_says_it_too(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = world.ours.sign("kiosk")
    monkeypatch.setenv("ELECTRON_IPC_CA", str(world.ours.ca))
    async with serving(tls=world.main) as address:
        assert await ask(address) == "None"
    monkeypatch.setenv("ELECTRON_IPC_CERT", str(pair.cert))
    async with serving(tls=world.mutual) as address:
        with pytest.raises(ConnectionClosed, match="_CERT and ELECTRON_IPC_KEY go tog"):
            await ask(address)
        monkeypatch.setenv("ELECTRON_IPC_KEY", str(pair.key))
        assert await ask(address) == "certificate:kiosk"


def test_the_commands(world: World, write: Write) -> None:
    pair = world.ours.sign("kiosk")
    mutual = world.mutual
    options = [
        *("--tls-cert", str(mutual.cert), "--tls-key", str(mutual.key)),
        *("--tls-client-ca", str(mutual.client_ca)),
    ]
    with running_main(write("main.py", WHO), *options) as main:
        ask = ("-m", "mainproc", *patient("invoke", "--main", main.address, "who"))
        ours = ("--tls-ca", str(world.ours.ca))
        kiosk = ("--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
        assert run_python(*ask, *ours, *kiosk) == (0, '"certificate:kiosk"\n', "")
        code, out, err = run_python(*ask, "--tls-ca", str(world.theirs.ca), *kiosk)
        assert (code, out) == (3, "")
        assert "the certificate there is not trusted" in err
        code, _, err = run_python(*ask, *ours, *kiosk[:2])
        assert (code, "--tls-cert and --tls-key go together" in err) == (2, True)


def test_main_of_a_test_kit_asks_nobody() -> None:
    from mainproc.testing import connected

    ipc = IpcMain()
    with connected(ipc) as page:
        assert page.contents.identity is None
