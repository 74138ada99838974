"""How a process that is a main process, and nothing else, treats its memory.

These are policies of a whole process, so `mainproc.run` sets them, which owns it, and
`mainproc.serve` does not. Whoever has set them otherwise before has decided.
"""

from __future__ import annotations

import ctypes
import gc
import os
from typing import Final

MIB: Final = 1024 * 1024

# Of <malloc.h>.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

_PYTHONS_OWN: Final = (700, 2_000)  # thresholds of its youngest generation, by version
_YOUNG: Final = 10_000
"""Objects until the collector looks: more than the messages on their way at a time, or
they grow old in its eyes, and it looks again and again at all renderers there are."""

_KEPT: Final = 64 * MIB  # at the end of the heap, at most; a message has no more
_FROM_HEAP: Final = 32 * MIB  # allocations up to this; glibc takes no larger number


def keep_freed_memory() -> bool:
    """Let malloc keep what one large message has freed for the next one.

    By default glibc returns the end of its heap to the system as soon as it has some
    MiB, and every message of that size has its pages zeroed and mapped anew: most of
    the time that it takes to read one (`python -m tests.bench.micro codec`). Nothing
    happens where glibc's own variables are set.

    Returns:
        Whether malloc has heard of it.
    """
    if "GLIBC_TUNABLES" in os.environ or any(
        name.startswith("MALLOC_") for name in os.environ
    ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another system's C library
        return False
    return bool(
        mallopt(_M_TRIM_THRESHOLD, _KEPT) and mallopt(_M_MMAP_THRESHOLD, _FROM_HEAP)
    )


def collect_less_often() -> bool:
    """Let Python's collector look less often, and at less.

    Messages live long enough to survive its shortest round, and then it counts them as
    old: with 2,000 renderers that cost a fifth of an echo (`python -m tests.bench
    --only growth_many_vs_alone`). What is loaded already it need not look at again.
    Nothing happens where the thresholds are not Python's own.

    Returns:
        Whether anything has changed.
    """
    if not gc.isenabled() or gc.get_threshold()[0] not in _PYTHONS_OWN:
        return False
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    return True


__all__ = ("collect_less_often", "keep_freed_memory")
