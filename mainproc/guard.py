"""Choosing what is called for a message where some of it is not for everybody."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from renderer.wire.errors import quote
from renderer.wire.failures import log_info
from renderer.wire.listeners import ListenerTable, Registration

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents

logger = logging.getLogger("ipc.main")


class Allow(Protocol):
    """What `allow=` takes: tells whether a sender may reach a listener or handler."""

    def __call__(self, sender: WebContents, /) -> bool:
        """Tell it."""
        ...


def check_allow(allow: object) -> None:
    """Refuse what could not decide.

    Raises:
        TypeError: it cannot be called, or is an `async def`, whose answer comes late.
    """
    if allow is None:
        return
    if not callable(allow):
        raise TypeError(f"allow= is a function of the sender, not {type(allow)!r}")
    if inspect.iscoroutinefunction(allow):
        raise TypeError("allow= is a plain function: it is asked before each call")


def listeners_for(
    contents: WebContents, channel: str, tables: Iterable[ListenerTable]
) -> tuple[Registration, ...]:
    """Return the listeners to call for a message of a renderer, in their order."""
    allows = partial(_allows, contents)
    chosen: tuple[Registration, ...] = ()
    for table in tables:
        chosen += table.take_allowed(channel, allows)
    return chosen


def handler_for(
    contents: WebContents, channel: str, tables: Iterable[ListenerTable]
) -> tuple[Registration | None, bool]:
    """Return the handler to call for an invoke, and whether there is one to refuse."""
    for table in tables:
        handler = table.handler(channel)
        if handler is None:
            continue
        if not _allows(contents, handler):
            return None, True
        return table.take_handler(channel), False
    return None, False


def _allows(contents: WebContents, registration: Registration) -> bool:
    allow = registration.allow
    if allow is None:
        return True
    try:
        answer = allow(contents)
    except Exception as error:
        text = "allow= for %s raised, so %s was refused"
        channel = quote(registration.channel)
        logger.error(text, channel, contents, exc_info=log_info(error))
        return False
    if inspect.isawaitable(answer):  # true, and says nothing
        text = "allow= for %s returned something to await, so %s was refused"
        logger.error(text, quote(registration.channel), contents)
        if inspect.iscoroutine(answer):
            answer.close()
        return False
    return bool(answer)


__all__ = ("Allow", "check_allow", "handler_for", "listeners_for")
