"""The command `mainproc`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from mainproc import runner, script
from mainproc.config import DEFAULT_ADDRESS
from mainproc.runner import Settings, addresses_of, run_main
from renderer.wire.errors import IpcError

_FAILED, _CANNOT_CONNECT, _INTERRUPTED = 1, 3, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="electron-ipc", prog_name="mainproc")
def main() -> None:
    r"""Electron's ipc for every language: run a main process.

    \b
    Exit codes: 0; 1 the script raised; 2 usage; 3 cannot listen; 130 told to stop
    twice.
    """


class _Run(click.Command):
    """Takes `--trace` without a value for one, whatever stands behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ours = ["--trace=messages" if arg == "--trace" else arg for arg in args[:end]]
        return super().parse_args(ctx, ours + args[end:])


@main.command(cls=_Run)
@click.argument("target", metavar="MAIN.PY|MODULE[:NAME]")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDR",
    help="HOST:PORT or unix:PATH; port 0 takes a free one. May be given several times. "
    f"Default: $ELECTRON_IPC_ADDRESS or {DEFAULT_ADDRESS}.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long running handlers may take to finish at the end. Default: 5.",
)
@click.option(
    "--ready",
    type=click.Choice(["text", "json"]),
    help="How to say that renderers may come: a line on stderr, or one line of JSON "
    '{"address", "pid"} on stdout. Default: text.',
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
    "message; with =frames a line of JSON for each frame.",
)
@click.option("--uvloop/--no-uvloop", default=None, help="Default: if installed.")
def run(
    target: str, args: Sequence[str], listen: Sequence[str], **options: Any
) -> None:
    """Run a script or module as the main process, until SIGINT or SIGTERM.

    The script registers listeners and handlers on `mainproc.ipc`; it is served when it
    has run to its end. ARGS are for the script; put -- before those that look like
    options.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if listen:
        given["listen"] = addresses_of(listen)
    runner.overrides.update(given)
    runner.in_charge = True
    try:
        ipc = script.load(target, args)
        if not (runner.has_served or ipc.served):
            run_main(ipc, Settings(addresses_of(DEFAULT_ADDRESS)))
    except script.ScriptFailed:
        sys.exit(_FAILED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from None
    except IpcError as error:
        _stop(_CANNOT_CONNECT, error)


@main.command()
@click.option(
    "--main",
    "address",
    metavar="ADDRESS",
    help="Only serve the demo's main process there, for a client of your own.",
)
def demo(address: str | None) -> None:
    """Run Electron's example: a main process and a renderer, two child processes."""
    from mainproc import demo

    sys.exit(demo.run(address))


def _stop(code: int, error: Exception) -> None:
    click.echo(f"mainproc: {error}", err=True)
    sys.exit(code)
