"""The life of a client command: one renderer, from its connection to an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from mainproc.program.people import is_for_people
from renderer.wire.errors import ConnectionClosed, IpcError, IpcTimeout, visible

if TYPE_CHECKING:
    from renderer import TLS, IpcRenderer

OK: Final = 0
FAILED: Final = 1
NO_CONNECTION: Final = 3
TIMED_OUT: Final = 4
INTERRUPTED: Final = 130

_LEAVE_WITHIN: Final = 2.0


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to main, by the options of a command."""

    address: str
    connect_timeout: float
    token: str | None = field(default=None, repr=False)
    tls: TLS | None = None

    def renderer(self, title: str) -> IpcRenderer:
        """Return a renderer that goes there."""
        from renderer import IpcRenderer

        return IpcRenderer(
            self.address,
            title=title,
            connect_timeout=self.connect_timeout,
            token=self.token,
            tls=self.tls,
            reconnect=False,
        )


def run(title: str, way: Way, use: Callable[[IpcRenderer], object]) -> NoReturn:
    """Make a renderer, use it, and end the process.

    Args:
        title: what main's log calls it.
        way: where main is, and what to show it.
        use: connects the renderer and does with it what the command is for.

    Raises:
        SystemExit: always.
    """
    _log_to_terminals_only()
    page = way.renderer(title)
    code = _outcome(use, page)
    # Whoever interrupts what follows wants the end at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _leave(page, code)
    sys.exit(code)


def _outcome(use: Callable[[IpcRenderer], object], page: IpcRenderer) -> int:
    try:
        use(page)
    except KeyboardInterrupt:
        return INTERRUPTED
    except IpcError as error:
        complain(str(error))
        if isinstance(error, ConnectionClosed):
            _tell_people_why(error)
        return exit_code(error)
    except BrokenPipeError:
        _forget_stdout()
    except OSError as error:  # a full disk, say
        complain(f"cannot write to stdout: {error.strerror}")
        return FAILED
    return OK


def _tell_people_why(error: ConnectionClosed) -> None:
    # Programs get one line for an error, and all that they can act upon is in it.
    if is_for_people():
        for note in getattr(error, "__notes__", ()):
            complain(note)


def connect(page: IpcRenderer) -> None:
    """Connect.

    Raises:
        ConnectionClosed: whatever the reason.
    """
    try:
        page.connect()
    except ConnectionClosed:
        raise
    except IpcError as error:  # it does not let us in, or not now
        raise ConnectionClosed(str(error), "not-sent") from None


def exit_code(error: IpcError) -> int:
    """Return what a command exits with after this error."""
    if isinstance(error, IpcTimeout):
        return TIMED_OUT
    return NO_CONNECTION if isinstance(error, ConnectionClosed) else FAILED


def complain(text: str) -> None:
    """Write one line to stderr."""
    if sys.stderr is not None:
        sys.stderr.write(f"mainproc: {visible(text)}\n")
        sys.stderr.flush()


def put_line(text: str) -> None:
    """Write a line to stdout, where whoever reads it gets it at once.

    Raises:
        BrokenPipeError: nobody reads it.
        OSError: it cannot be written.
    """
    if sys.stdout is None:
        raise BrokenPipeError
    sys.stdout.buffer.write(f"{text}\n".encode())  # JSON is UTF-8, whatever the locale
    sys.stdout.buffer.flush()


def _forget_stdout() -> None:
    """Let Python, which flushes it at the end, not stumble over it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _log_to_terminals_only() -> None:
    # What a program must know is in exit code and error line; that it takes a while,
    # or that an event was not asked for, is for people.
    logger = logging.getLogger("ipc.renderer")
    handler = logging.StreamHandler() if is_for_people() else logging.NullHandler()
    handler.setFormatter(_OneLine("mainproc: %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False


class _OneLine(logging.Formatter):
    def formatException(self, ei: object) -> str:
        return ""


def _leave(page: IpcRenderer, code: int) -> None:
    """Say goodbye; but a main that does not answer holds nobody up."""
    leaving = threading.Thread(target=page.close, daemon=True)
    leaving.start()
    leaving.join(_LEAVE_WITHIN)
    if leaving.is_alive():
        os._exit(code)  # all lines are written; the system closes the connection
