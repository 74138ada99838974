"""A coroutine without a task."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, final


@final
class Drive:
    """Runs a coroutine at once as far as it gets, and on when what it awaits is there.

    What `asyncio.Task(eager_start=True)` does from Python 3.12 on, on every Python and
    at less cost: the frame that answers a message is on its way before the loop has
    made another turn. In return there is no `current_task` inside, so no
    `asyncio.timeout` either, and nobody can await it. It knows asyncio's futures by
    what they have in common, and so needs no asyncio.

    Args:
        coroutine: what to run; it ends without an exception, also when what it awaits
            is cancelled.
        call_soon: the loop's.
    """

    __slots__ = ("_awaited", "_call_soon", "_coroutine")

    def __init__(
        self,
        coroutine: Coroutine[Any, None, None],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._coroutine = coroutine
        self._call_soon = call_soon
        self._awaited: Any = None

    def start(self) -> None:
        """Run it as far as it gets."""
        self._go_on()

    def cancel(self) -> None:
        """Cancel what it awaits, if it does."""
        if self._awaited is not None:
            self._awaited.cancel()

    def _go_on(self, _: object = None) -> None:
        self._awaited = None
        try:
            awaited = self._coroutine.send(None)
        except StopIteration:
            return
        if awaited is None:  # asyncio.sleep(0)
            self._call_soon(self._go_on)
            return
        awaited._asyncio_future_blocking = False  # noqa: SLF001 - as every task does
        self._awaited = awaited
        awaited.add_done_callback(self._go_on)


__all__ = ("Drive",)
