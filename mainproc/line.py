"""The way to a renderer: what its `WebContents` needs of its session."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from mainproc import overflow
from renderer.reply import Reply
from renderer.wire.parcel import Parcel


class Line(overflow.Line, Protocol):
    """The way to a renderer."""

    @property
    def open(self) -> bool:
        """Messages may be put on its session."""
        ...

    @property
    def connected(self) -> bool:
        """A link carries them at once."""
        ...

    def ask(
        self, id: int, channel: str, parcel: Parcel, timeout: float | None
    ) -> Reply[Any]:
        """Send a call, from any thread.

        Raises:
            ConnectionClosed: its session is over.
            Overloaded: its window is full.
            PayloadTooLarge: it does not take messages of this size.
        """
        ...

    def destroy(self, why: str) -> None:
        """End its session and its link at once; on main's loop."""
        ...

    def close(self, reason: str) -> None:
        """Say Goodbye, from any thread."""
        ...

    def room(self) -> asyncio.Future[None]:
        """Return a future that is done when its window has room, or it is gone."""
        ...


__all__ = ("Line",)
