"""Whether there is somebody to talk to."""

from __future__ import annotations

import sys


def is_for_people() -> bool:
    """Tell whether what is written to stderr is read by somebody as it comes."""
    return sys.stderr is not None and sys.stderr.isatty()


__all__ = ("is_for_people",)
