"""An observer that writes what it sees into a log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from mainproc.observe.observer import (
    CallEnd,
    Direction,
    Kind,
    ObservedCall,
    Observer,
    Refusal,
)
from renderer.wire.errors import quote

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents


@final
class LoggingObserver(Observer):
    """Logs what is observed, one line each, and never what a message says.

    Refusals, gaps and overloads are warnings, what becomes of renderers is INFO, the
    ends of calls and each message are DEBUG.

    What becomes of renderers is then told here alone, and not by the logger "ipc.main"
    as well, if the level of the logger lets it through. The warnings of "ipc.main" stay
    there: they come once for a channel, and say what to do. Here each refusal is a
    line, so that who can connect can make many: let the handler rotate its files.

    Args:
        logger: takes the lines; None for the logger "ipc.observe".
    """

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logging.getLogger("ipc.observe") if logger is None else logger

    def writes(self, level: int) -> bool:
        """Tell whether lines of a level get into its log (@private)."""
        return self._logger.isEnabledFor(level)

    def connected(self, contents: WebContents) -> None:
        """Log it."""
        self._logger.info("%s: connected", contents)

    def disconnected(self, contents: WebContents) -> None:
        """Log it."""
        self._logger.info("%s: disconnected", contents)

    def resumed(self, contents: WebContents, away: float) -> None:
        """Log it."""
        self._logger.info("%s: resumed after %.1f s", contents, away)

    def gap(
        self, contents: WebContents, sent_unconfirmed: int, received_missing: int | None
    ) -> None:
        """Log it."""
        missing = "?" if received_missing is None else received_missing
        text = "%s: gap: %d messages to it unconfirmed, %s from it missing"
        self._logger.warning(text, contents, sent_unconfirmed, missing)

    def destroyed(self, contents: WebContents, reason: str) -> None:
        """Log it."""
        self._logger.info("%s: destroyed: %s", contents, reason)

    def message(
        self,
        contents: WebContents,
        direction: Direction,
        kind: Kind,
        channel: str,
        size: int,
    ) -> None:
        """Log it."""
        logger = self._logger
        if logger.isEnabledFor(logging.DEBUG):
            name = f" {quote(channel)}" if channel else ""
            text = "%s: %s %s%s, %d bytes"
            logger.debug(text, contents, direction, kind, name, size)

    def call_ended(self, call: ObservedCall, end: CallEnd) -> None:
        """Log it."""
        logger = self._logger
        if logger.isEnabledFor(logging.DEBUG):
            how = f"{end.outcome} {end.reason}".rstrip()
            channel, milliseconds = quote(call.channel), end.seconds * 1000
            text = "%s: %s %s %s: %s, %.1f ms"
            subject = (call.contents, call.direction, call.kind, channel)
            logger.debug(text, *subject, how, milliseconds)

    def refused(self, refusal: Refusal) -> None:
        """Log it."""
        who = refusal.contents or refusal.peer
        where = "" if refusal.channel is None else f" {quote(refusal.channel)}"
        text = "%s: refused%s: %s: %s"
        self._logger.warning(text, who, where, refusal.reason, refusal.message)

    def overloaded(
        self, contents: WebContents, direction: Direction, channel: str, policy: str
    ) -> None:
        """Log it."""
        text = "%s: overloaded, %s %s: %s"
        self._logger.warning(text, contents, direction, quote(channel), policy)


__all__ = ("LoggingObserver",)
