"""Deciding who may come in."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar, Final, TypeAlias, final

from mainproc.security.identity import OWNER, Credentials, Identity
from mainproc.security.tokens import Tokens
from renderer.wire.errors import AccessDenied, quote
from renderer.wire.failures import log_info

logger = logging.getLogger("ipc.main")

Answer: TypeAlias = Identity | str | None
Authenticate: TypeAlias = Callable[[Credentials], Answer | Awaitable[Answer]]

_HOSTS_TOLD: Final = 1_000
_DECIDE_WITHIN: Final = 10.0
"""Seconds that an `authenticate=` hook has, if it is `async def`."""


class Unauthenticated(AccessDenied):
    """Nobody who may come in. Why is not told: it would help whoever guesses."""

    status: ClassVar[str] = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__(
            "main does not know who this is: show a token (token=, or --token-file) or "
            "a certificate (tls=, or --tls-cert) that it knows"
        )


@final
class Authenticator:
    """Decides whether a connection may come in, and who it is.

    What is asked for has to be right, all of it; the hook has the last word.

    Args:
        tokens: those of which one must be shown; None: none.
        certificates: gRPC lets in only who shows a certificate.
        hook: is asked besides.
    """

    def __init__(
        self,
        tokens: Tokens | None = None,
        *,
        certificates: bool = False,
        hook: Authenticate | None = None,
    ) -> None:
        self._tokens = tokens
        self._certificates = certificates
        self._hook = hook
        self._told: set[str] = set()

    @property
    def asks(self) -> bool:
        """Not everybody may come in."""
        return not (self._tokens is None and self._hook is None) or self._certificates

    @property
    def reads_authorization(self) -> bool:
        """What a connection says as `authorization` matters."""
        return not (self._tokens is None and self._hook is None)

    async def identify(self, credentials: Credentials) -> Identity | None:
        """Return who comes there; None if nobody is asked who they are.

        Raises:
            Unauthenticated: it may not come in.
        """
        if not self.asks:
            return None
        try:
            return await self._identify(credentials)
        except Unauthenticated as refused:
            self._tell(credentials, refused.__cause__)
            raise

    async def _identify(self, credentials: Credentials) -> Identity:
        known = self._by_what_it_shows(credentials)
        if self._hook is not None:
            return await self._ask(self._hook, replace(credentials, identity=known))
        if known is None:
            raise Unauthenticated
        return known

    def _tell(self, credentials: Credentials, error: BaseException | None) -> None:
        # Once for each machine: a peer must not write our log.
        host = credentials.peer.rpartition(":")[0]
        if host in self._told or len(self._told) >= _HOSTS_TOLD:
            return
        self._told.add(host)
        if error is not None:
            text = "authenticate= raised, so %s was refused; more is not logged"
            info = log_info(error)
            logger.error(text, quote(credentials.peer), exc_info=info)
            return
        how = "wrong credentials" if credentials.authorization else "no credentials"
        text = "refused %s, with %s; more from there is not logged"
        logger.warning(text, quote(credentials.peer), how)

    def _by_what_it_shows(self, credentials: Credentials) -> Identity | None:
        if self._tokens is not None:
            known = self._tokens.find(credentials.token)
            if known is None:
                raise Unauthenticated
            return known
        if not self._certificates:
            return None
        if credentials.certificate:
            return Identity("certificate", credentials.certificate[0])
        return OWNER if credentials.peer.startswith("unix:") else None

    async def _ask(self, hook: Authenticate, credentials: Credentials) -> Identity:
        try:
            async with asyncio.timeout(_DECIDE_WITHIN):
                answer = hook(credentials)
                if inspect.isawaitable(answer):
                    answer = await answer
            if answer is None:
                raise Unauthenticated
            return _identity(answer)
        except Unauthenticated:
            raise
        except Exception as error:
            raise Unauthenticated from error


def _identity(answer: object) -> Identity:
    if isinstance(answer, Identity):
        return answer
    if isinstance(answer, str):
        return Identity("hook", answer)
    kind = type(answer).__name__
    raise TypeError(f"authenticate= returns a str, an Identity or None; not a {kind}")


__all__ = ("Authenticate", "Authenticator", "Unauthenticated")
