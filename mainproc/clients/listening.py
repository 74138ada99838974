"""`mainproc listen`: events as lines of JSON."""

from __future__ import annotations

import select
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, final

from mainproc.clients.client import complain, connect, put_line
from mainproc.clients.json_values import to_json
from mainproc.program.people import is_for_people
from renderer.wire.errors import IpcTimeout, quote
from renderer.wire.seconds import seconds

if TYPE_CHECKING:
    from renderer import IpcRenderer


@final
class Listening:
    """Writes events to stdout until there is a reason to end.

    Args:
        channels: on which.
        count: how many; None for all.
        timeout: seconds after which to give up; None for never.
    """

    def __init__(
        self, channels: Sequence[str], count: int | None, timeout: float | None
    ) -> None:
        self._channels = tuple(dict.fromkeys(channels))
        self._count = count
        self._timeout = seconds(timeout)
        self._heard = 0
        self._over: SimpleQueue[_End] = SimpleQueue()

    def __call__(self, page: IpcRenderer) -> None:
        """Connect a renderer, and listen.

        Raises:
            BrokenPipeError: nobody reads stdout any more.
            OSError: stdout cannot be written to.
            ConnectionClosed: there is no main, or the connection broke.
            IpcTimeout: the time is over.
        """
        for channel in self._channels:
            page.on(channel, partial(self._hear, channel))
        page.on_error(_cannot_read)
        page.on_disconnect(partial(self._over.put, lambda: _check_goodbye(page)))
        connect(page)
        _tell_people(self._channels, page)
        _watch_stdout(partial(self._over.put, _nobody_reads))
        try:
            end = self._over.get(timeout=self._timeout)
        except Empty:
            raise self._too_late() from None
        end()

    def _hear(self, channel: str, *args: Any) -> None:
        if self._heard == self._count:
            return
        try:
            put_line(to_json({"channel": channel, "args": args}))
        except OSError as error:
            self._over.put(partial(_raise, error))
            return
        self._heard += 1
        if self._heard == self._count:
            self._over.put(_enough)

    def _too_late(self) -> IpcTimeout:
        wanted = "" if self._count is None else f" of {self._count:,}"
        return IpcTimeout(
            f"{self._heard:,}{wanted} events came within {self._timeout:g} s"
        )


# ---- how it ends: each is called where the command waits -----------------------------

_End = Callable[[], None]
_SOON: Final = 5.0


def _enough() -> None:
    pass


def _nobody_reads() -> None:
    raise BrokenPipeError


def _raise(error: OSError) -> None:
    raise error


def _check_goodbye(page: IpcRenderer) -> None:
    if not page.wait(_SOON):
        page.drain(0)  # raises what became of the connection


def _cannot_read(error: Exception, channel: str) -> None:
    complain(f"an event on {quote(channel)} is left out: {error}")


def _tell_people(channels: Sequence[str], page: IpcRenderer) -> None:
    if is_for_people():
        names = ", ".join(map(quote, channels))
        where = f"to {page.address}, as renderer {page.id}"
        complain(f"listening for {names}; connected {where}; Ctrl-C ends it")


def _watch_stdout(then: Callable[[], object]) -> None:
    """Call a function when nobody reads stdout any more, without writing to it."""
    if sys.stdout is None or not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are reported unasked

    def watch() -> None:
        poll.poll()
        then()

    threading.Thread(target=watch, name="mainproc-stdout", daemon=True).start()
