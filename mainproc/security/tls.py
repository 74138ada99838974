"""Main's certificate."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, final

from mainproc.security.files import InvalidFile, is_open_to_others, read

logger = logging.getLogger("ipc.main")


@final
@dataclass(frozen=True, slots=True)
class TLS:
    """How main proves who it is, and whom it believes. For TCP; all files PEM.

    A Unix socket goes without: nobody but its owner can reach it.
    """

    cert: str | os.PathLike[str]
    """Main's certificate, with those of the authorities between it and the root."""
    key: str | os.PathLike[str]
    """Its private key, not encrypted."""
    client_ca: str | os.PathLike[str] | None = None
    """The authorities that sign renderers' certificates. A renderer that shows none of
    theirs does not come in; the name in it is its identity. None: none is asked for."""


class Pems(NamedTuple):
    """What the files of a `TLS` have."""

    cert: bytes
    key: bytes
    client_ca: bytes | None


def load(tls: TLS) -> Pems:
    """Read the files, and see that gRPC will be able to use them.

    gRPC itself tells of a bad one when a renderer comes, and only there.

    Raises:
        InvalidFile: one of them is none.
    """
    pems = Pems(
        read(tls.cert, "the certificate"),
        read(tls.key, "the private key"),
        None if tls.client_ca is None else read(tls.client_ca, "the client CA"),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.cert, tls.key, _no_password(tls.key))
    except ssl.SSLError as error:
        raise InvalidFile(_what_is_wrong(tls, error)) from None
    if tls.client_ca is not None:
        try:
            context.load_verify_locations(tls.client_ca)
        except ssl.SSLError:
            text = f"the client CA {tls.client_ca} is no certificate in PEM form"
            raise InvalidFile(text) from None
    if is_open_to_others(tls.key):
        logger.warning("others may read main's private key: chmod 600 %s", tls.key)
    return pems


def _no_password(key: str | os.PathLike[str]) -> Callable[[], str]:
    def ask() -> NoReturn:
        raise InvalidFile(
            f"the private key {key} is encrypted; gRPC takes it plain only: "
            f"openssl pkey -in {key} -out PLAIN"
        )

    return ask


def _what_is_wrong(tls: TLS, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the private key {tls.key} does not belong to {tls.cert}"
    return (
        f"the certificate {tls.cert} and the private key {tls.key} cannot be used: "
        f"give PEM files that begin with -----BEGIN ({error.reason or 'no PEM'})"
    )


__all__ = ("TLS", "Pems", "load")
