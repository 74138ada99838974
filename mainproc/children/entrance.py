"""The private socket by which spawned processes come in."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final, final

from grpc import aio

from mainproc.address import UNIX
from mainproc.children import leftovers
from mainproc.servicer import Servicer, server_options
from mainproc.sessions import Sessions
from mainproc.sessions.invitations import Invitations
from renderer.wire.errors import IpcError

_NAME: Final = "ipc.sock"
_LONGEST_FOLDER: Final = 70
_PLAIN: Final = re.compile(rf"[/\w.~-]{{1,{_LONGEST_FOLDER}}}", re.ASCII)
"""Folders in which a socket's path is short enough, and a URI as it is."""

_END_CALLS_WITHIN: Final = 1.0


@final
class Entrance:
    """A Unix socket that nobody else can reach, for those who are invited.

    gRPC adds no address to a server that has started, so this is a server of its own.
    It is there from the first use on.

    Args:
        sessions: the renderers of the main process.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.invitations: Final = Invitations()
        self._sessions = sessions
        self._opening: asyncio.Task[str] | None = None
        self._server: aio.Server | None = None
        self._remove_folder: leftovers.Removal | None = None

    async def open(self) -> str:
        """Return its address; the first call makes it.

        Raises:
            IpcError: there is no place for it.
        """
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        # One that gives up must not leave a server behind that is half open.
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Close and remove it."""
        if self._opening is not None:
            await asyncio.wait({self._opening})
        if self._server is not None:
            await self._server.stop(_END_CALLS_WITHIN)
        if self._remove_folder is not None:
            self._remove_folder()
            leftovers.forget(self._remove_folder)

    async def _open(self) -> str:
        folder = _private_folder()
        remove = functools.partial(shutil.rmtree, folder, ignore_errors=True)
        self._remove_folder = remove
        leftovers.note(remove)
        address = f"{UNIX}{folder}/{_NAME}"
        self._server = aio.server(options=server_options(self._sessions.ipc.limits))
        servicer = Servicer(self._sessions, invitations=self.invitations)
        self._server.add_generic_rpc_handlers((servicer.handler(),))
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise IpcError(f"cannot listen on {address}: {error}") from None
        await self._server.start()
        return address


def _private_folder() -> str:
    for parent in (tempfile.gettempdir(), "/tmp"):
        if _PLAIN.fullmatch(parent) and os.access(parent, os.W_OK):
            return tempfile.mkdtemp(prefix="electron-ipc-", dir=Path(parent).resolve())
    raise IpcError(
        f"there is no place for a socket in {tempfile.gettempdir()}; "
        f"set TMPDIR to a path of at most {_LONGEST_FOLDER} plain characters"
    )
