"""What answers main's calls on an event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, final

from renderer.aio.crew import Crew
from renderer.asked import Asked, reply_with
from renderer.reports import Reports
from renderer.wire import messages
from renderer.wire.errors import IpcTimeout, quote
from renderer.wire.events import Arrived
from renderer.wire.listeners import NO_AWAITABLES, ListenerTable, Registration
from renderer.wire.parcel import Parcel
from renderer.wire.values import Default

RAISED: Final = (Exception, asyncio.CancelledError)
"""What a plain function may raise: one that looks at a cancelled future lets that out.
SystemExit and KeyboardInterrupt end the program."""


class Way(Protocol):
    """Where replies go out."""

    @property
    def packed(self) -> bool:
        """Main reads packed values."""
        ...

    def answer(self, parcel: Parcel) -> None:
        """Send a reply; it is lost if the session is over."""
        ...


class _Running(NamedTuple):
    """A handler that runs as a task."""

    task: asyncio.Task[None]
    timer: asyncio.TimerHandle | None


@final
class AioHandlers:
    """Runs the handlers for the calls of one session. All on the loop.

    Each call gets exactly one reply on that session, and none on another: main's ids
    begin anew with it.

    Args:
        table: the handlers.
        reports: told of what they raise.
        way: where replies go.
        loop: the loop that they run on.
        crew: runs those that take their time.
        default: converts results that cannot be sent.
    """

    def __init__(
        self,
        table: ListenerTable,
        reports: Reports,
        way: Way,
        loop: asyncio.AbstractEventLoop,
        crew: Crew,
        default: Default | None,
    ) -> None:
        self._table = table
        self._reports = reports
        self._way = way
        self._loop = loop
        self._crew = crew
        self._default = default
        self._asked = Asked(self._answer)
        self._running: dict[int, _Running] = {}
        self._closer: asyncio.Task[Any] | None = None  # maybe one of them
        self._lost = False
        self._thread = threading.get_ident()

    def arrived(self, call: Arrived) -> None:
        """Take a call that waits for its turn."""
        self._asked.arrived(call)

    def cancelled(self, id: int) -> None:
        """Answer a call that main no longer waits for, and stop its handler."""
        running = self._running.get(id)
        if running is None:
            self._asked.cancelled(id)
        else:
            self._asked.cancel(id)
            running.task.cancel()

    def abandon(self) -> None:
        """Cancel those that run: nobody hears the results."""
        for running in tuple(self._running.values()):
            if running.task is not self._closer:
                running.task.cancel()

    def spare_closer(self) -> None:
        """Note that the running task closes the connection: it is not cancelled."""
        self._closer = self._closer or asyncio.current_task()

    def lose(self) -> None:
        """Cancel those that run, and answer nothing any more: the session is lost."""
        self._lost = True
        self.abandon()

    def _answer(self, reply: Parcel) -> None:
        if threading.get_ident() != self._thread:
            self._crew.tell_loop(self._answer, reply)
        elif not self._lost:
            self._way.answer(reply)

    # ---- one call --------------------------------------------------------------------

    def begin(self, call: Arrived) -> bool:
        """Serve a call whose turn it is; return whether that started a task."""
        id = call.message.id
        if not self._asked.is_waiting(id):
            return False
        served = self._asked.served_by(call, self._table)
        if served is None:
            return False
        handler, args = served
        if handler.thread:
            self._crew.run_at_once(partial(self._handle_there, id, handler, args))
            return False
        return self._handle(id, handler, args)

    def _handle(self, id: int, handler: Registration, args: Sequence[Any]) -> bool:
        left = self._asked.left(id)
        if not self._asked.begin(id):
            return False
        try:
            result = self._asked.inside(id, handler.fn)(*args)
        except RAISED as error:
            self._failed(id, handler, args, error)
            return False
        if type(result) in NO_AWAITABLES or not inspect.isawaitable(result):
            self._asked.answer(id, self._reply(id, handler, args, result))
            return False
        running = self._await_handler(id, handler, args, result)
        task = self._crew.start(running, result, self._asked.context(id))
        if task is None:
            return False
        timer = None
        if left is not None:
            timer = self._loop.call_later(left, self._expire, id, handler.channel)
        self._running[id] = _Running(task, timer)
        task.add_done_callback(partial(self._ended, id))
        return True

    async def _await_handler(
        self,
        id: int,
        handler: Registration,
        args: Sequence[Any],
        running: Awaitable[Any],
    ) -> None:
        try:
            result = await running
        except asyncio.CancelledError as error:
            # By us: it has its reply. Otherwise the handler did that itself.
            reply = messages.raised(id, error, lane=self._asked.lane(id))
            self._asked.answer(id, reply)
        except Exception as error:
            self._failed(id, handler, args, error)
        else:
            self._asked.answer(id, self._reply(id, handler, args, result))

    def _ended(self, id: int, _: asyncio.Task[None]) -> None:
        timer = self._running.pop(id).timer
        if timer is not None:
            timer.cancel()

    def _expire(self, id: int, channel: str) -> None:
        text = f"{quote(channel)} took longer than its caller waits"
        self._asked.refuse(id, IpcTimeout(text))
        self._running[id].task.cancel()

    def _handle_there(
        self, id: int, handler: Registration, args: Sequence[Any]
    ) -> None:
        if self._lost or not self._asked.begin(id):
            return
        try:
            result = self._asked.inside(id, handler.fn)(*args)
        except BaseException as error:  # there is nobody else to see it on a thread
            reply = self._failure(id, handler, args, error)
        else:
            reply = self._reply(id, handler, args, result)
        self._crew.tell_loop(self._asked.answer, id, reply)

    def _reply(
        self, id: int, handler: Registration, args: Sequence[Any], result: object
    ) -> Parcel:
        try:
            packed, lane = self._way.packed, self._asked.lane(id)
            return reply_with(id, result, self._default, packed=packed, lane=lane)
        except Exception as error:
            return self._failure(id, handler, args, error)

    def _failure(
        self,
        id: int,
        handler: Registration,
        args: Sequence[Any],
        error: BaseException,
    ) -> Parcel:
        raised = self._reports.failed(handler, args, error)
        lane = self._asked.lane(id)
        return messages.raised(id, raised, self._default, lane=lane)

    def _failed(
        self,
        id: int,
        handler: Registration,
        args: Sequence[Any],
        error: BaseException,
    ) -> None:
        self._asked.answer(id, self._failure(id, handler, args, error))


__all__ = ("RAISED", "AioHandlers", "Way")
