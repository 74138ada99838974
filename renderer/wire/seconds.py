"""Timeouts: seconds that everything here can wait."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 100 * 365 * 24 * 3600.0
"""Locks and queues of Python refuse to wait for centuries."""


def seconds(timeout: float | None) -> float | None:
    """Return a timeout; None (for ever) if it is longer than anybody waits.

    Args:
        timeout: in seconds, maybe infinite; None: for ever.

    Raises:
        ValueError: it is NaN.
    """
    if timeout is None or timeout > _LONGEST:
        return None
    if timeout != timeout:
        raise ValueError("a timeout is a number of seconds, not NaN; None: for ever")
    return timeout


__all__ = ("seconds",)
