"""Where main listens only if somebody has said so, and by which files."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from typing import Any

import pytest

import mainproc
from mainproc import IpcMain
from mainproc.address import AddressInUse
from mainproc.security import TLS, CannotListen, InsecureAddress, InvalidFile
from tests.integration.conftest import Write
from tests.support.certificates import Authority
from tests.support.processes import run_python

TOKEN = "a-token-that-nobody-guesses"


async def refused(**options: Any) -> CannotListen:
    """Return why main does not begin."""
    with pytest.raises(CannotListen) as caught:
        async with mainproc.serve(IpcMain(), **{"listen": "127.0.0.1:0", **options}):
            pass
    return caught.value


# ---- addresses -----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.6.7", "[::1]", "localhost"])
async def test_this_machine_needs_no_more(host: str) -> None:
    async with mainproc.serve(IpcMain(), listen=f"{host}:0") as main:
        assert main.address.startswith(f"{host}:")


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "[::ffff:0.0.0.0]"])
async def test_other_machines_are_a_decision(host: str) -> None:
    error = await refused(listen=["127.0.0.1:0", f"{host}:0"])
    assert type(error) is InsecureAddress
    text = str(error)
    assert text.startswith(f"{host}:0 can be reached from other machines")
    for way_out in (
        "127.0.0.1",
        "unix:PATH",
        "--tls-cert",
        "--insecure-plaintext-from-anywhere",
    ):
        assert way_out in text


async def test_a_name_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    import mainproc.address as addresses

    here = [(2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(addresses, "_resolve", lambda _: here)
    assert addresses.is_loopback("localhost:0")
    assert not addresses.is_loopback("intranet.example:0")
    there = [*here, (2, 1, 6, "", ("192.0.2.1", 0))]
    monkeypatch.setattr(addresses, "_resolve", lambda _: there)
    assert not addresses.is_loopback("localhost:0")


async def test_plaintext_from_anywhere_has_to_be_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with mainproc.serve(
        IpcMain(), listen="0.0.0.0:0", insecure_plaintext_from_anywhere=True
    ) as main:
        assert main.address.startswith("0.0.0.0:")
    assert "whoever reaches 0.0.0.0:0 may come in" in caplog.text


async def test_tls_is_enough_but_everybody_may_come_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    main = authority.sign("main", "127.0.0.1")
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(TOKEN)
    tls = TLS(main.cert, main.key)
    with caplog.at_level(logging.WARNING, "ipc.main"):
        async with mainproc.serve(
            IpcMain(), listen="0.0.0.0:0", tls=tls, token_file=tokens
        ):
            pass
        assert caplog.text == ""
        async with mainproc.serve(IpcMain(), listen="0.0.0.0:0", tls=tls):
            pass
        assert "--token-file or --tls-client-ca" in caplog.text


# ---- Unix sockets --------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o710, 0o1777])
async def test_a_directory_that_others_enter(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    error = await refused(listen=f"unix:{folder}/ipc.sock")
    assert type(error) is InsecureAddress
    assert f"others may enter {folder}" in str(error)
    assert "'chmod 700'" in str(error)
    assert list(folder.iterdir()) == []


async def test_a_directory_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    error = await refused(listen=f"unix:{tmp_path}/ipc.sock")
    assert type(error) is InsecureAddress


async def test_a_directory_that_is_not_there_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "app" / "ipc.sock"
    async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# ---- files ---------------------------------------------------------------------------


async def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    main, other = authority.sign("main"), authority.sign("other")
    locked = authority.sign("locked", password=b"secret")
    text = tmp_path / "text"
    text.write_text("hello")
    gone = tmp_path / "gone"
    for tls, words in [
        (TLS(gone, main.key), f"the certificate {gone}: No such file"),
        (TLS(main.cert, gone), f"the private key {gone}: No such file"),
        (TLS(main.cert, main.key, gone), f"the client CA {gone}: No such file"),
        (TLS(text, main.key), f"the certificate {text} and the private key"),
        (TLS(main.cert, other.key), f"{other.key} does not belong to {main.cert}"),
        (TLS(main.cert, main.key, text), f"client CA {text} is no certificate"),
        (TLS(locked.cert, locked.key), f"the private key {locked.key} is encrypted"),
    ]:
        error = await refused(tls=tls)
        assert type(error) is InvalidFile
        assert words in str(error)


async def test_a_key_that_others_may_read_is_worth_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    main = Authority(tmp_path).sign("main")
    main.key.chmod(0o644)
    tls = TLS(main.cert, main.key)
    async with mainproc.serve(IpcMain(), listen="127.0.0.1:0", tls=tls):
        pass
    assert f"others may read main's private key: chmod 600 {main.key}" in caplog.text


# ---- the command ---------------------------------------------------------------------

SCRIPT = """
    from mainproc import ipc

    ipc.on("x", print)
"""
RUNS = """
    import mainproc

    mainproc.ipc.on("x", print)
    mainproc.run(listen="0.0.0.0:0")
"""


def run(script: Path, *options: str) -> tuple[int, str, str]:
    return run_python("-m", "mainproc", "run", str(script), *options)


def test_the_command_exits_with_3_before_it_listens(
    write: Write, tmp_path: Path
) -> None:
    script = write("main.py", SCRIPT)
    code, out, err = run(script, "--listen", "0.0.0.0:0")
    assert (code, out) == (3, "")
    assert err.startswith("mainproc: 0.0.0.0:0 can be reached from other machines")
    assert err.count("\n") == 1
    gone = str(tmp_path / "gone.pem")
    code, _, err = run(script, "--tls-cert", gone, "--tls-key", gone)
    assert (code, err) == (
        3,
        f"mainproc: the certificate {gone}: No such file or directory\n",
    )
    code, _, err = run(script, "--token-file", gone)
    assert (code, err) == (
        3,
        f"mainproc: the token file {gone}: No such file or directory\n",
    )


def test_a_certificate_without_key_is_a_wrong_use(write: Write) -> None:
    code, _, err = run(write("main.py", SCRIPT), "--tls-cert", "main.pem")
    assert code == 2
    assert "--tls-cert and --tls-key go together" in err
    code, _, err = run(write("main.py", SCRIPT), "--tls-client-ca", "main.pem")
    assert code == 2
    assert "--tls-client-ca goes with --tls-cert and --tls-key" in err


def test_a_program_exits_with_3_too(write: Write) -> None:
    code, out, err = run_python(write("runs.py", RUNS))
    assert (code, out) == (3, "")
    assert err.startswith("mainproc: 0.0.0.0:0 can be reached from other machines")


def test_address_in_use_is_one_of_these() -> None:
    assert issubclass(AddressInUse, CannotListen)
