"""Listener tables as they were before."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from mainproc.application import app
from mainproc.ipc_main import IpcMain


@contextmanager
def isolating(ipc: IpcMain) -> Generator[IpcMain]:
    """Put everything that was registered back; see `isolated`."""
    tables = [ipc.table, app.events.table]
    before = [table.registrations() for table in tables]
    hook, warned = ipc.dispatcher.error_hook, ipc.dispatcher.warned.copy()
    policy = ipc.policy
    ipc.dispatcher.warned.clear()
    try:
        yield ipc
    finally:
        for table, registrations in zip(tables, before, strict=True):
            table.restore(registrations)
        ipc.dispatcher.error_hook = hook
        ipc.policy = policy
        ipc.dispatcher.warned.clear()
        ipc.dispatcher.warned.update(warned)


__all__ = ("isolating",)
