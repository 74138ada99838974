"""A renderer, as the main process sees it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import weakref
from typing import TYPE_CHECKING, Final, Protocol, final

from renderer.wire import messages
from renderer.wire.errors import Overloaded
from renderer.wire.listeners import ListenerTable, checked_channel
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default

if TYPE_CHECKING:
    from mainproc.home import Home
    from mainproc.work import Work

logger = logging.getLogger("ipc.main")

_ids: Final = itertools.count(1)
_all: Final[weakref.WeakValueDictionary[int, WebContents]] = (
    weakref.WeakValueDictionary()
)
_TITLE_QUOTED: Final = 40

_warned: Final[set[str]] = set()
_CHANNELS_REMEMBERED: Final = 1_000


def _warn_of_one_shot(channel: str) -> None:
    if channel in _warned or len(_warned) >= _CHANNELS_REMEMBERED:
        return
    _warned.add(channel)
    logger.warning(
        "an event on %r was not sent: its renderer has no session, only a send_sync; "
        "it gets events when it calls connect() first",
        channel,
    )


class Line(Protocol):
    """The way to a renderer."""

    @property
    def backlog(self) -> str:
        """What waits for its ack, for people."""
        ...

    @property
    def open(self) -> bool:
        """Messages may be put on its session."""
        ...

    def send(self, parcel: Parcel) -> bool:
        """Put a message on its session, from any thread; False if that is over.

        Raises:
            Overloaded: its window is full.
            PayloadTooLarge: it does not take messages of this size.
        """
        ...

    def close(self, reason: str) -> None:
        """Say Goodbye, from any thread."""
        ...

    def room(self) -> asyncio.Future[None]:
        """Return a future that is done when its window has room, or it is gone."""
        ...


@final
class WebContents:
    """A renderer: where its messages come from, and where to send some back.

    Attributes:
        id: unique in this process and never used again.
        title: what the renderer calls itself; may be empty.
        url: what it shows; may be empty.
    """

    __slots__ = (
        "__weakref__",
        "_default",
        "_line",
        "home",
        "id",
        "own_table",
        "title",
        "url",
        "work",
    )

    home: Home
    work: Work

    def __init__(self, *, title: str, url: str, default: Default | None) -> None:
        self.id = next(_ids)
        self.title = title
        self.url = url
        self.own_table: ListenerTable | None = None
        self._default = default
        self._line: Line | None = None

    def connect_line(self, line: Line) -> None:
        """Say how messages get to this renderer; one-shots have no way."""
        self._line = line
        _all[self.id] = self

    def send(self, channel: str, /, *args: object) -> bool:
        """Send an event to this renderer's listeners.

        Events and replies to one renderer arrive in the order in which they were sent,
        each once. May be called from any thread. When the renderer is gone, or was only
        a one-shot `SendSync`, nothing is sent (Electron v0.33 does the same).

        Args:
            channel: the event's name.
            args: values of any type that has a form on the wire.

        Returns:
            Whether the message was accepted; False if the renderer is destroyed.

        Raises:
            DataCloneError: an argument cannot be carried; nothing was sent.
            Overloaded: the renderer does not keep up, its window is full.
            PayloadTooLarge: the message is larger than the renderer takes.
        """
        parcel = messages.event(checked_channel(channel), args, self._default)
        if self._line is None:
            _warn_of_one_shot(channel)
            return False
        try:
            return self._line.send(parcel)
        except Overloaded:
            raise Overloaded(
                f"{self._line.backlog} wait for {self}; await contents.drain()"
            ) from None

    async def drain(self) -> None:
        """Wait until the renderer's window has room again, or it is gone.

        Cancelling it changes nothing.
        """
        if self._line is not None:
            await self._line.room()

    def is_destroyed(self) -> bool:
        """Tell whether the renderer is gone for good."""
        return self._line is None or not self._line.open

    def close(self, reason: str = "") -> None:
        """Say Goodbye to the renderer and destroy it. What was sent before goes first.

        Args:
            reason: told to the renderer.
        """
        if self._line is not None:
            self._line.close(reason)

    @classmethod
    def from_id(cls, id: int) -> WebContents | None:
        """Return the renderer with this id; None if there is none any more."""
        contents = _all.get(id)
        return None if contents is None or contents.is_destroyed() else contents

    @classmethod
    def get_all(cls) -> list[WebContents]:
        """Return all renderers of this process, those of every `IpcMain`."""
        # A copy at once: another thread may connect one meanwhile.
        alive = [reference() for reference in _all.valuerefs()]
        return [c for c in alive if c is not None and not c.is_destroyed()]

    def __str__(self) -> str:
        title = self.title[:_TITLE_QUOTED]
        return f"renderer {self.id} {title!r}" if title else f"renderer {self.id}"

    def __repr__(self) -> str:
        return f"<{self}>"
