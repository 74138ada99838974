"""The commands `send`, `send-sync`, `invoke` and `listen` of `mainproc`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mainproc.clients import client
from mainproc.clients.json_values import from_json, from_word, to_json
from mainproc.clients.listening import Listening
from mainproc.clients.options import SECONDS, client_options
from renderer.wire.errors import DataCloneError

if TYPE_CHECKING:
    from renderer import IpcRenderer

_Command = TypeVar("_Command", bound=Callable[..., object])

_NUMBER: Final = re.compile(r"-[0-9.]+([eE][-+]?[0-9]+)?")
_ARGS_HELP: Final = """
    An ARG that is JSON is that value; any other is the string itself. @FILE is the
    bytes of a file, - is JSON from standard input. Quote what should be a string all
    the same: '"@home"', '"-"', '"12"'.
"""


class ClientCommand(click.Command):
    """Takes -1 for a number, and Ctrl-C for the end."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what looks like a negative number for an argument."""
        # click knows all unknown options as arguments, or none.
        ctx.ignore_unknown_options = True
        names = [name for param in self.get_params(ctx) for name in param.opts]
        for arg in args[: args.index("--")] if "--" in args else args:
            name = arg.partition("=")[0]
            if _looks_like_option(arg) and name not in names:
                near = get_close_matches(name, names)
                raise click.NoSuchOption(name, possibilities=near, ctx=ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(client.INTERRUPTED)


def _looks_like_option(arg: str) -> bool:
    return arg.startswith("-") and arg != "-" and not _NUMBER.fullmatch(arg)


class _Words:
    """Reads ARGs."""

    def __init__(self) -> None:
        self._stdin_read = False

    def value(self, word: str) -> Any:
        try:
            if word == "-":
                return self._stdin()
            if word.startswith("@"):
                return Path(word[1:]).read_bytes()
            return from_word(word)
        except OSError as error:
            raise click.UsageError(f"{word}: {error.strerror}") from None
        except ValueError as error:
            raise click.UsageError(f"{word[:40]}: {error}") from None

    def _stdin(self) -> Any:
        if self._stdin_read or sys.stdin is None:
            raise click.UsageError("-: standard input can be read once")
        self._stdin_read = True
        try:
            return from_json(sys.stdin.buffer.read())
        except ValueError as error:
            raise click.UsageError(f"standard input is not JSON: {error}") from None


def _read(channel: str, words: Sequence[str]) -> list[Any]:
    """Return the arguments of a message that can be sent.

    Raises:
        UsageError: they cannot be read, or not be sent.
    """
    from renderer.wire import messages
    from renderer.wire.listeners import checked_channel

    read = _Words()
    args = [read.value(word) for word in words]
    try:
        messages.event(checked_channel(channel), args)
    except DataCloneError as error:
        raise click.UsageError(str(error)) from None
    return args


# ---- what the commands share ---------------------------------------------------------


def _timeout(default: float | str, help: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--timeout",
        type=SECONDS,
        default=None if isinstance(default, str) else default,
        metavar="SECONDS",
        show_default=default if isinstance(default, str) else True,
        help=help,
    )


def _message(command: _Command) -> _Command:
    command = click.argument("args", nargs=-1, metavar="[ARG]…")(command)
    return click.argument("channel")(command)


# ---- the commands --------------------------------------------------------------------


@click.command(
    "send",
    cls=ClientCommand,
    short_help="Send an event.",
    help=f"""Send an event to main's listeners on CHANNEL.

    Ends when main has consumed it: its plain listeners have returned, async ones have
    started. That nobody listens is for main's log to tell, and exit code 0 here.
    {_ARGS_HELP}
    Example: mainproc send train '{{"speed": 120}}' fast""",
)
@_message
@client_options
@_timeout(10.0, "How long main may take to consume it.")
def send(
    channel: str,
    args: Sequence[str],
    way: client.Way,
    timeout: float,
) -> None:
    """Send an event."""
    values = _read(channel, args)

    def use(page: IpcRenderer) -> None:
        client.connect(page)
        page.send(channel, *values)
        page.flush(timeout)

    client.run("mainproc send", way, use)


@click.command(
    "send-sync",
    cls=ClientCommand,
    short_help="Send a sync message, print the return value.",
    help=f"""Send a sync message to main's listeners on CHANNEL; print the return value.

    The return value is one line of JSON on stdout; "mainproc --help" says how values
    look that JSON lacks.
    {_ARGS_HELP}
    Example: mainproc send-sync synchronous-message ping""",
)
@_message
@client_options
@_timeout(30.0, "How long to wait for the return value.")
def send_sync(
    channel: str,
    args: Sequence[str],
    way: client.Way,
    timeout: float,
) -> None:
    """Send a sync message."""
    values = _read(channel, args)

    def use(page: IpcRenderer) -> None:
        client.connect(page)
        client.put_line(to_json(page.send_sync(channel, *values, timeout=timeout)))

    client.run("mainproc send-sync", way, use)


@click.command(
    "invoke",
    cls=ClientCommand,
    short_help="Call a handler, print its result.",
    help=f"""Call main's handler of CHANNEL; print its result.

    The result is one line of JSON on stdout; "mainproc --help" says how values look
    that JSON lacks. Ctrl-C and the end of --timeout cancel the handler.
    {_ARGS_HELP}
    Example: mainproc invoke resize @photo.jpg '{{"width": 640}}'""",
)
@_message
@client_options
@_timeout("for ever", "How long to wait for the result.")
def invoke(
    channel: str,
    args: Sequence[str],
    way: client.Way,
    timeout: float | None,
) -> None:
    """Call a handler."""
    values = _read(channel, args)

    def use(page: IpcRenderer) -> None:
        client.connect(page)
        result = page.invoke(channel, *values, timeout=timeout).result()
        client.put_line(to_json(result))

    client.run("mainproc invoke", way, use)


@click.command(
    "listen",
    cls=ClientCommand,
    short_help="Print the events that main sends.",
    help="""Print the events that main sends to this renderer on each CHANNEL.

    One line of JSON on stdout for each, as it arrives: {"channel": …, "args": […]}.
    "mainproc --help" says how values look that JSON lacks. This is one more renderer:
    it gets what main sends to it or to all, and sees nothing of other renderers'
    traffic ("mainproc run --trace" does).

    Ends with exit code 0 when main says goodbye, after --count events, and when nobody
    reads its output any more.

    Example: mainproc listen progress done --count 1""",
)
@click.argument("channels", nargs=-1, required=True, metavar="CHANNEL…")
@client_options
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="go on",
    help="End after so many events.",
)
@_timeout("never", "Give up after so long, with exit code 4.")
def listen(
    channels: Sequence[str],
    way: client.Way,
    count: int | None,
    timeout: float | None,
) -> None:
    """Print events."""
    for channel in channels:
        _read(channel, ())
    use = Listening(channels, count, timeout)
    client.run("mainproc listen", way, use)


COMMANDS: Final = (send, send_sync, invoke, listen)

__all__ = ("COMMANDS",)
