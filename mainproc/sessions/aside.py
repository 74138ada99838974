"""Large messages are read on a thread, for they may take seconds, and others wait.

While code of ours reads, Python hands its lock on every few milliseconds, and the loop
serves the other renderers. What msgpack makes in one go (lists, scalars, objects with
text keys) keeps the lock until it is made. What is small is read where it is
dispatched: a thread would take longer to hear of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Final

from mainproc.home import Home
from mainproc.threads import Threads
from renderer.wire import messages
from renderer.wire.errors import DataCloneError
from renderer.wire.limits import KIB, LARGE_FRAME, MIB
from renderer.wire.packed_count import has_more, size_behind_bytes

Body = Any
"""A message with arguments."""
Read = Callable[[Body], list[Any]]
"""As `messages.read_args`."""

_VERY_LARGE: Final = 4 * MIB
_LONG: Final = 512 * KIB
_MANY: Final = 30_000
"""Bytes of values, and containers, that are read within milliseconds, or some tens of
them; what must be read step by step takes longest. Bytes and texts are no reason: they
are copied faster where their memory is, and each thread has its own."""


def is_large(body: Body) -> bool:
    """Tell whether the arguments of a message should be read on a thread."""
    packed: bytes = body.packed
    size: int = len(packed) or body.ByteSize()
    if size <= LARGE_FRAME:
        return False  # read within milliseconds, whatever it is
    if not packed or size > _VERY_LARGE or size_behind_bytes(packed) > _LONG:
        return True
    return has_more(packed, _MANY)


def read_aside(
    body: Body,
    threads: Threads,
    owner: object,
    home: Home,
    done: Callable[[Read], object],
) -> bool:
    """Read the arguments of a message on a thread; False if none can be started.

    Args:
        body: the message.
        threads: whose thread.
        owner: the renderer.
        home: main's loop.
        done: called there, with a function that returns what was read, or raises why
            it could not be; never if main has ended.
    """
    # Listeners find the variables that they find elsewhere: a new thread has none.
    run = copy_context().run

    def read() -> None:
        try:
            args = messages.read_args(body)
        except Exception as error:
            home.later(run, done, partial(_refuse, error))
        else:
            home.later(run, done, partial(_given, args))

    try:
        threads.run(read, owner)
    except RuntimeError:
        return False
    return True


def _given(args: list[Any], _: Body) -> list[Any]:
    return args


def _refuse(error: Exception, _: Body) -> list[Any]:
    if isinstance(error, DataCloneError):
        raise error
    raise DataCloneError(f"cannot be read: {type(error).__name__}", "args") from error


__all__ = ("Read", "is_large", "read_aside")
