"""What a renderer tells its developer: failed listeners, unheard events, hints."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from renderer.wire.errors import quote
from renderer.wire.events import Arrived
from renderer.wire.failures import log_info
from renderer.wire.listeners import Kind, ListenerTable, Registration, no_listener

logger = logging.getLogger("ipc.renderer")

ErrorHook = Callable[[Exception, str], object]

_CHANNELS_REMEMBERED: Final = 1_000  # main chooses the names


@final
class Reports:
    """Where errors of listeners go, and what is said once only.

    Args:
        table: for hints at what may have been meant.
    """

    def __init__(self, table: ListenerTable) -> None:
        self.hook: ErrorHook | None = None
        """Told of what listeners and handlers raise, instead of the log."""
        self.unheard = 0
        """Events that arrived on a channel without listener."""
        self.tap: Callable[[Arrived], object] | None = None
        """Takes every event as it arrives, listeners or not; then none is unheard."""
        self._table = table
        self._warned: set[str] = set()
        self._hinted = False

    def failed(
        self, registration: Registration, args: Sequence[Any], error: BaseException
    ) -> Exception:
        """Tell what a function raised that was called with some arguments.

        Returns:
            It as an exception that nothing but a caller need mind.
        """
        if not isinstance(error, Exception):
            wrapped = RuntimeError(f"{type(error).__name__} in a {registration.kind}")
            wrapped.__cause__ = error
            error = wrapped
        note_arguments(error, registration.fn, registration.channel, args)
        self.raised(registration.kind, registration.channel, error)
        return error

    def raised(self, kind: Kind, channel: str, error: Exception) -> None:
        """Tell what a listener or handler raised."""
        if self.hook is None:
            info = log_info(error)
            logger.error("%s for %s raised", kind, quote(channel), exc_info=info)
            return
        try:
            self.hook(error, channel)
        except Exception:
            logger.exception("the hook given to ipc.on_error raised")

    def not_heard(self, channel: str) -> None:
        """Count an event that nobody listens for; warn once for each channel."""
        self.unheard += 1
        if self.tap is not None or channel in self._warned:
            return
        if len(self._warned) >= _CHANNELS_REMEMBERED:
            return
        self._warned.add(channel)
        error = no_listener(channel, self._table)
        logger.warning("%s; an event from main was dropped", error)

    def registered(self, kind: Kind, channel: str, fn: Callable[..., Any]) -> None:
        """Hint, once, at a listener that seems to expect main's signature."""
        if self._hinted or _first_parameter(fn) != "event":
            return
        self._hinted = True
        logger.warning(
            "the %s for %s calls its first parameter 'event': in a renderer it gets "
            "the arguments only, no event",
            kind,
            quote(channel),
        )


def note_arguments(
    error: Exception, fn: Callable[..., Any], channel: str, args: Sequence[Any]
) -> None:
    """Add a note to the TypeError of a function that takes other arguments."""
    traceback = error.__traceback__
    # Raised by the call itself, before the function had a frame.
    if not isinstance(error, TypeError) or not traceback or traceback.tb_next:
        return
    try:
        inspect.signature(fn).bind(*args)
    except TypeError:
        count = f"{len(args)} argument{'s' * (len(args) != 1)}"
        error.add_note(
            "renderer listeners get the arguments only; "
            f"{quote(channel)} was sent {count}"
        )
    except ValueError:
        pass  # a builtin without signature


def _first_parameter(fn: Callable[..., Any]) -> str | None:
    try:
        return next(iter(inspect.signature(fn).parameters), None)
    except (TypeError, ValueError):
        return None


__all__ = ("ErrorHook", "Reports", "note_arguments")
