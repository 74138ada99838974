"""Being told to stop: an orderly end, also of a main whose loop somebody holds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, final

from mainproc.children import leftovers

_TOLD_TWICE: Final = 130
_HELD: Final = 1
_AT_LEAST: Final = 1.0
"""Seconds that the loop has in any case: a busy machine is not a held main."""
_STEPS: Final = 10
"""In so many parts that time is waited for: one that pauses loses one of them."""


@final
class StopSignals:
    """Asks a main process to stop when it is told to, and insists if it must.

    The handlers are Python's own and not the loop's: a plain function that holds the
    loop does not hold them. A second signal ends the process at once. If the loop does
    not even hear the first one within the grace, a thread names who holds it, and ends
    the process.

    Args:
        grace: seconds the loop has to hear of it.
    """

    def __init__(self, grace: float) -> None:
        self.stop = asyncio.Event()
        """Set on the loop when a signal has come."""
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._main_thread = threading.get_ident()
        # Putting into it is safe within a signal handler; starting a thread is not.
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.told = False
        """A signal has come; the next one ends the process."""

    def install(self) -> None:
        """Handle both signals from now on; only on the main thread."""
        name = "mainproc-signals"
        threading.Thread(target=self._insist, name=name, daemon=True).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def tell(self) -> None:
        """Ask for the end as a first signal does; from any thread."""
        self._news.put("told")
        # A loop that is closed has ended already.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hear)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.told:
            _exit(_TOLD_TWICE)
        self.told = True
        if number == signal.SIGINT and self._loop.is_closed():
            raise KeyboardInterrupt  # main has ended; what runs now is the script
        self.tell()

    def _hear(self) -> None:
        self._news.put("heard")
        self.stop.set()

    def _insist(self) -> None:
        self._news.get()
        if self._is_heard() or self._loop.is_closed():
            return
        frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - documented
        frame = frames.get(self._main_thread)
        where = f" ({_place(frame)})" if frame is not None else ""
        sys.stderr.write(
            f"mainproc: a listener or handler holds main{where}; ended without it\n"
        )
        sys.stderr.flush()
        _exit(_HELD)

    def _is_heard(self) -> bool:
        step = max(self._grace, _AT_LEAST) / _STEPS
        for _ in range(_STEPS):
            with contextlib.suppress(queue.Empty):
                while self._news.get(timeout=step) != "heard":
                    pass  # told by something else, too
                return True
        return False


def _exit(code: int) -> NoReturn:
    leftovers.remove_all()  # nobody else will
    os._exit(code)


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_qualname}, {Path(code.co_filename).name}:{frame.f_lineno}"
