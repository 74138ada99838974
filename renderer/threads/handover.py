"""Listeners on a loop of the program's own, such as that of a GUI (`dispatch=`)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, final

from renderer.workers import Job

logger = logging.getLogger("ipc.renderer")

_LONGEST_VISIT_S: Final = 0.01
"""After so long the loop may do something else, however much waits."""


@final
class Handover:
    """Jobs that run on another loop, one after the other.

    The loop is visited once for all that waits, and not once for each: one that looks
    for work every few milliseconds would do a few jobs in a second.

    Args:
        give: has the loop call a function, from any thread.
    """

    def __init__(self, give: Callable[[Job], object]) -> None:
        self._give = give
        self._jobs: deque[Job] = deque()
        # Popping the one item is atomic: whoever gets it arranges the next visit.
        self._right_to_visit = [True]

    def run(self, job: Job) -> bool:
        """Have a job run behind those that wait.

        Returns:
            Whether the loop will see to it. If not, the job waits for the next one.
        """
        self._jobs.append(job)
        return self._arrange()

    def _arrange(self) -> bool:
        try:
            self._right_to_visit.pop()
        except IndexError:
            return True
        try:
            self._give(self._visit)
        except Exception:
            self._right_to_visit.append(True)
            logger.exception("dispatch= raised; listeners wait for the next message")
            return False
        return True

    def _visit(self) -> None:
        until = monotonic() + _LONGEST_VISIT_S
        try:
            while self._jobs:
                self._jobs.popleft()()
                if monotonic() > until:
                    break
        finally:  # also after a Ctrl-C, which a job lets out
            self._right_to_visit.append(True)
            if self._jobs:
                self._arrange()


__all__ = ("Handover",)
