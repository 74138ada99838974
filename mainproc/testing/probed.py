"""What the probes of both faces have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar, final

from mainproc.testing.links import MainEnd
from mainproc.testing.record import Record
from mainproc.web_contents import WebContents
from renderer.carrier import LinkBroken
from renderer.wire.errors import ConnectionClosed
from renderer.wire.link import Fate


class RendererEnd(Protocol):
    """A renderer's end of a link in memory."""

    main_end: MainEnd


L = TypeVar("L", bound=RendererEnd)


@final
class Links(Generic[L]):
    """The links of a probe, as far as they matter."""

    def __init__(self) -> None:
        self.severed = False
        """No link is made: the last one was cut for good."""
        self._links: list[L] = []

    def check(self) -> None:
        """Raise LinkBroken if no link is made."""
        if self.severed:
            raise LinkBroken("the link was cut for good", "not-sent", Fate.GIVE_UP)

    def add(self, link: L) -> None:
        """Note a new link. The one before matters until this one is admitted."""
        admitted = [old for old in self._links if old.main_end.connection is not None]
        self._links = [*admitted[-1:], link]

    @property
    def current(self) -> L:
        """The link of the session that there is, or was last.

        Raises:
            ConnectionClosed: there was none.
        """
        for link in reversed(self._links):
            if link.main_end.connection is not None:
                return link
        raise ConnectionClosed("it was never connected")


class Probed:
    """A renderer whose link to main is memory."""

    _record: Record

    @property
    def _end(self) -> MainEnd:
        raise NotImplementedError

    @property
    def contents(self) -> WebContents:
        """What main has of this renderer: `event.sender` of what it sends.

        The test may call its `send` and `invoke`, too. After another `connect` it is a
        new one.
        """
        connection = self._end.connection
        assert connection is not None
        return connection.contents

    @property
    def received(self) -> Sequence[tuple[str, tuple[Any, ...]]]:
        """Every event main sent, in order, as (channel, args), listeners or not.

        An event is here as soon as it has arrived, before its listeners are called.
        What a handler sends before it returns is here when its result is.
        """
        return list(self._record.events)


__all__ = ("Links", "Probed", "RendererEnd")
