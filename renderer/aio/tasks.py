"""Tasks of ours on the user's event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final, final

STARTS_AT_ONCE: Final = sys.version_info >= (3, 12)
"""`start` runs a task to its first await before it returns."""


def start(
    coroutine: Coroutine[Any, Any, None],
    loop: asyncio.AbstractEventLoop,
    context: Context | None = None,
) -> asyncio.Task[None]:
    """Return a new task; from Python 3.12 on it has run to its first await."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, context=context, eager_start=True)
    return asyncio.Task(coroutine, loop=loop, context=context)


def start_soon(
    coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None]:
    """Return a new task that begins in the loop's next turn."""
    return asyncio.Task(coroutine, loop=loop)


def hide(task: asyncio.Task[None]) -> asyncio.Task[None]:
    """Let `asyncio.run` not find a task, and so not cancel it; return it.

    At the end of a program asyncio.run cancels all tasks at once. Those that carry a
    connection must outlive the one that says Goodbye on it, which is found.
    """
    if not task.done():
        _unregister(task)
    return task


@final
class Bell:
    """Lets coroutines wait for conditions that other code of the loop brings about.

    Args:
        loop: the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def ring(self) -> None:
        """Wake those whose condition holds by now."""
        for ready, future in self._waiting:
            if not future.done() and ready():
                future.set_result(None)

    async def wait_until(
        self, ready: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait until a condition holds that `ring` follows.

        Args:
            ready: tells whether it does.
            timeout: seconds to wait; None for ever.

        Returns:
            Whether it holds: False if the time is over.
        """
        if ready():
            return True
        try:
            async with asyncio.timeout(timeout):
                while not ready():
                    waiting = (ready, self._loop.create_future())
                    self._waiting.append(waiting)
                    try:
                        await waiting[1]
                    finally:
                        self._waiting.remove(waiting)
        except TimeoutError:
            return ready()
        return True


# "Extending asyncio" documents it; its stubs leave it out.
_unregister: Any = getattr(asyncio, "_unregister_task")  # noqa: B009

__all__ = ("STARTS_AT_ONCE", "Bell", "hide", "start", "start_soon")
