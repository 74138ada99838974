"""Whom a renderer believes to be main, and how it proves who it is itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self, final

from renderer.texts import CA_VARIABLE, CERT_VARIABLE, KEY_VARIABLE
from renderer.wire.errors import ConnectionClosed

_CERTIFICATE: Final = "CERTIFICATE"
_KEY: Final = "PRIVATE KEY"


@final
@dataclass(frozen=True, slots=True)
class TLS:
    """How to encrypt the connection to main. For TCP addresses; all files PEM."""

    ca: str | os.PathLike[str] | None = None
    """The authorities that may have signed main's certificate; None: those that
    browsers know."""
    cert: str | os.PathLike[str] | None = None
    """The renderer's own certificate, for a main that asks for one."""
    key: str | os.PathLike[str] | None = None
    """Its private key, not encrypted."""
    server_name: str | None = None
    """The name that main's certificate must have; None: that in the address."""

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("a certificate and its key go together: cert= and key=")

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return what the environment says; None if it says nothing.

        Raises:
            ConnectionClosed: it names a certificate without a key, or the reverse.
        """
        names = (CA_VARIABLE, CERT_VARIABLE, KEY_VARIABLE)
        ca, cert, key = [os.environ.get(name) or None for name in names]
        if ca is None and cert is None and key is None:
            return None
        if (cert is None) != (key is None):
            text = f"{CERT_VARIABLE} and {KEY_VARIABLE} go together"
            raise ConnectionClosed(text, "not-sent")
        return cls(ca, cert, key)

    def load(self) -> Pems:
        """Read the files.

        Raises:
            ConnectionClosed: one cannot be read, or has not what it is for.
        """
        return Pems(
            _read(self.ca, "CA", _CERTIFICATE),
            _read(self.cert, "certificate", _CERTIFICATE),
            _read(self.key, "private key", _KEY),
        )


class Pems(NamedTuple):
    """What the files of a `TLS` have."""

    ca: bytes | None
    cert: bytes | None
    key: bytes | None


def _read(path: str | os.PathLike[str] | None, what: str, sort: str) -> bytes | None:
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        text = f"cannot connect: the {what} {path}: {error.strerror}"
        raise ConnectionClosed(text, "not-sent") from None
    if b"-----BEGIN " not in data:
        text = f"cannot connect: the {what} {path} is not in PEM form"
        raise ConnectionClosed(text, "not-sent")
    # gRPC would take it, and look in vain for a main process ever after.
    if f"{sort}-----".encode() not in data:
        text = f"cannot connect: the {what} {path} has no BEGIN {sort}: another file?"
        raise ConnectionClosed(text, "not-sent")
    return data


__all__ = ("TLS", "Pems")
