"""Threads that cannot be started, as where a container is at its limit of pids."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def no_more_threads(prefix: str) -> Iterator[list[str]]:
    """Let no thread start whose name begins so; yield the names of those that would."""
    start = threading.Thread.start
    refused: list[str] = []

    def start_if_other(thread: threading.Thread) -> None:
        if thread.name.startswith(prefix):
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    with patch.object(threading.Thread, "start", start_if_other):
        yield refused


__all__ = ("no_more_threads",)
