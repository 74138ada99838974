"""Where a renderer goes, and what it shows there."""

from __future__ import annotations

from typing import Any

import pytest

from renderer.settings import DEFAULT_ADDRESS, Settings
from renderer.threads.one_shot import OneShots
from renderer.wire.errors import ConnectionClosed

ADDRESS, TOKEN = "ELECTRON_IPC_ADDRESS", "ELECTRON_IPC_TOKEN"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    monkeypatch.delenv(TOKEN, raising=False)


def test_a_spawned_program_shows_the_token_where_it_is_told_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ADDRESS, "unix:/run/it")
    monkeypatch.setenv(TOKEN, "secret")
    settings = Settings()
    assert (settings.target, settings.bearer) == ("unix:/run/it", "secret")
    assert settings.spawned
    assert not OneShots.allowed_to(settings)


@pytest.mark.parametrize("address", ["unix:/run/it", "127.0.0.1:1"])
def test_the_token_is_shown_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(ADDRESS, "unix:/run/it")
    monkeypatch.setenv(TOKEN, "secret")
    settings = Settings().changed(address, {})
    assert (settings.target, settings.bearer) == (address, None)
    assert not settings.spawned
    assert OneShots.allowed_to(settings)


def test_a_token_without_an_address_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TOKEN, "secret")
    settings = Settings()
    assert (settings.target, settings.bearer) == (DEFAULT_ADDRESS, None)
    assert not settings.spawned


@pytest.mark.parametrize("token", ["", "a\nb", "ä"])
def test_what_cannot_be_a_token_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv(ADDRESS, "unix:/run/it")
    monkeypatch.setenv(TOKEN, token)
    assert Settings().bearer is None
    with pytest.raises(ValueError, match="printable ASCII"):
        Settings(token=f"{token}ß")


def test_a_programs_own_token_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "unix:/run/it")
    monkeypatch.setenv(TOKEN, "secret")
    assert Settings(token="mine").bearer == "mine"
    assert Settings("127.0.0.1:1", token="mine").bearer == "mine"


def test_a_token_is_not_shown_to_whoever_looks_at_the_settings() -> None:
    assert "mine" not in repr(Settings(token="mine"))


def test_a_file_is_no_tls() -> None:
    wrong: Any = "main.crt"
    with pytest.raises(TypeError, match=r"as TLS\(ca=FILE\); given was: str"):
        Settings(tls=wrong)


@pytest.mark.parametrize("name", ["connect_timeout", "dead_after"])
def test_seconds_are_a_number(name: str) -> None:
    wrong: dict[str, Any] = {name: "5"}
    with pytest.raises(TypeError, match=f"^{name} is a number of seconds; given was"):
        Settings(**wrong)


@pytest.mark.parametrize(
    "address",
    ["localhost:1", "[::1]:50051", "unix:/run/it", "dns:///main:1", "a_b.c-d:65535"],
)
def test_addresses(address: str) -> None:
    assert Settings(address).grpc_target() == address


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:50051", "a/b:1", "a b:1", "a\tb:1", "a:b", "a:0"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ConnectionClosed, match="no address; give HOST:PORT or unix:"):
        Settings(address).grpc_target()
