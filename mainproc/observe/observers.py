"""All who observe one `IpcMain`, and what they are told."""

from __future__ import annotations

import logging
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterable
from contextvars import Context
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from mainproc.observe.log import LoggingObserver
from mainproc.observe.observer import (
    CallEnd,
    Direction,
    Kind,
    ObservedCall,
    Observer,
    Outcome,
    Refusal,
)
from renderer.wire import messages
from renderer.wire.errors import IpcError
from renderer.wire.events import Arrived, Cancelled, GivenUp, Replied, SessionEvent
from renderer.wire.failures import log_info
from renderer.wire.glance import glance
from renderer.wire.parcel import Parcel

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents

logger = logging.getLogger("ipc.main")

_RAISED: Final = (Exception, CancelledError)
"""CancelledError, because who looks at a cancelled future may let it out."""


@final
class Observers:
    """Those who observe. Whoever has something to tell asks for `each` first."""

    __slots__ = ("_blamed", "_lock", "each")

    def __init__(self) -> None:
        self.each: tuple[Observer, ...] = ()
        """They, in the order of registration; mostly nobody."""
        self._lock = threading.Lock()
        self._blamed: list[Observer] = []  # those that have raised

    def add(self, observer: object) -> Callable[[], None]:
        """Tell one more, from now on; return what ends that."""
        if not isinstance(observer, Observer):
            raise TypeError(f"{observer!r} is no Observer: derive its class from that")
        with self._lock:
            self.each = (*self.each, observer)
        there = True

        def remove() -> None:
            nonlocal there
            with self._lock:
                if there:
                    there = False
                    self.each = _without(self.each, observer)

        return remove

    def tell(
        self,
        what: Callable[[Observer], None],
        whom: Iterable[Observer] | None = None,
    ) -> None:
        """Tell everybody. One that raises is logged once, and the others are told.

        Args:
            what: calls a method of an observer.
            whom: not everybody, but these.
        """
        for observer in self.each if whom is None else whom:
            try:
                what(observer)
            except _RAISED as error:
                self._blame(observer, error)

    def log(self, level: int, text: str, *args: object) -> None:
        """Write a line into main's log of what observers are told, too.

        Not if one of them writes it into a log: each thing is told once.
        """
        for observer in self.each:
            if isinstance(observer, LoggingObserver) and observer.writes(level):
                return
        logger.log(level, text, *args)

    def _blame(self, observer: Observer, error: BaseException) -> None:
        with self._lock:
            known = any(other is observer for other in self._blamed)
            if not known:
                self._blamed.append(observer)
        if not known:
            text = "%r raised; what it raises from now on is not logged"
            logger.error(text, observer, exc_info=log_info(error))

    # ---- messages --------------------------------------------------------------------

    def arrived(self, contents: WebContents, happened: Iterable[SessionEvent]) -> None:
        """Tell of the messages that a frame brought."""
        for event in happened:
            match event:
                case Arrived():
                    size = event.message.ByteSize()
                    channel = event.body.channel
                    self.message(contents, "in", _kind_of(event), channel, size)
                case Replied():
                    self.message(contents, "in", "reply", "", event.reply.ByteSize())
                case Cancelled():
                    size = len(messages.cancel(event.id).data)
                    self.message(contents, "in", "cancel", "", size)
                case GivenUp():
                    self.message(contents, "in", "lost", event.channel, 0)
                case _:
                    pass

    def sent(self, contents: WebContents, parcel: Parcel) -> None:
        """Tell of a message that was put on a session."""
        kind, channel = glance(parcel.data)
        self.message(contents, "out", kind, channel, len(parcel.data))

    def message(
        self,
        contents: WebContents,
        direction: Direction,
        kind: Kind,
        channel: str,
        size: int,
    ) -> None:
        """Tell of a message."""
        if not self.each:
            return
        self.tell(lambda o: o.message(contents, direction, kind, channel, size))

    # ---- calls -----------------------------------------------------------------------

    def begin(self, call: ObservedCall, context: Context) -> Watch:
        """Tell of the start of a call, inside of a context."""
        watch = Watch(self, call)
        context.run(self.tell, lambda o: o.call_started(call), watch.whom)
        return watch

    # ---- what goes wrong -------------------------------------------------------------

    def refused(
        self,
        contents: WebContents | None,
        error: IpcError,
        channel: str | None = None,
        peer: str = "",
    ) -> None:
        """Tell that somebody, or one of their messages, was turned away."""
        if self.each:
            refusal = Refusal(contents, error.reason, error.message, channel, peer)
            self.tell(lambda o: o.refused(refusal))

    def overloaded(
        self, contents: WebContents, direction: Direction, channel: str, policy: str
    ) -> None:
        """Tell that messages come quicker than they are taken."""
        self.tell(lambda o: o.overloaded(contents, direction, channel, policy))


@final
class Watch:
    """A call that is observed, from its start to its end.

    Args:
        observers: those who are there at its start are told of its end.
        call: the call.
    """

    __slots__ = ("_began", "_call", "_observers", "whom")

    def __init__(self, observers: Observers, call: ObservedCall) -> None:
        self.whom: Final = observers.each
        """Who is told."""
        self._observers = observers
        self._call = call
        self._began = monotonic()

    def end(self, outcome: Outcome = "ok", reason: str = "") -> None:
        """Tell of its end, on whatever thread."""
        call, end = self._call, CallEnd(monotonic() - self._began, outcome, reason)
        self._observers.tell(lambda o: o.call_ended(call, end), self.whom)


def _kind_of(event: Arrived) -> Kind:
    if event.kind == "event":
        return "event"
    return "sync" if event.is_sync else "invoke"


def _without(all: tuple[Observer, ...], one: Observer) -> tuple[Observer, ...]:
    # Not by equality: that is the program's. Of several times the same, the last.
    place = max(i for i, observer in enumerate(all) if observer is one)
    return all[:place] + all[place + 1 :]


NOBODY: Final = Observers()
"""Of those renderers that belong to no `IpcMain`, as in tests."""

__all__ = ("NOBODY", "Observers", "Watch")
