"""A word to those whose script serves nobody, or has nothing to serve."""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

from mainproc.application import app
from mainproc.ipc_main import IpcMain
from mainproc.program import runner


def remind_at_exit(ipc: IpcMain) -> None:
    """Say, when the interpreter ends, that listeners were registered for nothing.

    Not when an exception ends it: that is what there is to say then. Nor under
    `mainproc run`, which serves.
    """
    # Asked now: Python takes the name away when the script has ended.
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is not None:
        atexit.register(_remind, ipc, Path(script).name)


def _remind(ipc: IpcMain, name: str) -> None:
    channels = {r.channel for r in ipc.table.registrations() if _is_of_script(r.fn)}
    failed = getattr(sys, "last_value", None) is not None
    if runner.in_charge or ipc.served or failed or not channels:
        return
    count = f"{len(channels)} channel{'s' * (len(channels) != 1)}"
    sys.stderr.write(
        f"mainproc: {name} registered {count} but never ran; end it with "
        f"mainproc.run() or start it with 'mainproc run {name}'\n"
    )


def remind_of_nothing(ipc: IpcMain, target: str) -> None:
    """Say that what is about to be served has no listener and no handler.

    Most often they are on another `IpcMain` than the one that is served. Whoever
    listens to the application may register them when a renderer comes.
    """
    if ipc.table.registrations() or app.events.table.registrations():
        return
    sys.stderr.write(
        f"mainproc: {target} has registered no listener and no handler on the IpcMain "
        "that is served; another one is served by 'mainproc run MODULE:NAME'\n"
    )


def _is_of_script(fn: object) -> bool:
    # Listeners of imported modules may belong to a program that serves otherwise.
    return getattr(fn, "__module__", None) == "__main__"
