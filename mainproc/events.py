"""What listeners and handlers of the main process get as their first argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from mainproc.calls import Call, SyncCall
    from mainproc.web_contents import WebContents


class _Life:
    """Tells a sync call when its event object is no more, by dying with it."""

    __slots__ = ("_call",)

    def __init__(self, call: SyncCall) -> None:
        self._call = call

    def __del__(self) -> None:
        self._call.event_gone()


@final
class IpcMainEvent:
    """A message from a renderer, as its listeners see it.

    Attributes:
        sender: the renderer that sent the message.
        channel: the channel it came on.
    """

    __slots__ = ("__weakref__", "_call", "_life", "_value", "channel", "sender")

    def __init__(
        self, sender: WebContents, channel: str, call: SyncCall | None = None
    ) -> None:
        self.sender = sender
        self.channel = channel
        self._call = call
        self._life = None if call is None else _Life(call)
        self._value: Any = None

    @property
    def return_value(self) -> Any:
        """The answer to a sync message; set it once, now or later, from any thread.

        The first set wins, later ones change nothing; reading gives what was set, or
        None. On a message that is not sync it has no effect. If the renderer is gone,
        or waits no longer, nothing happens. (Electron: `event.returnValue`.)

        Raises:
            DataCloneError: on setting what cannot be carried; a later set still works.
        """
        return self._value

    @return_value.setter
    def return_value(self, value: object) -> None:
        if self._call is None or self._call.resolve(value, "return_value"):
            self._value = value

    @property
    def returnValue(self) -> Any:
        """The same as `return_value`, as Electron spells it."""
        return self.return_value

    @returnValue.setter
    def returnValue(self, value: object) -> None:
        self.return_value = value

    @property
    def cancelled(self) -> bool:
        """Whether the caller of a sync message no longer waits."""
        return self._call is not None and self._call.cancelled

    @property
    def remaining(self) -> float | None:
        """Seconds until the caller of a sync message gives up; None if it does not."""
        return None if self._call is None else self._call.remaining

    def reply(self, channel: str, /, *args: object) -> bool:
        """Send a message to the sender: the same as `event.sender.send`."""
        return self.sender.send(channel, *args)

    def __repr__(self) -> str:
        return f"<IpcMainEvent {self.channel!r} from {self.sender!r}>"


@final
class IpcMainInvokeEvent:
    """An invoke from a renderer, as its handler sees it.

    Attributes:
        sender: the renderer that asks.
        channel: the channel it asks on.
    """

    __slots__ = ("__weakref__", "_call", "channel", "sender")

    def __init__(self, sender: WebContents, channel: str, call: Call) -> None:
        self.sender = sender
        self.channel = channel
        self._call = call

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer waits. An `async def` handler is cancelled."""
        return self._call.cancelled

    @property
    def remaining(self) -> float | None:
        """Seconds until the caller gives up; None if it does not."""
        return self._call.remaining

    def reply(self, channel: str, /, *args: object) -> bool:
        """Send a message to the sender: the same as `event.sender.send`."""
        return self.sender.send(channel, *args)

    def __repr__(self) -> str:
        return f"<IpcMainInvokeEvent {self.channel!r} from {self.sender!r}>"
