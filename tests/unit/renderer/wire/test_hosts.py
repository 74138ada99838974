from __future__ import annotations

import pytest

from renderer.wire.hosts import host_of, is_loopback


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:1", "127.0.0.1"), ("[::1]:1", "::1"), ("x:1", "x"), ("x", "")],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.255.254", "::1"])
def test_numbers_that_are_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "128.0.0.1", "localhost", "", "x"])
def test_all_else_may_be_another(host: str) -> None:
    assert not is_loopback(host)
