"""Listeners for what happens to something: to a renderer, to the application."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar, final

from renderer.wire.failures import log_info
from renderer.wire.listeners import ListenerTable, Subscription

logger = logging.getLogger("ipc.main")

_F = TypeVar("_F", bound=Callable[..., object])

_RAISED: Final = (Exception, asyncio.CancelledError)
"""What a plain function may raise: one that looks at a cancelled future lets that out,
and it must not end what the event is about."""

leave: Callable[[SystemExit], bool] | None = None
"""Ends the application in order, if there is one whose process is ours to end."""

_tasks: Final[set[asyncio.Task[None]]] = set()
"""What `async def` listeners still do: the loop itself holds tasks weakly."""


@final
class Emitter:
    """Calls what is registered for an event, on main's loop.

    Args:
        names: the events there are.
    """

    __slots__ = ("_lock", "_names", "table")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._lock = threading.RLock()
        self.table: Final = ListenerTable(self._lock)
        """Who listens to what."""

    def on(
        self,
        event: str,
        listener: Callable[..., object] | None,
        added: Callable[[Callable[..., object]], object],
    ) -> Any:
        """Register a listener, or return a decorator that does and returns it.

        Args:
            event: its name.
            listener: what to call.
            added: told of it, before anything can be emitted.

        Raises:
            ValueError: there is no such event.
            TypeError: the listener cannot be called.
        """
        if event not in self._names:
            known = ", ".join(map(repr, self._names))
            raise ValueError(f"there is no event {event!r}; there is {known}")

        def add(fn: Callable[..., object]) -> Subscription:
            with self._lock:
                registration = self.table.add(event, fn)
                added(fn)
            return Subscription(self.table, registration)

        def decorate(fn: _F) -> _F:
            add(fn)
            return fn

        return decorate if listener is None else add(listener)

    def emit(
        self, event: str, *args: object, first: Callable[[], object] | None = None
    ) -> list[asyncio.Task[None]]:
        """Call all listeners; return the tasks of those that are `async def`.

        One that raises is logged, and the others still run.

        Args:
            event: its name.
            *args: for the listeners.
            first: makes it so. Who is `added` after that is not called here.
        """
        with self._lock:
            if first is not None:
                first()
            listeners = self.table.take(event)
        called = [call(r.fn, event, *args) for r in listeners]
        return [task for task in called if task is not None]


def call(
    listener: Callable[..., object], event: str, *args: object
) -> asyncio.Task[None] | None:
    """Call one listener; return its task, if it is an `async def`."""
    try:
        result = listener(*args)
    except SystemExit as error:
        _leave(error)
        return None
    except _RAISED as error:
        _log(event, error)
        return None
    if not inspect.isawaitable(result):
        return None
    task = asyncio.get_running_loop().create_task(_finish(event, result))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def _finish(event: str, running: Awaitable[object]) -> None:
    try:
        await running
    except SystemExit as error:
        _leave(error)
    except Exception as error:
        _log(event, error)


def _leave(error: SystemExit) -> None:
    if leave is None or not leave(error):
        raise error  # a program of its own: that ends as Python ends programs


def _log(event: str, error: BaseException) -> None:
    logger.error("a listener for %r raised", event, exc_info=log_info(error))


__all__ = ("Emitter", "call")
