"""How long processes have kept the processors busy."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec


def busy(pids: Iterable[int]) -> float | None:
    """Return the seconds that all of these have computed; None if nobody can tell."""
    if find_spec("psutil") is None:
        return None
    import psutil

    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(float(time.user + time.system) for time in times)
