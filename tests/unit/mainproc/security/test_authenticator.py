"""Deciding who comes in, by what a connection shows."""

from __future__ import annotations

import pytest

from mainproc.security.authenticator import Authenticator, Unauthenticated
from mainproc.security.identity import OWNER, Credentials, Identity
from mainproc.security.tokens import Tokens

TOKENS = Tokens({"secret": "left"})


async def test_who_is_not_asked_is_nobody() -> None:
    authenticator = Authenticator()
    assert not authenticator.asks
    assert not authenticator.reads_authorization
    shown = Credentials("ipv4:127.0.0.1:1", "Bearer secret", ("kiosk",))
    assert await authenticator.identify(shown) is None


async def test_a_certificate() -> None:
    authenticator = Authenticator(certificates=True)
    assert authenticator.asks
    assert not authenticator.reads_authorization
    kiosk = Credentials("ipv4:127.0.0.1:1", None, ("kiosk", "other"))
    assert await authenticator.identify(kiosk) == Identity("certificate", "kiosk")
    assert await authenticator.identify(Credentials("unix:")) == OWNER
    with pytest.raises(Unauthenticated):  # it has one, but no name in it
        await authenticator.identify(Credentials("ipv4:127.0.0.1:1"))


async def test_a_token_is_asked_for_on_a_unix_socket_too() -> None:
    authenticator = Authenticator(TOKENS, certificates=True)
    assert authenticator.reads_authorization
    with pytest.raises(Unauthenticated):
        await authenticator.identify(Credentials("unix:"))
    shown = Credentials("unix:", "Bearer secret")
    assert await authenticator.identify(shown) == Identity("token", "left")


async def test_a_hook_may_let_in_whom_nothing_else_knows() -> None:
    authenticator = Authenticator(certificates=True, hook=lambda shown: "guest")
    shown = Credentials("ipv4:127.0.0.1:1")
    assert await authenticator.identify(shown) == Identity("hook", "guest")


async def test_a_hook_lets_in_nobody_with_a_wrong_token() -> None:
    authenticator = Authenticator(TOKENS, hook=lambda shown: "guest")
    with pytest.raises(Unauthenticated):
        await authenticator.identify(Credentials("unix:", "Bearer wrong"))


async def test_a_hook_that_raises_is_logged_once_for_a_machine(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def hook(shown: Credentials) -> str:
        raise KeyError(shown.peer)

    authenticator = Authenticator(hook=hook)
    for peer in ("ipv4:127.0.0.1:1", "ipv4:127.0.0.1:2", "ipv4:127.0.0.2:1"):
        with pytest.raises(Unauthenticated):
            await authenticator.identify(Credentials(peer))
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "authenticate= raised",
        "authenticate= raised",
    ]
