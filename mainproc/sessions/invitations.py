"""Who may come in by main's private socket: each process that main spawns, once."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, Final, final

from mainproc.security.identity import Identity
from renderer.wire.errors import AccessDenied, ConnectionClosed
from renderer.wire.frames import entitled

if TYPE_CHECKING:
    from mainproc.sessions.connection import Connection
    from mainproc.web_contents import WebContents
    from renderer.wire.link import AsyncLink

_TOKEN_BYTES: Final = 32
_MOMENT: Final = 0.1
"""Seconds between the end of a process and that of its connection, if both end."""


class Uninvited(AccessDenied):
    """Nobody who may come in here."""

    status: ClassVar[str] = "UNAUTHENTICATED"


@final
class Invitation:
    """Lets one process in, for one session. Made on main's loop.

    Args:
        title: what the renderer is called in main; empty: what it says itself.
    """

    def __init__(self, title: str) -> None:
        self.token: Final = secrets.token_urlsafe(_TOKEN_BYTES)
        """What the process shows."""
        self._loop = loop = asyncio.get_running_loop()
        self.arrived: Final[asyncio.Future[WebContents]] = loop.create_future()
        """The renderer, once it is there."""
        self.identity: Final = Identity("spawned", title)
        """Who comes by it."""
        self._title = title
        self._connection: Connection | None = None
        self._links = 0  # two for a moment, while one takes over
        self._withdrawn: asyncio.Future[None] = loop.create_future()
        self._left: asyncio.Future[None] = loop.create_future()

    # ---- the renderer ----------------------------------------------------------------

    def introduce(self, first: bytes, again: Connection | None) -> bytes:
        """Return a link's first frame as main wants to read it.

        Args:
            first: the frame.
            again: the renderer whose session the link is to resume.

        Raises:
            AccessDenied: this is not for this link.
            RemoteProtocolError: the frame says no Hello.
        """
        if self._withdrawn.done():
            raise AccessDenied("the process that main has spawned has ended")
        if self._connection is not again:
            raise AccessDenied(
                "the token was used already: a process that main has spawned gets one "
                "session, for one renderer"
            )
        return entitled(first, self._title) if self._title else first

    def accept(self, connection: Connection) -> None:
        """Note that a link of the renderer's is there; `leave` follows."""
        self._connection = connection
        self._links += 1
        if self._left.done():
            self._left = self._loop.create_future()
        if not self.arrived.done():
            self.arrived.set_result(connection.contents)

    def leave(self) -> None:
        """Note that a link of the renderer's is gone."""
        self._links -= 1
        if not self._links:
            self._left.set_result(None)

    def owns(self, session: bytes) -> bool:
        """Tell whether this is the token of the renderer's own session."""
        mine = b"" if self._connection is None else self._connection.token
        return bool(mine) and hmac.compare_digest(mine, session)

    # ---- the process -----------------------------------------------------------------

    async def withdraw(self, why: str) -> None:
        """Let nobody in any more, and the renderer be gone: its process has ended.

        What it has sent is read, if that takes no longer than a moment. Others may
        hold its connection open.

        Args:
            why: how the process ended.
        """
        connection = self._connection
        if connection is not None:
            connection.foresee(why)
        self._withdrawn.set_result(None)
        if connection is not None:
            await asyncio.wait({self._left}, timeout=_MOMENT)
            connection.destroy(why)
            await self._left

    def guarded(self, link: AsyncLink) -> AsyncLink:
        """Return a link that does not end before it is known how the process did."""
        return _ProcessLink(link, self._process_end)

    async def _process_end(self) -> None:
        connection = self._connection
        if connection is None or not connection.connected:
            return  # somebody has said Goodbye
        await asyncio.wait({self._withdrawn}, timeout=_MOMENT)
        if self._withdrawn.done():  # else it may merely send no more
            raise ConnectionClosed("the process has ended")


@final
class _ProcessLink:
    """A link that ends together with the process at its other end, or a moment later.

    A connection ends first and without a word when its process is killed, and how that
    ended is what those who wait for the renderer want to know.
    """

    def __init__(
        self, link: AsyncLink, process_end: Callable[[], Awaitable[None]]
    ) -> None:
        self._link = link
        self._process_end = process_end
        self.write = link.write

    async def read(self) -> bytes | None:
        try:
            frame = await self._link.read()
            if frame is None:
                await self._process_end()
        except asyncio.CancelledError:  # gRPC's way to say that nobody is there
            await self._process_end()
            raise
        return frame


@final
class Invitations:
    """The processes that may come in, by their tokens."""

    def __init__(self) -> None:
        self._all: set[Invitation] = set()

    def issue(self, title: str) -> Invitation:
        """Return a new invitation."""
        invitation = Invitation(title)
        self._all.add(invitation)
        return invitation

    def forget(self, invitation: Invitation) -> None:
        """Let nobody in by this invitation any more."""
        self._all.discard(invitation)

    def find(self, token: str) -> Invitation:
        """Return the invitation with this token.

        Raises:
            Uninvited: there is none.
        """
        if not token:
            raise Uninvited(
                "this address is for processes that main has spawned; such a one sends "
                "what ELECTRON_IPC_TOKEN says as its bearer token"
            )
        shown = token.encode()
        # All of them and to their ends: how long this takes tells nothing.
        found = [i for i in self._all if hmac.compare_digest(i.token.encode(), shown)]
        if not found:
            raise Uninvited(
                "the token is of no process that main has spawned, or that has ended"
            )
        return found[0]


__all__ = ("Invitation", "Invitations", "Uninvited")
