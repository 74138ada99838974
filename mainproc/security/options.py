"""The options of `mainproc run` about who may come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from mainproc.config import TOKEN_FILE_VARIABLE
from mainproc.security.tls import TLS

_Command = TypeVar("_Command", bound=Callable[..., object])

FILE: Final = click.Path(dir_okay=False)
"""Whether it is there is for whoever reads it to tell."""


def security_options(command: _Command) -> _Command:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS: Final = (
    click.option(
        "--tls-cert",
        type=FILE,
        metavar="FILE",
        help="Main's certificate, PEM. Other machines reach main by TLS only.",
    ),
    click.option(
        "--tls-key", type=FILE, metavar="FILE", help="The private key for it, PEM."
    ),
    click.option(
        "--tls-client-ca",
        type=FILE,
        metavar="FILE",
        help="Let in only who shows a certificate that these authorities have signed.",
    ),
    click.option(
        "--token-file",
        type=FILE,
        envvar=TOKEN_FILE_VARIABLE,
        show_envvar=True,
        metavar="FILE",
        help="Let in only who shows one of these tokens: a line for each, TOKEN or "
        "NAME TOKEN.",
    ),
    click.option(
        "--policy",
        type=FILE,
        metavar="FILE",
        help="What renderers may do, TOML: see mainproc policy --help.",
    ),
    click.option(
        "--mask-errors",
        is_flag=True,
        default=None,
        help="Do not tell renderers what a listener or handler raised, but a reference "
        "to the log.",
    ),
    click.option(
        "--insecure-plaintext-from-anywhere",
        is_flag=True,
        default=None,
        help="Listen also where other machines can read and send everything.",
    ),
)


def settings_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said with options, by the names that `runner.Settings` has.

    Raises:
        UsageError: one does not go without another.
    """
    given = {name: value for name, value in options.items() if value is not None}
    cert = given.pop("tls_cert", None)
    key = given.pop("tls_key", None)
    client_ca = given.pop("tls_client_ca", None)
    if cert and key:
        given["tls"] = TLS(cert, key, client_ca)
    elif client_ca and not (cert or key):
        raise click.UsageError("--tls-client-ca goes with --tls-cert and --tls-key.")
    elif cert or key:
        raise click.UsageError("--tls-cert and --tls-key go together.")
    return given


__all__ = ("FILE", "security_options", "settings_of")
