"""A process that main has spawned, and the renderer in it."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from mainproc.children import leftovers
from mainproc.home import Home

if TYPE_CHECKING:
    from mainproc.sessions.invitations import Invitation
    from mainproc.web_contents import WebContents


@final
class Child:
    """A process that main has spawned, with the renderer in it.

    `mainproc.spawn` makes them. When the process ends, the renderer is destroyed at
    once, whoever else may hold its connection. When the renderer leaves or is closed,
    the process is left to end by itself; at the latest it ends with main.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        invitation: Invitation,
        on_end: Callable[[Child], object],
    ) -> None:
        self._process = process
        self._invitation = invitation
        self._on_end = on_end
        self._home = Home()
        self._ended: asyncio.Future[int] = self._home.loop.create_future()
        self._farewell: asyncio.Task[None] | None = None
        leftovers.note(self.kill)
        # asyncio could watch it, too. But uvloop forks where it spawns, which gRPC
        # does not survive in every case, and both leave zombies when they are cancelled
        # in the middle of it.
        name = f"mainproc-child-{process.pid}"
        threading.Thread(target=self._watch, name=name, daemon=True).start()

    @property
    def contents(self) -> WebContents:
        """The renderer."""
        return self._invitation.arrived.result()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, as `wait` returns it; None while the process runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for the process to end; its renderer is destroyed by then.

        Cancelling it changes nothing.

        Returns:
            The exit code; below 0: the number of the signal that ended it.
        """
        return await asyncio.shield(self._ended)

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM). Nothing happens if it has ended."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process (SIGKILL). Nothing happens if it has ended."""
        self._process.kill()

    def __repr__(self) -> str:
        code = self.returncode
        state = "runs" if code is None else f"ended with exit code {code}"
        return f"<child {self.pid}, {state}>"

    def _watch(self) -> None:
        code = self._process.wait()
        leftovers.forget(self.kill)
        self._home.later(self._exited, code)

    def _exited(self, code: int) -> None:
        self._farewell = asyncio.ensure_future(self._part(code))

    async def _part(self, code: int) -> None:
        try:
            await self._invitation.withdraw(f"the process ended with exit code {code}")
        finally:
            self._ended.set_result(code)
            self._on_end(self)
