"""The options that all client commands share: how to get to main."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from mainproc.clients.client import Way
from mainproc.config import (
    ADDRESS_VARIABLE,
    CA_VARIABLE,
    CERT_VARIABLE,
    DEFAULT_ADDRESS,
    KEY_VARIABLE,
    TOKEN_FILE_VARIABLE,
)
from mainproc.security.files import InvalidFile
from mainproc.security.tokens import first_token


class _Seconds(click.FloatRange):
    """Seconds, maybe infinitely many."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail("NaN is no number of seconds.", param, ctx)
        return number


SECONDS: Final = _Seconds(min=0)


def client_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options to a command, which gets them as `way`."""

    @functools.wraps(command)
    def with_way(
        address: str,
        connect_timeout: float,
        token_file: str | None,
        tls_ca: str | None,
        tls_cert: str | None,
        tls_key: str | None,
        **others: Any,
    ) -> object:
        try:
            token = first_token(token_file) if token_file else None
        except InvalidFile as error:
            raise click.UsageError(str(error)) from None
        tls = _tls(tls_ca, tls_cert, tls_key)
        return command(way=Way(address, connect_timeout, token, tls), **others)

    decorated: Callable[..., object] = with_way
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _tls(ca: str | None, cert: str | None, key: str | None) -> Any:
    if not (ca or cert or key):
        return None
    if bool(cert) != bool(key):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    for path in filter(None, (ca, cert, key)):
        if not Path(path).is_file():
            raise click.UsageError(f"{path}: No such file")
    from renderer import TLS

    return TLS(ca, cert, key)


def _file(name: str, variable: str, help: str) -> Callable[..., Any]:
    return click.option(
        name,
        type=click.Path(dir_okay=False),
        metavar="FILE",
        envvar=variable,
        show_envvar=True,
        help=help,
    )


_OPTIONS: Final = (
    click.option(
        "--main",
        "address",
        metavar="ADDRESS",
        envvar=ADDRESS_VARIABLE,
        default=DEFAULT_ADDRESS,
        show_default=True,
        show_envvar=True,
        help="Where the main process is: HOST:PORT or unix:PATH.",
    ),
    click.option(
        "--connect-timeout",
        type=SECONDS,
        default=2.0,
        metavar="SECONDS",
        show_default=True,
        help="How long to wait for a main process to appear.",
    ),
    _file("--token-file", TOKEN_FILE_VARIABLE, "Show main the first token in there."),
    _file(
        "--tls-ca",
        CA_VARIABLE,
        "Encrypt, and talk to nobody but a main whose certificate these authorities "
        "have signed.",
    ),
    _file("--tls-cert", CERT_VARIABLE, "Encrypt, and show main this certificate."),
    _file("--tls-key", KEY_VARIABLE, "The private key for it."),
)

__all__ = ("SECONDS", "client_options")
