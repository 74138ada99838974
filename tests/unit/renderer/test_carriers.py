"""What is told before a way to main is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from renderer import grpc_aio_link, grpc_link
from renderer.carriers import grpc_aio_carrier, grpc_carrier
from renderer.settings import Settings
from renderer.tls import TLS


@pytest.mark.parametrize(
    "address", ["192.0.2.1:1", "main.example:1", "dns:main.invalid:1", "[2001:db8::]:1"]
)
def test_a_token_in_the_clear_is_worth_a_warning(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        grpc_carrier(Settings(address, token="secret")).close()
    (told,) = caplog.messages
    assert told.startswith(f"the token for main at '{address}' is not encrypted")
    assert "secret" not in told


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "localhost:1", "ipv4:127.0.0.1:1", "[::1]:1", "unix:/x"]
)
def test_not_on_this_machine(address: str, caplog: pytest.LogCaptureFixture) -> None:
    grpc_carrier(Settings(address, token="secret")).close()
    grpc_carrier(Settings("192.0.2.2:1")).close()
    grpc_carrier(Settings("192.0.2.2:1", token="secret", tls=TLS())).close()
    assert caplog.messages == []


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConnectionError, match=r"cannot connect: the CA .*: No such file"
    ):
        grpc_carrier(Settings("127.0.0.1:1", tls=TLS(tmp_path / "gone")))


async def test_how_long_silence_may_last(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []

    def options(limits: object, dead_after: float) -> list[tuple[str, int]]:
        told.append(dead_after)
        return []

    for link in (grpc_link, grpc_aio_link):
        monkeypatch.setattr(link, "options", options)
    grpc_carrier(Settings("127.0.0.1:1", dead_after=7.0)).close()
    await grpc_aio_carrier(Settings("127.0.0.1:1", dead_after=8.0)).close()
    assert told == [7.0, 8.0]
