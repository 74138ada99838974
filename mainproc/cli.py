"""The command `mainproc`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from textwrap import indent
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from mainproc.clients import client
from mainproc.clients.commands import COMMANDS
from mainproc.clients.json_values import FORMS
from mainproc.config import ADDRESS_VARIABLE, DEFAULT_ADDRESS
from mainproc.program import runner, script
from mainproc.program.reminder import remind_of_nothing
from mainproc.program.runner import Settings, addresses_of, run_main
from mainproc.security.commands import policy
from mainproc.security.options import security_options, settings_of
from renderer.wire.errors import IpcError

_HELP: Final = """Electron's ipc for every language: run a main process, or talk to one.

\b
  mainproc demo                 the example of Electron's documentation
  mainproc run main.py          be the main process
  mainproc invoke add 1 2       ask it something

A renderer in Python is run by "python -m renderer page.py".
"""

_EPILOG: Final = f"""Exit codes:

\b
  0    done
  1    the other side answered with an error, or the script raised
  2    usage
  3    cannot connect, cannot listen, or the connection broke
  4    timeout
  130  Ctrl-C (while a main process ends: a second one)

Results and events are JSON. Values that JSON lacks are objects with one key:

\b
{indent(FORMS, "  ")}

An array of numbers is a list; undefined is null. An object that would look like one
of these is written as a map.

To complete commands and options in bash (or zsh, or fish):

\b
  eval "$(_MAINPROC_COMPLETE=bash_source mainproc)"
"""


class _Commands(click.Group):
    """Ends quietly by Ctrl-C, whenever it comes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(client.INTERRUPTED)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_HELP,
    epilog=_EPILOG,
)
@click.version_option(package_name="electron-ipc", prog_name="mainproc")
def main() -> None:
    """Electron's ipc for every language."""
    _fill_standard_files()


def _fill_standard_files() -> None:
    # Where one was closed, the next socket would take its place, and whoever writes
    # there writes to it; libuv aborts when it closes such a socket.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


for _command in (*COMMANDS, policy):
    main.add_command(_command)


class _Run(click.Command):
    """Takes `--trace` without a value for one, whatever stands behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ours = ["--trace=messages" if arg == "--trace" else arg for arg in args[:end]]
        return super().parse_args(ctx, ours + args[end:])


def _complete_target(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


@main.command(cls=_Run, short_help="Be the main process, with a script or module.")
@click.argument(
    "target", metavar="MAIN.PY|MODULE[:NAME]", shell_complete=_complete_target
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[ARG]…")
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDRESS",
    show_default=f"${ADDRESS_VARIABLE} or {DEFAULT_ADDRESS}",
    help="HOST:PORT or unix:PATH; port 0 takes a free one. May be given several times.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    show_default="5",
    help="How long running handlers may take to finish at the end.",
)
@click.option(
    "--ready",
    type=click.Choice(["text", "json"]),
    show_default="text",
    help="How to say that renderers may come: a line on stderr, or one line of JSON "
    '{"address", "pid"} on stdout.',
)
@click.option(
    "--exit-with-stdin",
    is_flag=True,
    default=None,
    help="End when standard input does: live and die with a parent process.",
)
@click.option(
    "--trace",
    metavar="[=frames]",
    type=click.Choice(["messages", "frames"]),
    help="Show on stderr what renderers (->) and main (<-) say: a line for each "
    "message, a reply with the milliseconds since its call; with =frames a line of "
    "JSON for each frame. Arguments are shown, secrets of the session are not.",
)
@click.option(
    "--uvloop/--no-uvloop",
    default=None,
    show_default="if installed",
    help="Use uvloop.",
)
@security_options
def run(
    target: str, args: Sequence[str], listen: Sequence[str], **options: Any
) -> None:
    """Run a script or module as the main process, until SIGINT or SIGTERM.

    The script registers listeners and handlers on `mainproc.ipc`; it is served when it
    has run to its end. NAME is that of another IpcMain in a module. ARGs are for the
    script; put -- before those that look like options.

    Example: mainproc run main.py --listen unix:/tmp/app/ipc.sock --trace
    """
    given = settings_of(options)
    if listen:
        given["listen"] = addresses_of(listen)
    runner.overrides.update(given)
    runner.in_charge = True
    try:
        ipc = script.load(target, args)
        if not (runner.has_served or ipc.served):
            remind_of_nothing(ipc, target)
            run_main(ipc, Settings(addresses_of(DEFAULT_ADDRESS)))
    except script.ScriptFailed:
        sys.exit(client.FAILED)
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from None
    except IpcError as error:
        client.complain(str(error))
        sys.exit(client.NO_CONNECTION)


@main.command(short_help="Run the example of Electron's documentation.")
@click.pass_context
@click.option(
    "--main",
    "address",
    metavar="ADDRESS",
    help="Only serve its main process, there: HOST:PORT or unix:PATH.",
)
def demo(ctx: click.Context, address: str | None) -> None:
    """Run the example of Electron's documentation: two processes, main and renderer.

    With --main, only its main process is run, for a client of your own. To see what
    that says: mainproc run mainproc.demo.main --listen ADDRESS --trace=frames
    """
    if address is not None:
        ctx.invoke(run, target="mainproc.demo.main", listen=(address,))
        return
    from mainproc import demo

    sys.exit(demo.run())
