"""Who a renderer is, and what it shows to say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal, final, get_args

from renderer.wire.errors import quote

Kind = Literal["token", "certificate", "hook", "spawned", "unix"]
"""How it is known who a renderer is."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

ANONYMOUS: Final = "anonymous"
"""Who it is where main asks nobody."""


@final
@dataclass(frozen=True, slots=True)
class Identity:
    """Who a renderer is, fixed for its session.

    As text, and so for a `Policy`, it is `KIND:NAME`.

    Raises:
        ValueError: there is no such kind.
    """

    kind: Kind
    """How that is known: by a "token", a client "certificate", by the "hook" that was
    given as `authenticate=`; or it was "spawned" by main, or came by the "unix" socket
    where others show a certificate."""
    name: str
    """Of the token, the certificate, or what the hook said; a spawned renderer's title
    in main; "owner" for the Unix socket."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:  # then no rule of a policy could name it
            raise ValueError(
                f"there is no kind {self.kind!r}; a hook's are of kind 'hook'"
            )

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def identity_of(text: str) -> Identity | None:
    """Return who is meant by a text; None by "anonymous".

    Raises:
        ValueError: nobody is; the text says what to write.
    """
    if text == ANONYMOUS:
        return None
    kind, named, name = text.partition(":")
    if not named or kind not in KINDS:
        raise ValueError(nobody(text))
    return Identity(kind, name)


def nobody(text: str) -> str:
    """Say that a text, or pattern, is nobody's identity, and what may be meant."""
    return f"{quote(text)} is nobody: {_meant(text)}"


def _meant(text: str) -> str:
    kind, named, _ = text.partition(":")
    if kind in KINDS:
        return f"write '{kind}:NAME', or '{kind}:*' for each"
    known = ", ".join(map(repr, KINDS))
    near = get_close_matches(kind.lower(), (ANONYMOUS, *KINDS), n=1)
    if near == [ANONYMOUS]:
        return f"did you mean {ANONYMOUS!r}?"
    if near:
        return f"there is no kind {quote(kind)}; did you mean {near[0]!r}?"
    if named:
        return f"there is no kind {quote(kind)}; there is {known}"
    example = quote(f"token:{text}")
    return f"write KIND:NAME, as {example}, or {ANONYMOUS!r}; KIND is {known}"


@final
@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection shows, for an `authenticate=` hook. Its repr has no secrets."""

    peer: str
    """Where it comes from: "ipv4:127.0.0.1:40312", "ipv6:[::1]:40312", or "unix:" and
    what gRPC puts behind it."""
    authorization: str | None = field(default=None, repr=False)
    """The value of its `authorization` header, whatever the scheme."""
    certificate: tuple[str, ...] = ()
    """The names in its certificate that main's `client_ca` has signed: the subject
    alternative names, then the common name. Empty: it showed none."""
    identity: Identity | None = None
    """Who it is by its token or certificate, if main looks at these."""

    @property
    def token(self) -> str | None:
        """The token, if its `authorization` is `Bearer TOKEN`."""
        scheme, _, token = (self.authorization or "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None


OWNER: Final = Identity("unix", "owner")
"""Who comes by a Unix socket, which only main's own user may use."""

__all__ = (
    "ANONYMOUS",
    "KINDS",
    "OWNER",
    "Credentials",
    "Identity",
    "Kind",
    "identity_of",
    "nobody",
)
