"""The command `mainproc policy`."""

from __future__ import annotations

import sys
from typing import Final

import click

from mainproc.security.files import InvalidFile
from mainproc.security.identity import ANONYMOUS, identity_of
from mainproc.security.options import FILE
from mainproc.security.policy import Policy
from mainproc.security.rules import ACTIONS, Action
from renderer.wire.errors import quote

_NO: Final = 1
_HELP: Final = """Look at the file of "mainproc run --policy FILE".

A policy is TOML, a table for each rule. Rules only allow; what none of them allows
is refused, so that an empty file refuses everything:

\b
  [[rule]]
  identity = ["token:kiosk", "certificate:*.example"]
  send = "log.*"
  invoke = ["add", "db/*"]
  receive = "*"

\b
identity  KIND:NAME of "token", "certificate", "hook", "spawned" (NAME is the
          title), "unix:owner", or "anonymous" for those who are not asked
send      channels on which they may send events to main
sync      channels on which they may send sync messages
invoke    channels whose handlers they may invoke
receive   channels on which main may send events to them
handle    channels on which main may invoke them

Each is a pattern or a list of patterns: * is any run of characters, none included;
all else is itself.
"""


@click.group(help=_HELP, short_help="Look at what renderers may do.")
def policy() -> None:
    """Look at what renderers may do."""


@policy.command(short_help="Say whether a policy is one, and what it allows.")
@click.argument("file", type=FILE)
@click.option(
    "--identity",
    metavar="IDENTITY",
    show_default=ANONYMOUS,
    help="Who wants to do something, as KIND:NAME.",
)
@click.option("--action", type=click.Choice(ACTIONS), help="What.")
@click.option("--channel", metavar="CHANNEL", help="On which channel.")
def check(
    file: str, identity: str | None, action: Action | None, channel: str | None
) -> None:
    """Say whether FILE is a policy and, if asked, whether it allows something.

    Exit codes: 0 it is, and does; 1 it does not allow it; 2 it is none.

    Example: mainproc policy check policy.toml --identity token:kiosk --action invoke
    --channel db/read
    """
    try:
        found = Policy.load(file)
    except InvalidFile as error:
        raise click.UsageError(str(error)) from None
    if action is None and channel is None:
        if identity is not None:
            raise click.UsageError("--identity goes with --action and --channel.")
        count = len(found.rules)
        click.echo(f"{file}: {count} rule{'s' * (count != 1)}")
        return
    if action is None or channel is None:
        raise click.UsageError("--action and --channel go together.")
    who = identity or ANONYMOUS
    try:
        identity_of(who)
    except ValueError as error:
        raise click.UsageError(f"--identity {error}") from None
    reason = found.reason(who, action, channel)
    asked = f"{action} on {quote(channel)} by {quote(who)}"
    if reason is None:
        click.echo(f"refused: {asked}: no rule allows it")
        sys.exit(_NO)
    rule, pattern = reason
    click.echo(f"allowed: {asked}: {quote(pattern)} in {rule.place(action)}")


__all__ = ("policy",)
