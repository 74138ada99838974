"""What registering listeners and handlers has in common on both ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from renderer.wire.listeners import (
    Kind,
    ListenerTable,
    Subscription,
    checked_channel,
)

_F = TypeVar("_F", bound=Callable[..., object])


class Registrar:
    """Listeners and handlers by channel.

    A face adds `on`, `once`, `handle` and `handle_once` with its own types and texts.

    Args:
        lock: a reentrant lock, for registering on several threads.
    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self.table = ListenerTable(lock)

    def off(self, channel: str, listener: Callable[..., object], /) -> None:
        """Remove the latest registration of a listener; nothing if there is none.

        Functions are compared by `==`: bound methods are never identical.
        """
        self.table.remove(channel, listener)

    def remove_listener(self, channel: str, listener: Callable[..., object], /) -> None:
        """Do the same as `off`."""
        self.off(channel, listener)

    def remove_all_listeners(self, channel: str | None = None) -> None:
        """Remove the listeners of one channel, or of all. Handlers stay."""
        self.table.remove_all(channel)

    def remove_handler(self, channel: str) -> None:
        """Remove a channel's handler; what runs still gets its reply."""
        self.table.remove_handler(channel)

    def event_names(self) -> list[str]:
        """Return the channels that have listeners, the oldest first."""
        return self.table.event_names()

    def listener_count(self, channel: str) -> int:
        """Return how many listeners a channel has."""
        return self.table.count(channel)

    def _register(
        self,
        kind: Kind,
        channel: str,
        fn: Callable[..., object] | None,
        *,
        once: bool,
        thread: bool,
        allow: Callable[[Any], bool] | None = None,
    ) -> Any:
        """Register a function, or return a decorator that does and returns it."""
        if callable(channel):
            raise TypeError(
                "a channel is a str: write @ipc.on('CHANNEL'), with its name"
            )
        channel = checked_channel(channel)

        def add(fn: Callable[..., object]) -> Subscription:
            self._check(kind, channel, fn, thread=thread)
            put = self.table.add if kind == "listener" else self.table.set_handler
            registration = put(channel, fn, once=once, thread=thread, allow=allow)
            self._added(kind, channel, fn)
            return Subscription(self.table, registration)

        def decorate(fn: _F) -> _F:
            add(fn)
            return fn

        return decorate if fn is None else add(fn)

    def _check(self, kind: Kind, channel: str, fn: object, *, thread: bool) -> None:
        """Refuse what this face cannot call."""

    def _added(self, kind: Kind, channel: str, fn: Callable[..., object]) -> None:
        """Take note of a registration."""


__all__ = ("Registrar",)
