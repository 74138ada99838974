"""What a process holds, in counts: what must be flat, however much went through it."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
from collections import Counter
from typing import Final

_OURS: Final = ("mainproc.", "renderer.", "electron_ipc.")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_LIBC: Final = ctypes.CDLL(None)

Vitals = dict[str, int]
"""Names of what is counted, and how much of it there is."""


def vitals() -> Vitals:
    """Return what this process holds right now, garbage excluded."""
    gc.collect()
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * _PAGE
    return {
        "objects of ours": sum(_instances().values()),
        "blocks of Python": sys.getallocatedblocks(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "threads of gRPC": len(os.listdir("/proc/self/task")),
        "tasks": _tasks(),
        "resident KiB": resident // 1024,
    }


def kinds() -> list[tuple[str, int]]:
    """Return the classes of ours with the most instances, to tell what has grown."""
    return _instances().most_common(12)


def _instances() -> Counter[str]:
    return Counter(
        f"{cls.__module__}.{cls.__qualname__}"
        for cls in map(type, gc.get_objects())
        if str(cls.__module__).startswith(_OURS)  # some have a descriptor there
    )


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no loop runs here
        return 0


def grown(before: Vitals, after: Vitals, slack: Vitals) -> list[str]:
    """Return what has become more than it was, beyond the slack it is given."""
    return [
        f"{name}: {before[name]} -> {count}"
        for name, count in after.items()
        if count > before[name] + slack.get(name, 0)
    ]
