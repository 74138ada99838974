"""Main's own calls, as observers see them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from mainproc.observe.observer import ObservedCall, outcome_of, reason_of
from mainproc.observe.observers import Watch
from renderer.reply import Reply

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents


def asked(
    contents: WebContents, channel: str, ask: Callable[[], Reply[Any]]
) -> Reply[Any]:
    """Ask a renderer; tell observers of the start and the end.

    Args:
        contents: the renderer.
        channel: the call's channel.
        ask: sends it. It runs in the context that observers have seen, and may have
            entered a trace in.

    Raises:
        IpcError: as `ask` does.
    """
    context = copy_context()
    call = ObservedCall(contents, "out", "invoke", channel)
    watch = contents.observers.begin(call, context)
    try:
        reply = context.run(ask)
    except Exception as error:
        watch.end(outcome_of(error), reason_of(error))
        raise
    reply.when_done(partial(_ended, watch))
    return reply


def _ended(watch: Watch, reply: Future[Any]) -> None:
    if reply.cancelled():
        watch.end("cancelled", "CANCELLED")
        return
    # Not the reply's own method: by that, somebody would have looked at the failure.
    error = Future[Any].exception(reply)
    watch.end(outcome_of(error), reason_of(error))


__all__ = ("asked",)
