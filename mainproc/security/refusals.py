"""Turning a message away: the same for everybody and everything, and noted."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, final

from renderer.wire.errors import AccessDenied, quote, visible

if TYPE_CHECKING:
    from mainproc.security.rules import Action
    from mainproc.web_contents import WebContents

logger = logging.getLogger("ipc.main")

_CHANNELS_TOLD: Final = 20
_LONGEST_REMEMBERED: Final = 200


@final
class Refusals:
    """What one renderer was refused, or many that come for one message each."""

    __slots__ = ("_lock", "_told", "count")

    def __init__(self) -> None:
        self.count = 0
        """How often."""
        self._told: set[tuple[Action, str]] = set()
        self._lock = threading.Lock()

    def note(self, who: object, action: Action, channel: str) -> None:
        """Count one, and log it if it is the first of its kind.

        A peer must not write our log: it is told of so many channels.
        """
        what = action, channel[:_LONGEST_REMEMBERED]
        with self._lock:
            self.count += 1
            told = len(self._told)
            if what in self._told or told >= _CHANNELS_TOLD:
                return
            self._told.add(what)
        more = "; no more of this is logged" if told + 1 == _CHANNELS_TOLD else ""
        logger.warning("%s may not %s on %s%s", who, action, quote(channel), more)


_one_shots: Final = Refusals()


def refuse(contents: WebContents, action: Action, channel: str) -> AccessDenied:
    """Note that a renderer may not do something; return what it is told.

    That is the same whether there is such a channel, listener or handler, or not.
    """
    if contents.line is None:
        refusals = _one_shots
    elif contents.refusals is None:
        refusals = contents.refusals = Refusals()
    else:
        refusals = contents.refusals
    identity = contents.identity
    who = "" if identity is None else f" ({visible(str(identity))})"
    refusals.note(f"{contents}{who}", action, channel)
    error = AccessDenied(f"not allowed: {action} on {quote(channel)}")
    contents.observers.refused(contents, error, channel)
    return error


__all__ = ("Refusals", "refuse")
