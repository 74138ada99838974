"""Who listens on which channel: the table behind `on`, `once`, `off` and `handle`.

A channel has any number of listeners, called in the order of their registration, and
at most one handler. Both ends keep one such table; main keeps another one for each
renderer.

Which thread may do what
========================

A channel's listeners are a tuple that is replaced and never changed. So reading
(`take` of a channel without `once`, `count`, `event_names`, the texts) needs no lock:
a reader sees the table as it was before a registration or after it, and what it has
taken stays as it is. What writes holds the lock that the table was made with; with
none, only one thread at a time may write. No listener, handler or `==` of a caller runs
under the lock. It must be reentrant, because the garbage collector may run a finalizer
that unsubscribes at any point.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, final

from renderer.wire.errors import (
    DataCloneError,
    DuplicateHandler,
    NoHandler,
    NoListener,
    quote,
)
from renderer.wire.limits import MAX_LANE

Kind = Literal["listener", "handler"]

# A peer chooses the channels that are looked for, and can do so at any rate; this keeps
# a search below some milliseconds.
_LONGEST_COMPARED = 48
_NAMES_LOOKED_AT = 1000  # for their length only;
_NAMES_COMPARED = 50  # of those so many letter by letter
_MOST_LETTERS_APART = 4
_LEAST_LIKENESS = 0.75

NO_AWAITABLES: Final = frozenset(
    (type(None), str, bool, int, float, bytes, list, dict, tuple)
)
"""What listeners return mostly. `inspect.isawaitable` takes its time; these need not be
asked."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """One listener or handler on one channel. Compared by identity."""

    channel: str
    """Where it is registered."""
    fn: Callable[..., Any]
    """What to call."""
    kind: Kind
    """Which of the two it is."""
    once: bool = False
    """It is taken out of the table before it is called."""
    thread: bool = False
    """It is to run on a thread of its own."""
    allow: Callable[[Any], bool] | None = None
    """Asked whether it is for the sender of a message; None: for all."""


class ListenerTable:
    """Listeners and handlers by channel.

    Args:
        lock: a reentrant lock (`threading.RLock()`), if several threads register.
    """

    def __init__(self, lock: AbstractContextManager[Any] | None = None) -> None:
        self._lock = nullcontext() if lock is None else lock
        self._listeners: dict[str, tuple[Registration, ...]] = {}
        self._handlers: dict[str, Registration] = {}
        self.guarded = False
        """Something in here is not for everybody, or was."""

    # ---- listeners -----------------------------------------------------------------

    def add(
        self,
        channel: str,
        fn: Callable[..., Any],
        *,
        once: bool = False,
        thread: bool = False,
        allow: Callable[[Any], bool] | None = None,
    ) -> Registration:
        """Register a listener behind those that the channel has.

        The same function may be registered more than once; it is then called as often.

        Raises:
            TypeError: the channel is no str, or the listener cannot be called.
            DataCloneError: the channel cannot be sent.
        """
        channel = checked_channel(channel)
        _check_callable(fn, "listener")
        registration = Registration(channel, fn, "listener", once, thread, allow)
        self.guarded |= allow is not None
        with self._lock:
            present = self._listeners.get(channel, ())
            self._listeners[channel] = (*present, registration)
        return registration

    def remove(self, channel: str, fn: Callable[..., Any]) -> None:
        """Remove the latest registration of a listener; nothing if there is none.

        Functions are compared by `==`: bound methods are never identical.
        """
        for registration in reversed(self._listeners.get(channel, ())):
            if registration.fn == fn:
                self.remove_registration(registration)
                return

    def remove_registration(self, registration: Registration) -> None:
        """Remove exactly this listener or handler; nothing if it is gone."""
        with self._lock:
            channel = registration.channel
            if registration.kind == "handler":
                if self._handlers.get(channel) is registration:
                    del self._handlers[channel]
                return
            present = self._listeners.get(channel, ())
            self._keep(channel, tuple(r for r in present if r is not registration))

    def remove_all(self, channel: str | None = None) -> None:
        """Remove the listeners of one channel, or of all. Handlers stay."""
        with self._lock:
            if channel is None:
                self._listeners.clear()
            else:
                self._listeners.pop(channel, None)

    def event_names(self) -> list[str]:
        """Return the channels that have listeners, the oldest first."""
        return list(self._listeners)

    def count(self, channel: str) -> int:
        """Return how many listeners a channel has."""
        return len(self._listeners.get(channel, ()))

    def take(self, channel: str) -> tuple[Registration, ...]:
        """Return the listeners to call for one message, in their order.

        Those registered with `once` are out of the table when this returns: each is
        given to one caller only, also when two threads take at the same time.
        """
        present = self._listeners.get(channel, ())
        for registration in present:
            if registration.once:
                break
        else:
            return present
        with self._lock:
            present = self._listeners.get(channel, ())
            self._keep(channel, tuple(r for r in present if not r.once))
        return present

    def take_allowed(
        self, channel: str, allows: Callable[[Registration], bool]
    ) -> tuple[Registration, ...]:
        """Do the same with those that are for whoever has sent the message.

        Those that are not stay, with `once` too. `allows` is not called under the lock.
        """
        chosen = tuple([r for r in self._listeners.get(channel, ()) if allows(r)])
        if any(registration.once for registration in chosen):
            with self._lock:
                present = self._listeners.get(channel, ())
                chosen = tuple(r for r in chosen if not r.once or r in present)
                self._keep(
                    channel,
                    tuple(r for r in present if not (r.once and r in chosen)),
                )
        return chosen

    def _keep(self, channel: str, registrations: tuple[Registration, ...]) -> None:
        # A channel without listeners has no entry: names that are used once, for a
        # single answer, must not pile up.
        if registrations:
            self._listeners[channel] = registrations
        else:
            self._listeners.pop(channel, None)

    # ---- handlers ------------------------------------------------------------------

    def set_handler(
        self,
        channel: str,
        fn: Callable[..., Any],
        *,
        once: bool = False,
        thread: bool = False,
        allow: Callable[[Any], bool] | None = None,
    ) -> Registration:
        """Register the handler of a channel.

        Raises:
            DuplicateHandler: it has one. Checked before the handler itself.
            TypeError: the channel is no str, or the handler cannot be called.
            DataCloneError: the channel cannot be sent.
        """
        channel = checked_channel(channel)
        registration = Registration(channel, fn, "handler", once, thread, allow)
        self.guarded |= allow is not None
        with self._lock:
            if channel in self._handlers:
                raise DuplicateHandler(
                    f"Attempted to register a second handler for {quote(channel)}"
                )
            _check_callable(fn, "handler")
            self._handlers[channel] = registration
        return registration

    def take_handler(self, channel: str) -> Registration | None:
        """Return the handler to call for one message, or None.

        One registered with `once` is out of the table when this returns.
        """
        registration = self._handlers.get(channel)
        if registration is None or not registration.once:
            return registration
        with self._lock:
            registration = self._handlers.get(channel)
            if registration is not None and registration.once:
                del self._handlers[channel]
        return registration

    def remove_handler(self, channel: str) -> None:
        """Remove the handler of a channel; nothing if there is none."""
        with self._lock:
            self._handlers.pop(channel, None)

    def handler(self, channel: str) -> Registration | None:
        """Return the handler of a channel, or None. One with `once` stays."""
        return self._handlers.get(channel)

    def has_handler(self, channel: str) -> bool:
        """Tell whether a channel has a handler."""
        return channel in self._handlers

    # ---- as a whole ----------------------------------------------------------------

    def registrations(self) -> list[Registration]:
        """Return all listeners and handlers, channel by channel."""
        listeners = [r for group in list(self._listeners.values()) for r in group]
        return [*listeners, *self._handlers.values()]

    def restore(self, registrations: Iterable[Registration]) -> None:
        """Replace all listeners and handlers by what `registrations` once returned.

        Their subscriptions are good again; those of later ones do nothing.
        """
        listeners: dict[str, tuple[Registration, ...]] = {}
        handlers: dict[str, Registration] = {}
        for registration in registrations:
            channel = registration.channel
            if registration.kind == "handler":
                handlers[channel] = registration
            else:
                listeners[channel] = (*listeners.get(channel, ()), registration)
        with self._lock:
            self._listeners, self._handlers = listeners, handlers

    # ---- for texts -----------------------------------------------------------------

    def names(self, kind: Kind) -> list[str]:
        """Return the channels that have listeners, or those that have a handler."""
        return list(self._listeners if kind == "listener" else self._handlers)

    def near_miss(self, channel: str, kind: Kind) -> str | None:
        """Return the channel that was probably meant, or None.

        The work is bounded: a table with very many or very long names is searched in
        part.
        """
        return _near_miss(channel, self.names(kind))


@final
class Subscription:
    """What `on`, `once` and `handle` return: call it to unsubscribe.

    It may be called more than once, and is a context manager that unsubscribes at the
    end of its block.
    """

    __slots__ = ("_registration", "_table")

    def __init__(self, table: ListenerTable, registration: Registration) -> None:
        self._table = table
        self._registration = registration

    def __call__(self) -> None:
        """Unsubscribe; nothing if that has happened."""
        self._table.remove_registration(self._registration)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self()

    def __repr__(self) -> str:
        kind, channel = self._registration.kind, self._registration.channel
        return f"<Subscription of a {kind} for {quote(channel)}>"


def checked_channel(channel: object) -> str:
    """Return the name of a channel as a plain str, if it is one that can be sent.

    Raises:
        TypeError: it is no str.
        DataCloneError: it has a lone surrogate.
    """
    if not isinstance(channel, str):
        given = "None" if channel is None else f"a {type(channel).__name__}"
        raise TypeError(f"a channel is a str; given was {given}")
    if not channel.isascii():
        try:
            channel.encode()
        except UnicodeEncodeError as error:
            raise DataCloneError(
                f"a lone surrogate at index {error.start} cannot be sent", "channel"
            ) from None
    return str.__str__(channel)


def checked_lane(lane: object) -> int:
    """Return the number of a lane, if it is one.

    Raises:
        TypeError: it is no int.
        ValueError: it is none that can be sent.
    """
    if not isinstance(lane, int) or isinstance(lane, bool):
        given = "None" if lane is None else f"a {type(lane).__name__}"
        raise TypeError(f"a lane is an int; given was {given}")
    if not 0 <= lane <= MAX_LANE:
        raise ValueError(f"a lane is a number from 0 to {MAX_LANE:,}; given was {lane}")
    return lane


def no_listener(channel: str, *tables: ListenerTable) -> NoListener:
    """Return the error for a channel without listener, with what may have been meant.

    Args:
        channel: the channel.
        tables: where listeners were looked for.
    """
    text = f"no listener for {quote(channel)}"
    if any(table.has_handler(channel) for table in tables):
        return NoListener(f"{text} (it has a handler: use invoke)")
    return NoListener(text + _did_you_mean(channel, "listener", tables))


def no_handler(
    channel: str, *tables: ListenerTable, instead: str = "send or send_sync"
) -> NoHandler:
    """Return the error for a channel without handler, with what may have been meant.

    Args:
        channel: the channel.
        tables: where a handler was looked for.
        instead: what the caller has for listeners.
    """
    text = f"No handler registered for {quote(channel)}"
    if any(table.count(channel) for table in tables):
        return NoHandler(f"{text} (it has a listener: use {instead})")
    return NoHandler(text + _did_you_mean(channel, "handler", tables))


def _did_you_mean(channel: str, kind: Kind, tables: tuple[ListenerTable, ...]) -> str:
    names = [name for table in tables for name in table.names(kind)]
    meant = _near_miss(channel, names)
    return "" if meant is None else f"; did you mean {quote(meant)}?"


def _near_miss(channel: str, names: list[str]) -> str | None:
    length = len(channel)
    if length > _LONGEST_COMPARED:
        return None
    alike = [
        name
        for name in names[:_NAMES_LOOKED_AT]
        if abs(len(name) - length) <= _MOST_LETTERS_APART
    ]
    close = difflib.get_close_matches(
        channel, alike[:_NAMES_COMPARED], n=1, cutoff=_LEAST_LIKENESS
    )
    return close[0] if close else None


def _check_callable(fn: object, kind: Kind) -> None:
    if not callable(fn):
        found = type(fn).__name__
        raise TypeError(
            f"Expected {kind} to be a function, but found type {quote(found)}"
        )


__all__ = (
    "NO_AWAITABLES",
    "Kind",
    "ListenerTable",
    "Registration",
    "Subscription",
    "checked_channel",
    "no_handler",
    "no_listener",
)
