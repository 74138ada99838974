"""What the process keeps of the memory that large messages have used."""

from __future__ import annotations

import ctypes
import os
from typing import Final

MIB: Final = 1024 * 1024

# Of <malloc.h>.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

_KEPT: Final = 64 * MIB  # at the end of the heap, at most; a message has no more
_FROM_HEAP: Final = 32 * MIB  # allocations up to this; glibc takes no larger number


def keep_freed_memory() -> bool:
    """Let malloc keep what one large message has freed for the next one.

    By default glibc returns the end of its heap to the system as soon as it has some
    MiB, and every message of that size has its pages zeroed and mapped anew: most of
    the time that it takes to read one (`python -m tests.bench.micro codec`). This is a
    policy for the whole process, so only a program that is a main process and nothing
    else should call it. Whoever has set glibc's own variables has decided otherwise.

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


__all__ = ("keep_freed_memory",)
