"""Timeouts: seconds that everything here can wait."""

from __future__ import annotations

from numbers import Real
from typing import Final

_LONGEST: Final = 100 * 365 * 24 * 3600.0
"""Locks and queues of Python refuse to wait for centuries."""


def seconds(timeout: float | None) -> float | None:
    """Return a timeout; None (for ever) if it is longer than anybody waits.

    Args:
        timeout: in seconds, maybe infinite; None: for ever.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN.
    """
    if timeout is None:
        return None
    try:
        # Who asks for its type would have every call pay for it.
        if timeout > _LONGEST:
            return None
        timeout += 0.0
    except TypeError:
        raise _no_number("timeout", timeout, " or None: for ever") from None
    if timeout != timeout:
        raise ValueError("a timeout is a number of seconds, not NaN; None: for ever")
    return timeout


def check_seconds(name: str, given: object) -> None:
    """Raise if a setting is no number of seconds.

    Args:
        name: of the setting, as its user writes it.
        given: what was given for it.

    Raises:
        TypeError: it is no number.
    """
    if not isinstance(given, Real):
        raise _no_number(name, given)


def _no_number(name: str, given: object, instead: str = "") -> TypeError:
    kind = type(given).__name__
    return TypeError(f"{name} is a number of seconds{instead}; given was: {kind}")


__all__ = ("check_seconds", "seconds")
