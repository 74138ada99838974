"""What a renderer is told when it is made, and what follows from that."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Final, Self, TypedDict

from renderer.texts import ADDRESS_VARIABLE, TOKEN_VARIABLE
from renderer.tls import TLS
from renderer.wire.errors import ConnectionClosed, quote
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.seconds import check_seconds
from renderer.wire.session import Role, Session
from renderer.wire.terms import introduction
from renderer.wire.values import Default
from renderer.workers import Job

logger = logging.getLogger("ipc.renderer")

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
"""Where a main process listens unless it is told otherwise."""

SHORTEST_DEAD_AFTER: Final = 2.0
"""Main permits a ping a second, and the answer takes its time."""

_SCHEMES: Final = frozenset({"unix", "unix-abstract", "dns", "ipv4", "ipv6"})
"""Those that gRPC's targets may begin with, and that need no server of names."""


_HARMLESS: Final = ("address", "connect_timeout")
"""Settings that do not matter to a connection that is open: it is compared by where
it goes."""


class Options(TypedDict, total=False):
    """The keyword arguments of `IpcRenderer` and `connect`, on every face."""

    title: str
    url: str
    token: str | None
    connect_timeout: float
    default: Default | None
    reconnect: bool
    dead_after: float
    tls: TLS | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The same, with what holds where nothing is said."""

    address: str | None = None
    title: str = ""
    url: str = ""
    token: str | None = field(default=None, repr=False)
    tls: TLS | None = None
    connect_timeout: float = 10.0
    default: Default | None = None
    reconnect: bool = True
    dead_after: float = 20.0

    def __post_init__(self) -> None:
        if self.token is not None and not _is_header(self.token):
            raise ValueError("a token is printable ASCII")
        _check_tls(self.tls)
        check_seconds("connect_timeout", self.connect_timeout)
        check_seconds("dead_after", self.dead_after)
        if not self.dead_after >= SHORTEST_DEAD_AFTER:
            raise ValueError(f"dead_after is {SHORTEST_DEAD_AFTER:g} s or more")

    def changed(self, address: str | None, options: Options) -> Self:
        """Return these settings, changed where something is said."""
        changed = replace(self, **options)
        return changed if address is None else replace(changed, address=address)

    def warn_of_late(self, wanted: Self) -> None:
        """Log options that an open connection does not have; it stays as it is."""
        late = [
            f"{name}="
            for name in [option.name for option in fields(self)]
            if name not in _HARMLESS and getattr(self, name) != getattr(wanted, name)
        ]
        if late:
            logger.warning(
                "connected already, by what was sent before: %s came too late and "
                "changed nothing; call connect() first",
                " and ".join(late),
            )

    @property
    def target(self) -> str:
        """The address, by the first that says one: the program, the user, nobody."""
        return self.address or os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS

    @property
    def bearer(self) -> str | None:
        """The token to show, by the first that says one; None if nobody does.

        Whoever has spawned this process says address and token in one breath: the one
        is shown at no other address.
        """
        return self.token if self.token is not None else self._spawner_token

    @property
    def encryption(self) -> TLS | None:
        """How to encrypt, by the first that says so; None: not at all.

        A Unix socket goes without: nobody but its owner can reach it.

        Raises:
            ConnectionClosed: what the environment says cannot be.
        """
        if self.target.startswith("unix"):
            return None
        return self.tls or TLS.from_environment()

    @property
    def spawned(self) -> bool:
        """This is the renderer that a main process has spawned the program for."""
        return self._spawner_token is not None

    @property
    def _spawner_token(self) -> str | None:
        if self.address or not os.environ.get(ADDRESS_VARIABLE):
            return None
        token = os.environ.get(TOKEN_VARIABLE)
        return token if token and _is_header(token) else None

    def grpc_target(self) -> str:
        """Return the address for gRPC, which is told to be quiet.

        Raises:
            ConnectionClosed: the address cannot be one.
        """
        if not _is_address(self.target):
            text = f"{quote(self.target)} is no address; give HOST:PORT or unix:PATH"
            raise ConnectionClosed(text, "not-sent")
        # What gRPC's core writes to stderr is told by our own errors.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        return self.target

    def session(self) -> Session:
        """Return a new session as these settings introduce it."""
        hello = introduction(version=_version(), url=self.url, title=self.title)
        return Session(
            Role.RENDERER, limits=DEFAULT_LIMITS, hello=hello, resume=self.reconnect
        )


class ThreadOptions(Options, total=False):
    """The keyword arguments of `IpcRenderer` and `connect`."""

    dispatch: Callable[[Job], object] | None


@dataclass(frozen=True, slots=True)
class ThreadSettings(Settings):
    """The same, with what holds where nothing is said."""

    dispatch: Callable[[Job], object] | None = None


@cache
def _version() -> str:
    # Here and not above: it takes a tenth of the time that importing `renderer` does.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("electron-ipc")
    except PackageNotFoundError:  # packed into a program, without metadata
        return ""


def _check_tls(tls: object) -> None:
    if not isinstance(tls, TLS | None):
        given = type(tls).__name__
        raise TypeError(f"tls is a TLS, as TLS(ca=FILE); given was: {given}")


def _is_header(token: str) -> bool:
    return token.isascii() and token.isprintable()


def _is_address(address: str) -> bool:
    scheme, colon, rest = address.partition(":")
    if scheme in _SCHEMES:
        return bool(rest)
    host, colon, port = address.rpartition(":")
    if "/" in host or not host.isprintable() or " " in host:
        return False  # "http://…", mostly: gRPC would look that up as a name
    return bool(colon) and port.isdecimal() and 0 < int(port) < 2**16


__all__ = (
    "DEFAULT_ADDRESS",
    "Options",
    "Settings",
    "ThreadOptions",
    "ThreadSettings",
)
