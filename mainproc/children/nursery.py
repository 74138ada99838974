"""The processes that a main process spawns: how they begin, how all of them end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.children.child import Child
from mainproc.config import ADDRESS_VARIABLE, TOKEN_VARIABLE
from renderer.wire.errors import (
    ConnectionClosed,
    IpcError,
    IpcTimeout,
    printable,
    quote,
)

if TYPE_CHECKING:
    from mainproc.children.entrance import Entrance
    from mainproc.sessions.invitations import Invitation

logger = logging.getLogger("ipc.main")

_KILL_AFTER: Final = 1.0
"""Seconds that a process has to end when it is told to."""
_BURY_WITHIN: Final = 5.0

_nurseries: Final[list[Nursery]] = []
"""Those of all main processes that serve."""


async def spawn(
    argv: Sequence[str | os.PathLike[str]],
    *,
    title: str = "",
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    timeout: float = 30.0,
) -> Child:
    """Start a program that is a renderer, and wait until it has connected.

        worker = await mainproc.spawn([sys.executable, "worker.py"], title="worker 1")
        worker.contents.send("work", 42)

    The program finds main by itself: its environment says where a private socket is
    (`ELECTRON_IPC_ADDRESS`) and carries a token (`ELECTRON_IPC_TOKEN`) that lets it in
    once. A Python program with `from renderer import ipc` needs no more than to use it.
    Its standard input is empty; what it prints goes where main's goes.

    It belongs to the main process that serves on the running loop, the latest if there
    are several. When that stops, it says Goodbye to the child, sends SIGTERM if it has
    not ended within the grace, and SIGKILL a second later. A main that is killed itself
    can do none of this: a child then notices that its connection is gone.

    Cancelling it kills the child.

    Args:
        argv: the program and its arguments.
        title: `contents.title`, whatever the child says of itself; empty: what it says.
        env: added to main's own environment.
        cwd: the directory to run it in; None: main's own.
        timeout: seconds it has to connect; then it is killed.

    Raises:
        OSError: the program cannot be run.
        IpcTimeout: it has not connected in time.
        IpcError: it has ended before it connected; or no main process is served on
            this loop.
        ConnectionClosed: main stops.
    """
    loop = asyncio.get_running_loop()
    for nursery in reversed(_nurseries):
        if nursery.loop is loop:
            break
    else:
        raise IpcError(
            "no main process is served on this loop; spawn from a listener or handler, "
            "or inside `async with mainproc.serve()`"
        )
    if isinstance(argv, (str, bytes)):
        raise TypeError("argv is a list, the program and its arguments, not a str")
    if not argv:
        raise ValueError("argv is empty: it begins with the program")
    return await nursery.spawn(
        [os.fspath(word) for word in argv],
        title=printable(title),
        env=env or {},
        cwd=cwd,
        timeout=timeout,
    )


@final
class Nursery:
    """The spawned processes of one main process. Made on its loop.

    Args:
        entrance: where they come in.
    """

    def __init__(self, entrance: Entrance) -> None:
        self.loop = asyncio.get_running_loop()
        self._entrance = entrance
        self._children: dict[Child, Invitation] = {}
        self._closed = False

    def open(self) -> None:
        """Let `spawn` find this."""
        _nurseries.append(self)

    # ---- the beginning ---------------------------------------------------------------

    async def spawn(
        self,
        words: Sequence[str],
        *,
        title: str,
        env: Mapping[str, str],
        cwd: str | os.PathLike[str] | None,
        timeout: float,
    ) -> Child:
        """Start a process and wait until it has connected; see `mainproc.spawn`."""
        address = await self._entrance.open()
        self._check_open()
        invitation = self._entrance.invitations.issue(title)
        own = {ADDRESS_VARIABLE: address, TOKEN_VARIABLE: invitation.token}
        try:
            child = self._start(words, {**os.environ, **env, **own}, cwd, invitation)
        except BaseException:
            self._entrance.invitations.forget(invitation)
            raise
        exited, arrived = asyncio.ensure_future(child.wait()), invitation.arrived
        either: list[asyncio.Future[Any]] = [exited, arrived]
        try:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait(either, timeout=timeout, return_when=first)
            if not arrived.done():
                self._check_open()
                raise _never_came(words, child.returncode, timeout)
        finally:
            exited.cancel()
            if not arrived.done():
                child.kill()
                await child.wait()
        return child

    def _start(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        cwd: str | os.PathLike[str] | None,
        invitation: Invitation,
    ) -> Child:
        null = subprocess.DEVNULL  # what comes to main there is main's
        process = subprocess.Popen(words, stdin=null, env=env, cwd=cwd)
        child = Child(process, invitation, self._forget)
        self._children[child] = invitation
        logger.info("spawned process %d: %s", child.pid, quote(words[0]))
        return child

    def _forget(self, child: Child) -> None:
        self._entrance.invitations.forget(self._children.pop(child))
        logger.info("process %d ended with exit code %s", child.pid, child.returncode)

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionClosed("main stops", "not-sent")

    # ---- the end ---------------------------------------------------------------------

    def close(self) -> None:
        """Spawn nothing more; end what has not connected yet."""
        self._closed = True
        for child, invitation in self._children.items():
            if not invitation.arrived.done():
                _tell(child.kill)

    async def stop(self, until: float) -> None:
        """End all processes, and close their entrance.

        Cancelling it kills them.

        Args:
            until: the loop's time at which one that has not ended by itself is told to.
        """
        self.close()
        try:
            await self._wait(until)
            for child in self._children:
                _tell(child.terminate)
            await self._wait(self.loop.time() + _KILL_AFTER)
        finally:
            for child in self._children:
                _tell(child.kill)
            if self in _nurseries:
                _nurseries.remove(self)
        await self._wait(self.loop.time() + _BURY_WITHIN)
        await self._entrance.close()

    async def _wait(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await asyncio.gather(*[child.wait() for child in self._children])
        except TimeoutError:
            pass  # then it is told to


def _tell(end: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):  # it has another user's rights
        end()


def _never_came(words: Sequence[str], code: int | None, timeout: float) -> IpcError:
    line = _line(words)
    if code is None:
        return IpcTimeout(f"{line} has not connected within {timeout:g} s; killed")
    text = f"{line} ended with exit code {code} before it connected"
    if not code:
        text += "; a renderer stays with `ipc.wait()`, or run by `python -m renderer`"
    return IpcError(text)


def _line(words: Sequence[str]) -> str:
    return quote(shlex.join(words))


__all__ = ("Nursery", "spawn")
