"""The main process: Electron's `ipc`, served to renderers in any language.

    from mainproc import ipc

    @ipc.on("synchronous-message")
    def _(event, arg):
        event.return_value = "pong"

Start it with `mainproc run main.py`, or end the script with `mainproc.run()`.
Importing this opens nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from mainproc.application import App, app
from mainproc.channels import Handler, Listener
from mainproc.children.child import Child
from mainproc.children.nursery import spawn
from mainproc.config import DEFAULT_ADDRESS
from mainproc.events import IpcMainEvent, IpcMainInvokeEvent
from mainproc.groups import Answers, Group
from mainproc.ipc_main import IpcMain
from mainproc.overflow import OverflowPolicy
from mainproc.program.reminder import remind_at_exit
from mainproc.program.runner import (
    Ready,
    Settings,
    addresses_of,
    run_or_exit,
    serve_main,
)
from mainproc.security.authenticator import Authenticate
from mainproc.security.measures import Measures
from mainproc.security.policy import Policy
from mainproc.security.tls import TLS
from mainproc.web_contents import WebContents
from renderer.reply import Reply
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    DataCloneError,
    DuplicateHandler,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    NoHandler,
    NoListener,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    RemoteError,
    RemoteProtocolError,
    ReplyNeverSent,
)
from renderer.wire.limits import Limits
from renderer.wire.listeners import Subscription

if TYPE_CHECKING:
    from mainproc.server import MainProcess

ipc = IpcMain()
"""The `ipc` of this process."""
remind_at_exit(ipc)


def run(
    ipc: IpcMain = ipc,
    /,
    *,
    listen: str | Sequence[str] = DEFAULT_ADDRESS,
    grace: float = 5.0,
    ready: Ready = "text",
    exit_with_stdin: bool = False,
    uvloop: bool | None = None,
    tls: TLS | None = None,
    token_file: str | os.PathLike[str] | None = None,
    authenticate: Authenticate | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
    insecure_plaintext_from_anywhere: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM, then say Goodbye to all renderers.

    Nothing more is dispatched after the signal; handlers that run may finish within
    the grace. A second signal ends the process at once.

    Args:
        ipc: whose listeners and handlers serve the renderers.
        listen: `HOST:PORT` or `unix:PATH`, or several; port 0 takes a free one. The
            default follows `ELECTRON_IPC_ADDRESS`.
        grace: seconds that running handlers may take to finish at the end.
        ready: how to say that renderers may come: a line for people on stderr, or
            one of JSON, `{"address", "pid"}`, on stdout.
        exit_with_stdin: end, too, when standard input does.
        uvloop: use uvloop; None: if it is installed.
        tls: as for `serve`, as are the others.
        token_file: so.
        authenticate: so.
        policy: so.
        insecure_plaintext_from_anywhere: so.

    Raises:
        SystemExit: code 3, after a line on stderr: an address is in use, or cannot be
            listened on, or is open to more people than was said to be wanted; or a file
            cannot be used.
        RuntimeError: a loop runs here already, or this is not the main thread: use
            `serve` there. Or pytest is looking for tests: put it under
            `if __name__ == "__main__":`.
    """
    settings = Settings(
        addresses_of(listen),
        grace,
        ready,
        exit_with_stdin,
        uvloop,
        tls=tls,
        token_file=token_file,
        authenticate=authenticate,
        insecure_plaintext_from_anywhere=insecure_plaintext_from_anywhere,
        policy=policy,
    )
    run_or_exit(ipc, settings)


def serve(
    ipc: IpcMain = ipc,
    /,
    *,
    listen: str | Sequence[str] = DEFAULT_ADDRESS,
    grace: float = 5.0,
    tls: TLS | None = None,
    token_file: str | os.PathLike[str] | None = None,
    authenticate: Authenticate | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
    insecure_plaintext_from_anywhere: bool = False,
) -> AbstractAsyncContextManager[MainProcess]:
    """Serve while a block runs, in a program that has an event loop of its own.

        async with mainproc.serve(listen="127.0.0.1:0") as main:
            print(main.address)

    Installs no signal handlers and prints nothing. Leaving the block, also by
    cancelling, says Goodbye to all renderers.

    Args:
        ipc: whose listeners and handlers serve the renderers.
        listen: as for `run`; `()` opens no socket.
        grace: as for `run`.
        tls: main's certificate, for its TCP addresses. An address that other machines
            reach is refused without.
        token_file: a file with the tokens of which a renderer must show one; only its
            owner may read it. None: what ELECTRON_IPC_TOKEN_FILE says; else none is
            asked for.
        authenticate: called on main's loop with the `Credentials` of each connection
            and of each sync message outside of one; what it returns, an `Identity` or
            its name, is `event.sender.identity`. None refuses, and so does raising. It
            may be `async def`, and then has 10 seconds.
        policy: what renderers may do, or the TOML file that says it: becomes
            `ipc.policy`. None: what that is already.
        insecure_plaintext_from_anywhere: listen also where other machines can read and
            send everything.

    Raises:
        CannotListen: on entering: an address is in use, or cannot be listened on, or
            is open to more people than was said to be wanted; or a file cannot be used.
    """
    measures = Measures(
        tls, token_file, authenticate, insecure_plaintext_from_anywhere, policy
    )
    return serve_main(ipc, listen, grace, measures)


def __getattr__(name: str) -> Any:
    # The class of what `serve` yields comes with gRPC, which is loaded when needed.
    if name == "MainProcess":
        from mainproc.server import MainProcess

        return MainProcess
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = (
    "DEFAULT_ADDRESS",
    "AccessDenied",
    "Answers",
    "App",
    "Child",
    "ConnectionClosed",
    "DataCloneError",
    "DuplicateHandler",
    "Group",
    "Handler",
    "IpcError",
    "IpcMain",
    "IpcMainEvent",
    "IpcMainInvokeEvent",
    "IpcTimeout",
    "Limits",
    "Listener",
    "LocalProtocolError",
    "MainProcess",
    "NoHandler",
    "NoListener",
    "OverflowPolicy",
    "Overloaded",
    "PayloadTooLarge",
    "ProtocolError",
    "RemoteError",
    "RemoteProtocolError",
    "Reply",
    "ReplyNeverSent",
    "Subscription",
    "WebContents",
    "app",
    "ipc",
    "run",
    "serve",
    "spawn",
)
