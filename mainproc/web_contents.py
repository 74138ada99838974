"""A renderer, as the main process sees it."""

from __future__ import annotations

import itertools
import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    TypeVar,
    final,
    overload,
)

from mainproc import emitter
from mainproc.asks import gone, next_id
from mainproc.channels import Channels
from mainproc.emitter import Emitter
from mainproc.groups import Groups
from mainproc.line import Line
from mainproc.observe.asking import asked
from mainproc.observe.observers import NOBODY, Observers
from mainproc.overflow import Overflow
from mainproc.security.identity import Identity
from mainproc.security.policy import Permissions
from mainproc.security.refusals import Refusals, refuse
from renderer.reply import Reply
from renderer.wire import messages
from renderer.wire.errors import Overloaded
from renderer.wire.listeners import (
    ListenerTable,
    Subscription,
    checked_channel,
    checked_lane,
)
from renderer.wire.seconds import seconds
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

_RAISES: Final = Overflow("raise")
_making: Final = threading.Lock()
"""For what renderers get when somebody wants it."""

ContentsEvent = Literal["destroyed", "disconnected", "resumed"]

_F = TypeVar("_F", bound=Callable[[str], object])
_G = TypeVar("_G", bound=Callable[[], object])

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


@final
class WebContents:
    """A renderer: where its messages come from, and where to send some back.

    Attributes:
        id: unique in this process and never used again.
        title: what the renderer calls itself; may be empty.
        url: what it shows; may be empty.
        identity: who it is, fixed for its session; None where main asks nobody.
    """

    __slots__ = (
        "__weakref__",
        "_channels",
        "_default",
        "_events",
        "_fate",
        "_groups",
        "behind",
        "home",
        "id",
        "identity",
        "line",
        "observers",
        "overflow",
        "own_table",
        "packed",
        "permissions",
        "refusals",
        "title",
        "url",
        "work",
    )

    home: Home
    """Main's loop (@private)."""
    work: Work
    """What runs for this renderer (@private)."""

    def __init__(
        self,
        *,
        title: str,
        url: str,
        default: Default | None,
        groups: Groups | None = None,
        observers: Observers = NOBODY,
        overflow: Overflow = _RAISES,
        identity: Identity | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self.id = next(_ids)
        self.identity = identity
        self.permissions = permissions
        """What it may do; None: everything (@private)."""
        self.refusals: Refusals | None = None
        """What it was refused; None: nothing yet (@private)."""
        self.title = title
        self.url = url
        self.line: Line | None = None
        """The way to the renderer; None for a one-shot (@private)."""
        self.observers = observers
        """Who observes what it sends and gets (@private)."""
        self.behind = False
        """It was left out of the latest event to many (@private)."""
        self.packed = False
        """It reads packed values (@private)."""
        self._default = default
        self._groups = groups or Groups()
        self.overflow = overflow
        """What becomes of events when it does not keep up (@private)."""
        # Made when they are wanted: most renderers need neither.
        self._channels: Channels | None = None
        self.own_table: ListenerTable | None = None
        """What is registered for it alone; None if nothing ever was (@private)."""
        self._events: Emitter | None = None
        self._fate: str | None = None  # why it is destroyed

    def connect_line(self, line: Line) -> None:
        """Say how messages get to this renderer; one-shots have no way (@private)."""
        self.line = line
        _all[self.id] = self

    # ---- its own listeners -----------------------------------------------------------

    @property
    def ipc(self) -> Channels:
        """Listeners and handlers for this renderer's messages only.

        Its listeners are called before those of `mainproc.ipc`, which are called, too.
        Its handler for a channel is asked in place of that of `mainproc.ipc`.
        """
        with _making:
            if self._channels is None:
                self._channels = Channels()
                self.own_table = self._channels.table
            return self._channels

    @overload
    def on(
        self, event: Literal["destroyed"], listener: Callable[[str], object], /
    ) -> Subscription: ...
    @overload
    def on(
        self,
        event: Literal["disconnected", "resumed"],
        listener: Callable[[], object],
        /,
    ) -> Subscription: ...
    @overload
    def on(self, event: Literal["destroyed"], /) -> Callable[[_F], _F]: ...
    @overload
    def on(
        self, event: Literal["disconnected", "resumed"], /
    ) -> Callable[[_G], _G]: ...

    def on(
        self,
        event: ContentsEvent,
        listener: Callable[..., object] | None = None,
        /,
    ) -> Any:
        """Call a listener when something happens to the renderer.

        "destroyed", with the reason as text: it is gone for good. All its messages that
        will be dispatched have been by then, unless its connection broke. Who registers
        afterwards is called soon.

        "disconnected": its connection is gone, and it may come back. What is sent
        meanwhile waits, as far as its window holds it. "resumed" follows, when nothing
        was lost, or "destroyed", when it has not come back in time
        (`Limits.resume_grace`, 60 seconds).

        Listeners are called on main's loop, and may be `async def`.

        Args:
            event: "destroyed", "disconnected" or "resumed".
            listener: what to call. Without it, a decorator is returned.

        Returns:
            A `Subscription`; the decorator returns the function unchanged.

        Raises:
            ValueError: there is no such event.
        """
        with _making:
            if self._events is None:
                self._events = Emitter(("destroyed", "disconnected", "resumed"))
        return self._events.on(event, listener, partial(self._added, event))

    def _added(self, event: str, listener: Callable[..., object]) -> None:
        if event == "destroyed" and self._fate is not None:
            self.home.later(emitter.call, listener, event, self._fate)

    def happened(self, event: Literal["disconnected", "resumed"]) -> None:
        """Tell what has happened to the connection; on main's loop (@private)."""
        if self._events is not None and self._fate is None:
            self._events.emit(event)

    def destroyed(self, why: str) -> None:
        """Tell that the renderer is gone, once; on main's loop (@private)."""
        with _making:  # who registers from now on finds it so
            events = self._events
            if events is None:
                self._fate = why
        if events is not None:
            events.emit("destroyed", why, first=partial(self._seal, why))

    def _seal(self, why: str) -> None:
        self._fate = why

    # ---- groups ----------------------------------------------------------------------

    def join(self, name: str) -> None:
        """Enter a group: `ipc.to(name)` reaches it. Destroyed, it leaves by itself.

        May be called from any thread. A connection that is lost for a while changes
        nothing; a renderer that was destroyed enters no more.

        Args:
            name: the group's; it need not exist.
        """
        self._groups.join(name, self)

    def leave(self, name: str) -> None:
        """Leave a group; nothing if it is not in it. May be called from any thread.

        Args:
            name: the group's.
        """
        self._groups.leave(name, self)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that it is in."""
        return self._groups.of(self)

    # ---- messages --------------------------------------------------------------------

    def send(self, channel: str, /, *args: object, lane: int = 0) -> bool:
        """Send an event to this renderer's listeners.

        Events and replies to one renderer arrive in the order in which they were sent
        on their lane, each once. May be called from any thread. When the renderer is
        gone, or was only a one-shot `SendSync`, nothing is sent (Electron v0.33 does
        the same).

        Args:
            channel: the event's name.
            args: values of any type that has a form on the wire.
            lane: 0 to 2³² − 1. Messages of one lane keep their order; lanes overtake
                each other; a large message holds up its own lane only.

        Returns:
            Whether the message was accepted; False if the renderer is destroyed, or the
            policy does not let it receive this.

        Raises:
            DataCloneError: an argument cannot be carried; nothing was sent.
            Overloaded: the renderer does not keep up, its window is full. Another
                policy may be set for the channel: see `IpcMain.overflow`.
            PayloadTooLarge: the message is larger than the renderer takes.
            ValueError: there is no such lane.
        """
        if type(channel) is not str or not channel.isascii():
            channel = checked_channel(channel)
        if type(lane) is not int or lane:
            lane = checked_lane(lane)
        if self.permissions is not None and not self.permissions.receive[channel]:
            refuse(self, "receive", channel)
            return False
        default, packed = self._default, self.packed
        parcel = messages.event(channel, args, default, packed=packed, lane=lane)
        if self.line is None:
            _warn_of_one_shot(channel)
            return False
        try:
            if self.overflow.given:
                return self.overflow.send(self, self.line, channel, parcel)
            return self.line.send(parcel)
        except Overloaded:
            raise self._overloaded(self.line, channel) from None

    def invoke(
        self,
        channel: str,
        /,
        *args: object,
        timeout: float | None = 30.0,
        lane: int = 0,
    ) -> Reply[Any]:
        """Ask this renderer's handler of a channel.

        The question is on its way when this returns, in order with what else is sent on
        its lane.
        May be called from any thread. When the renderer goes before it has answered,
        the reply fails with `ConnectionClosed`.

        Args:
            channel: what is asked for.
            *args: values of any type that has a form on the wire.
            timeout: seconds until the reply fails with `IpcTimeout` and the renderer is
                told that nobody waits any more; None for ever.
            lane: as for `send`; the reply comes on the same.

        Returns:
            The answer to come: await it, or wait with `result()` off main's loop.
            Cancelling it, or what awaits it, tells the renderer.

        Raises:
            AccessDenied: the policy does not let it handle this; nothing was sent.
            DataCloneError: an argument cannot be carried; nothing was sent.
            ConnectionClosed: the renderer is destroyed; nothing was sent.
            Overloaded: the renderer does not keep up, its window is full.
            PayloadTooLarge: the message is larger than the renderer takes.
            ValueError: there is no such lane.
        """
        channel, lane = checked_channel(channel), checked_lane(lane)
        if self.permissions is not None and not self.permissions.handle[channel]:
            raise refuse(self, "handle", channel)
        ask = partial(self._ask, channel, args, seconds(timeout), lane)
        return asked(self, channel, ask) if self.observers.each else ask()

    def _ask(
        self, channel: str, args: Sequence[object], timeout: float | None, lane: int
    ) -> Reply[Any]:
        id = next_id()
        parcel = messages.call(
            id,
            channel,
            args,
            timeout=timeout,
            default=self._default,
            packed=self.packed,
            lane=lane,
        )
        if self.line is None:
            raise gone(self)
        try:
            return self.line.ask(id, channel, parcel, timeout)
        except Overloaded:
            if self.overflow.disconnects(self, self.line, channel):
                raise gone(self) from None
            raise self._overloaded(self.line, channel) from None

    def _overloaded(self, line: Line, channel: str) -> Overloaded:
        self.observers.overloaded(self, "out", channel, "raise")
        return Overloaded(f"{line.backlog} wait for {self}; await contents.drain()")

    @property
    def refused(self) -> int:
        """How many of its messages, and of those to it, were not allowed.

        By the policy, or because all that they were for has an `allow=` that said no.
        """
        return 0 if self.refusals is None else self.refusals.count

    @property
    def dropped(self) -> int:
        """How many events it did not get because newer ones took their place.

        Only on channels whose policy is "drop_oldest": see `IpcMain.overflow`.
        """
        return 0 if self.line is None else self.line.dropped.count

    async def drain(self) -> None:
        """Wait until the renderer's window has room again, or it is gone.

        Cancelling it changes nothing.
        """
        if self.line is not None:
            await self.line.room()

    def is_destroyed(self) -> bool:
        """Tell whether the renderer is gone for good."""
        return self.line is None or not self.line.open

    def is_connected(self) -> bool:
        """Tell whether there is a connection to the renderer right now."""
        return self.line is not None and self.line.connected

    def close(self, reason: str = "") -> None:
        """Say Goodbye to the renderer and destroy it. What was sent before goes first.

        Args:
            reason: told to the renderer.
        """
        if self.line is not None:
            self.line.close(reason)

    @classmethod
    def from_id(cls, id: int) -> WebContents | None:
        """Return the renderer with this id; None if there is none any more.

        One that is cut off and may come back is still there.

        Args:
            id: a `WebContents.id`.
        """
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
