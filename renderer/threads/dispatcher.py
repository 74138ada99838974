"""The thread on which a renderer's listeners run, and what runs there."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, Protocol, final

from renderer.asked import Asked, reply_with
from renderer.reports import Reports
from renderer.threads.handover import Handover
from renderer.wire import messages
from renderer.wire.errors import IpcError
from renderer.wire.events import Arrived
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.listeners import ListenerTable, Registration
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default
from renderer.workers import Job, Workers

logger = logging.getLogger("ipc.renderer")

_HANDLER_THREADS: Final = 32


class Line(Protocol):
    """What a dispatcher needs of the connection that it serves."""

    @property
    def packed(self) -> bool:
        """Main reads packed values."""
        ...

    def consume(self) -> None:
        """Count the oldest message that was handed over as consumed."""
        ...

    def answer(self, parcel: Parcel, era: int) -> None:
        """Send a reply in the session of its call; it is lost if that is over."""
        ...


@final
class ThreadDispatcher:
    """Runs the listeners and handlers of one connection, one after the other.

    Args:
        table: the listeners and handlers.
        reports: told of what they raise.
        default: converts results that cannot be sent.
        hand_over: gives a job to the loop that listeners and callbacks are to run on;
            None: they run on the dispatcher's own thread.
        at_end: called when the connection is over and all else is done.
        before: the dispatcher of an earlier connection; this one begins when it ends.
    """

    def __init__(
        self,
        table: ListenerTable,
        reports: Reports,
        *,
        default: Default | None = None,
        hand_over: Callable[[Job], object] | None = None,
        at_end: Sequence[Callable[[], object]] = (),
        before: ThreadDispatcher | None = None,
    ) -> None:
        self._table = table
        self._reports = reports
        self._default = default
        self._elsewhere = None if hand_over is None else Handover(hand_over)
        self._at_end = at_end
        self._before = before
        self._line: Line | None = None
        # Of the session whose messages arrive, and of that whose are dispatched.
        self._arriving = self._asked = self._asked_in(era=0)
        self._queue: queue.SimpleQueue[Arrived | Asked | Job | None] = (
            queue.SimpleQueue()
        )
        self._stopped = False
        self._skipped = False  # a listener or handler, on another loop: too late
        self._ended = False
        self._ending = threading.RLock()  # a signal handler may post, too
        self._caught_up: queue.SimpleQueue[None] = queue.SimpleQueue()
        room = DEFAULT_LIMITS.max_running
        self._in_order = Workers("listener", threads=1, room=room)
        self._at_once = Workers("handler", threads=_HANDLER_THREADS, room=room)
        self._thread = threading.Thread(
            target=self._run, name="electron-ipc dispatcher", daemon=True
        )

    # ---- from the connection ---------------------------------------------------------

    def serve(self, line: Line) -> None:
        """Begin to dispatch."""
        self._line = line
        self._thread.start()

    def arrived(self, event: Arrived) -> None:
        """Take an event or a call."""
        if event.kind == "call":
            self._arriving.arrived(event)
        elif self._reports.tap is not None:
            self._reports.tap(event)
        self._queue.put(event)

    def cancelled(self, id: int) -> None:
        """Answer a call that has not begun."""
        self._arriving.cancelled(id)

    def start_over(self, era: int) -> None:
        """Abandon main's calls: what arrives from now on is of another session."""
        self._arriving.abandon()
        self._arriving = asked = self._asked_in(era)
        self._queue.put(asked)

    def _asked_in(self, era: int) -> Asked:
        return Asked(partial(self._send, era))

    def post(self, job: Job) -> None:
        """Run a job where listeners run, behind what was taken before.

        If their thread has ended, here.
        """
        with self._ending:
            if not self._ended:
                self._queue.put(job)
                return
        self._here_or_there(partial(self._do, job))

    def stop(self) -> None:
        """Begin no listener and no handler any more."""
        self._stopped = True
        self._in_order.stop()
        self._at_once.stop()
        self._caught_up.put(None)  # it will not, if the loop is gone

    def end(self) -> None:
        """Let the thread end behind what was taken before."""
        self._queue.put(None)

    def is_current(self) -> bool:
        """Tell whether the caller runs on this thread."""
        return self._thread is threading.current_thread()

    def drain(self, timeout: float) -> bool:
        """Wait until what was taken before has been dispatched; return whether it has.

        Not on its own thread, where that would be now; and not with a loop to hand
        over to, which may be waiting for us.
        """
        if self._thread.ident is None or self.is_current() or self._elsewhere:
            return True
        done = threading.Event()
        self.post(done.set)
        return done.wait(timeout)

    def settle(self, timeout: float) -> bool:
        """Like `drain`; what runs on other threads has ended as well."""
        until = monotonic() + timeout
        return self.drain(timeout) and all(
            workers.rest(until - monotonic())
            for workers in (self._in_order, self._at_once)
        )

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, unless it never began or is the caller."""
        if self._thread.ident is not None and not self.is_current():
            self._thread.join(timeout)

    # ---- on the thread ---------------------------------------------------------------

    def _run(self) -> None:
        if self._before is not None:
            self._before._thread.join()  # noqa: SLF001 - one of us
            self._before = None
        while (item := self._queue.get()) is not None:
            if isinstance(item, Asked):
                self._asked = item
                continue
            if not isinstance(item, Arrived):
                self._here_or_there(partial(self._do, item))
                continue
            if not self._stopped:  # else main is not to believe that it was heard
                self._dispatch(item)
                self._here_or_there(self._consumed)
            del item
        for hook in tuple(self._at_end):
            self._here_or_there(partial(self._do, hook))
        self._catch_up()
        with self._ending:
            self._ended = True
        self.stop()
        # Jobs that were posted while the thread ended.
        while not self._queue.empty():
            item = self._queue.get()
            if callable(item):
                self._here_or_there(partial(self._do, item))

    def _consumed(self) -> None:
        if self._line is not None and not self._skipped:
            self._line.consume()

    def _do(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            logger.exception("a callback raised")

    def _dispatch(self, event: Arrived) -> None:
        if event.kind == "event":
            channel = event.body.channel
            try:
                args = messages.read_args(event.body)
            except IpcError as error:
                self._reports.raised("listener", channel, error)
            else:
                self._tell(channel, args)
        elif self._asked.is_waiting(event.message.id):
            self._ask(event.message.id, event)

    # ---- events ----------------------------------------------------------------------

    def _tell(self, channel: str, args: Sequence[Any]) -> None:
        listeners = self._table.take(channel)
        if not listeners:
            self._reports.not_heard(channel)
        for listener in listeners:
            job = partial(self._call, listener, args)
            if listener.thread:
                self._in_order.run(job)
            else:
                self._begin(job)

    def _call(self, listener: Registration, args: Sequence[Any]) -> None:
        try:
            listener.fn(*args)
        except BaseException as error:  # also a sys.exit(): the thread must go on
            self._reports.failed(listener, args, error)
            if _interrupt(error) is not None:
                raise

    # ---- calls -----------------------------------------------------------------------

    def _ask(self, id: int, event: Arrived) -> None:
        served = self._asked.served_by(event, self._table)
        if served is None:
            return
        handler, args = served
        job = partial(self._handle, self._asked, id, handler, args)
        if handler.thread:
            self._at_once.run(job)
        else:
            self._begin(job)

    def _handle(
        self, asked: Asked, id: int, handler: Registration, args: Sequence[Any]
    ) -> None:
        if not asked.begin(id):
            return
        interrupt: BaseException | None = None
        lane = asked.lane(id)
        try:
            packed = self._line is not None and self._line.packed
            result = self._asked.inside(id, handler.fn)(*args)
            reply = reply_with(id, result, self._default, packed=packed, lane=lane)
        except BaseException as error:  # crosses to the caller
            raised = self._reports.failed(handler, args, error)
            reply = messages.raised(id, raised, self._default, lane=lane)
            interrupt = _interrupt(error)
        asked.answer(id, reply)
        if interrupt is not None:
            raise interrupt

    def _send(self, era: int, parcel: Parcel) -> None:
        if self._line is not None:
            self._line.answer(parcel, era)

    # ---- another loop ----------------------------------------------------------------

    def _here_or_there(self, job: Job) -> None:
        if self._elsewhere is None:
            job()
        else:
            self._elsewhere.run(job)

    def _begin(self, job: Job) -> None:
        """Run a listener or handler; on another loop, unless it is too late then."""
        if self._elsewhere is None:
            job()
        else:
            self._elsewhere.run(partial(self._unless_stopped, job))

    def _unless_stopped(self, job: Job) -> None:
        if self._stopped:
            self._skipped = True
        else:
            job()

    def _catch_up(self) -> None:
        """Wait until the other loop has done what it was given, or nobody cares."""
        if self._elsewhere is None or self._stopped:
            return
        if self._elsewhere.run(partial(self._caught_up.put, None)):
            self._caught_up.get()  # `stop` ends this, too


def _interrupt(error: BaseException) -> BaseException | None:
    """Return what a listener must let pass: Ctrl-C on a GUI's own thread."""
    own = threading.current_thread() is not threading.main_thread()
    return None if own or isinstance(error, Exception) else error


__all__ = ("ThreadDispatcher",)
