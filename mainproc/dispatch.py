"""Calling listeners and handlers: what a message does once its turn has come."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, Literal

from mainproc.application import app
from mainproc.calls import Call, SyncCall
from mainproc.events import IpcMainEvent, IpcMainInvokeEvent
from mainproc.guard import handler_for, listeners_for
from mainproc.home import Home
from mainproc.observe.observer import ObservedCall, name_of
from mainproc.security.masks import masked
from mainproc.security.refusals import refuse
from mainproc.threads import Job, Threads
from mainproc.web_contents import WebContents
from mainproc.work import STARTS_AT_ONCE, Work
from renderer.wire.errors import quote
from renderer.wire.failures import log_info
from renderer.wire.listeners import (
    NO_AWAITABLES,
    ListenerTable,
    Registration,
    no_handler,
    no_listener,
)
from renderer.wire.metadata import context_of
from renderer.wire.values import Default

logger = logging.getLogger("ipc.main")

ErrorHook = Callable[[BaseException, IpcMainEvent | IpcMainInvokeEvent], object]

_HELD_TOO_LONG: Final = 0.25
"""Seconds a plain function may hold main's loop before that is worth a warning."""
_CHANNELS_REMEMBERED: Final = 1_000
"""A peer chooses channel names: warn of so many, then no more."""
_LONGEST_REMEMBERED: Final = 200
"""Letters of such a name; those that begin alike are warned of as one."""
_THREADS: Final = 32
_READERS: Final = 1
"""Threads that read large messages: they cannot run at once, and what they read is
held in memory. More are there for renderers that would have none; see `Threads`."""
_RAISED: Final = (Exception, asyncio.CancelledError, SystemExit)
"""What a plain function may raise. CancelledError, because one that looks at a future
may let it out, and it would end the renderer's link; SystemExit, to end in order."""


class Dispatcher:
    """Calls what is registered for a message, on main's loop.

    Each method returns whether a task was started that has not run yet; the next
    message must then wait for one turn of the loop, so that tasks start in order.

    Args:
        table: the listeners and handlers of this main process.
        default: converts results that have no form on the wire.
        debug: send tracebacks to callers.
    """

    def __init__(
        self, table: ListenerTable, *, default: Default | None, debug: bool = False
    ) -> None:
        self.error_hook: ErrorHook | None = None
        """Told of what listeners raise, instead of the log."""
        self.unheard = 0
        """Events that arrived on a channel without listener."""
        self.observer: Callable[[BaseException, IpcMainEvent], object] | None = None
        """Told, besides the log, of what listeners raise when no caller hears of it."""
        self.mask_errors = False
        """Callers are not told what listeners and handlers raised."""
        self._table = table
        self._default = default
        self._debug = debug
        self.warned: set[tuple[str, str]] = set()
        """What was said once, and on which channel; it is not said again."""
        self._mains = 0  # that serve by this
        self._mains_lock = threading.Lock()  # their loops may be on several threads
        self._handler_threads, self._listener_threads, self.readers = _threads()

    def work(
        self,
        contents: WebContents,
        home: Home,
        limit: int,
        on_room: Callable[[], object],
        owner: WebContents | None = None,
    ) -> Work:
        """Give a renderer its work: what runs for it.

        Args:
            contents: the renderer.
            home: main's loop.
            limit: how much may run at once before `full`.
            on_room: called on the loop when something has ended.
            owner: the renderer once more, where it matters to what runs for whom it
                does. Not for a one-shot: both would be left to the collector.
        """
        work = Work(
            home,
            owner,
            handlers=self._handler_threads,
            listeners=self._listener_threads,
            limit=limit,
            on_room=on_room,
        )
        contents.home, contents.work = home, work
        return work

    def open(self) -> None:
        """Note that a main process serves by this, until it calls `close`."""
        with self._mains_lock:
            self._mains += 1

    def close(self) -> None:
        """With the last main process, let the threads end after what they run.

        New ones serve what may come.
        """
        with self._mains_lock:
            self._mains = max(0, self._mains - 1)
            if self._mains:
                return
            self._handler_threads.stop()
            self._listener_threads.stop()
            self.readers.stop()
            self._handler_threads, self._listener_threads, self.readers = _threads()

    # ---- events and sync messages ----------------------------------------------------

    def event(self, contents: WebContents, channel: str, args: Sequence[Any]) -> bool:
        """Call the listeners of an event."""
        permissions = contents.permissions
        if permissions is not None and not permissions.send[channel]:
            refuse(contents, "send", channel)
            return False
        listeners = self._listeners(contents, channel)
        if not listeners:
            if self._is_for_others(contents, channel):
                refuse(contents, "send", channel)
            else:
                self._warn_unheard(contents, channel)
            return False
        event = IpcMainEvent(contents, channel)
        if len(listeners) == 1 and not listeners[0].thread:
            return self._call_listener(listeners[0], event, args, None)
        return self._call_all(listeners, event, args, None)

    def sync(self, contents: WebContents, call: SyncCall, args: Sequence[Any]) -> bool:
        """Call the listeners of a sync message, which may set its return value."""
        permissions = contents.permissions
        if permissions is not None and not permissions.sync[call.channel]:
            call.refuse(refuse(contents, "sync", call.channel))
            return False
        listeners = self._listeners(contents, call.channel)
        if not listeners:
            if self._is_for_others(contents, call.channel):
                call.refuse(refuse(contents, "sync", call.channel))
                return False
            error = no_listener(call.channel, *self._shown_tables(contents))
            call.refuse(error)
            contents.observers.refused(contents, error, call.channel)
            return False
        call.begin(listeners)
        if call.metadata or contents.observers.each:
            _enter(contents, call, "sync")
        # The event must not be held here: when it is gone and nobody has replied,
        # nobody will.
        started = self._call_all(
            listeners, IpcMainEvent(contents, call.channel, call), args, call
        )
        call.finish()
        return started

    def _listeners(
        self, contents: WebContents, channel: str
    ) -> tuple[Registration, ...]:
        own, table = contents.own_table, self._table
        if table.guarded or (own is not None and own.guarded):
            return listeners_for(contents, channel, self._tables(contents))
        listeners = table.take(channel)
        return listeners if own is None else own.take(channel) + listeners

    def _is_for_others(self, contents: WebContents, channel: str) -> bool:
        """Tell whether there are listeners, but none for this renderer."""
        return any(t.guarded and t.count(channel) for t in self._tables(contents))

    def _tables(self, contents: WebContents) -> tuple[ListenerTable, ...]:
        own = contents.own_table
        return (self._table,) if own is None else (own, self._table)

    def _shown_tables(self, contents: WebContents) -> tuple[ListenerTable, ...]:
        """Return those whose names may help a renderer that has mistaken one."""
        return self._tables(contents) if contents.permissions is None else ()

    def _call_all(
        self,
        listeners: Sequence[Registration],
        event: IpcMainEvent,
        args: Sequence[Any],
        call: SyncCall | None,
    ) -> bool:
        started = False
        for listener in listeners:
            if listener.thread:
                job = partial(self._call_on_thread, listener, event, args, call)
                self._start_listener(job, event, call)
            else:
                started |= self._call_listener(listener, event, args, call)
        return started

    def _call_listener(
        self,
        listener: Registration,
        event: IpcMainEvent,
        args: Sequence[Any],
        call: SyncCall | None,
    ) -> bool:
        fn = listener.fn if call is None else call.inside(listener.fn)
        began = monotonic()
        try:
            result = fn(event, *args)
        except _RAISED as error:
            _note_arity(error, event.channel, args)
            self._listener_raised(error, event, call)
            result = None
        if monotonic() - began > _HELD_TOO_LONG:
            self._tell_held("listener", event.channel, monotonic() - began)
        if type(result) not in NO_AWAITABLES and inspect.isawaitable(result):
            running = self._await_listener(result, event, call)
            context = None if call is None else call.context
            work = event.sender.work
            task = work.start(running, event.channel, result, context)
            return not (STARTS_AT_ONCE or task.done())
        if call is not None:
            call.finish(returned=result is not None)
        return False

    async def _await_listener(
        self, running: Awaitable[Any], event: IpcMainEvent, call: SyncCall | None
    ) -> None:
        returned = False
        try:
            returned = await running is not None
        except asyncio.CancelledError as error:
            if call is not None:  # main ends; or it looked at what was cancelled
                self._tell_caller(call.listener_raised, error)
        except (Exception, SystemExit) as error:
            self._listener_raised(error, event, call)
        finally:
            del running, event  # the last references here, before the decision
            if call is not None:
                call.finish(returned=returned)

    def _call_on_thread(
        self,
        listener: Registration,
        event: IpcMainEvent,
        args: Sequence[Any],
        call: SyncCall | None,
    ) -> None:
        home = event.sender.home
        fn = listener.fn if call is None else call.inside(listener.fn)
        returned = False
        try:
            returned = fn(event, *args) is not None
        except BaseException as error:  # there is nobody else to see it on a thread
            _note_arity(error, event.channel, args)
            self._listener_raised(error, event, call)
        if call is not None:
            home.call(partial(call.finish, returned=returned))

    def _start_listener(
        self, job: Job, event: IpcMainEvent, call: SyncCall | None
    ) -> None:
        try:
            event.sender.work.run_in_order(job, event.channel)
        except RuntimeError as error:  # no thread can be started
            self._listener_raised(error, event, call)
            if call is not None:
                call.finish()

    def _listener_raised(
        self, error: BaseException, event: IpcMainEvent, call: SyncCall | None
    ) -> None:
        if call is not None:
            self._tell_caller(call.listener_raised, error)
        elif self.observer is not None and self.error_hook is None:
            self.observer(error, event)
        self._report("listener", error, event)

    # ---- invokes ---------------------------------------------------------------------

    def invoke(self, contents: WebContents, call: Call, args: Sequence[Any]) -> bool:
        """Call the one handler of an invoke."""
        permissions = contents.permissions
        if permissions is not None and not permissions.invoke[call.channel]:
            call.refuse(refuse(contents, "invoke", call.channel))
            return False
        handler, is_for_others = self._handler(contents, call.channel)
        if is_for_others:
            call.refuse(refuse(contents, "invoke", call.channel))
            return False
        if handler is None:
            error = no_handler(call.channel, *self._shown_tables(contents))
            if self._first_time("unhandled", call.channel):
                logger.warning("%s asked in vain: %s", contents, error)
            call.refuse(error)
            contents.observers.refused(contents, error, call.channel)
            return False
        if call.metadata or contents.observers.each:
            _enter(contents, call, "invoke")
        event = IpcMainInvokeEvent(contents, call.channel, call)
        if handler.thread:
            job = partial(self._handle_on_thread, handler, event, args, call)
            try:
                contents.work.run(job, call.channel)
            except RuntimeError as error:  # no thread can be started
                self._handler_raised(error, event, call)
            return False
        return self._handle(handler, event, args, call)

    def _handler(
        self, contents: WebContents, channel: str
    ) -> tuple[Registration | None, bool]:
        """Return the handler, and whether there is one, but not for this renderer."""
        own, table = contents.own_table, self._table
        if table.guarded or (own is not None and own.guarded):
            return handler_for(contents, channel, self._tables(contents))
        handler = None if own is None else own.take_handler(channel)
        return handler or table.take_handler(channel), False

    def _handle(
        self,
        handler: Registration,
        event: IpcMainInvokeEvent,
        args: Sequence[Any],
        call: Call,
    ) -> bool:
        began = monotonic()
        try:
            result = call.inside(handler.fn)(event, *args)
        except _RAISED as error:
            _note_arity(error, event.channel, args)
            self._handler_raised(error, event, call)
            return False
        finally:
            if monotonic() - began > _HELD_TOO_LONG:
                self._tell_held("handler", event.channel, monotonic() - began)
        if type(result) in NO_AWAITABLES or not inspect.isawaitable(result):
            self._resolve(result, event, call)
            return False
        running = self._await_handler(result, event, call)
        task = event.sender.work.start(running, call.channel, result, call.context)
        if task.done():
            return False
        call.task = task
        return not STARTS_AT_ONCE

    async def _await_handler(
        self, running: Awaitable[Any], event: IpcMainInvokeEvent, call: Call
    ) -> None:
        try:
            result = await running
        except asyncio.CancelledError as error:
            # Cancelled by us: settled already. Otherwise the handler did it itself.
            self._tell_caller(call.fail, error)
        except (Exception, SystemExit) as error:
            self._handler_raised(error, event, call)
        else:
            self._resolve(result, event, call)

    def _handle_on_thread(
        self,
        handler: Registration,
        event: IpcMainInvokeEvent,
        args: Sequence[Any],
        call: Call,
    ) -> None:
        if call.cancelled:
            return
        try:
            result = call.inside(handler.fn)(event, *args)
        except BaseException as error:  # there is nobody else to see it on a thread
            _note_arity(error, event.channel, args)
            self._handler_raised(error, event, call)
        else:
            self._resolve(result, event, call)

    def _resolve(self, result: object, event: IpcMainInvokeEvent, call: Call) -> None:
        try:
            call.resolve(result)
        except Exception as error:
            self._handler_raised(error, event, call)

    def _handler_raised(
        self, error: BaseException, event: IpcMainInvokeEvent, call: Call
    ) -> None:
        self._tell_caller(call.fail, error)
        self._report("handler", error, event)

    def _tell_caller(self, tell: Callable[..., object], error: BaseException) -> None:
        if self.mask_errors:
            # Who observes is no caller, and may know what it was.
            tell(masked(error), debug=False, name=name_of(error))
        else:
            tell(error, debug=self._debug)

    # ---- what is worth telling -------------------------------------------------------

    def _report(
        self,
        kind: str,
        error: BaseException,
        event: IpcMainEvent | IpcMainInvokeEvent,
    ) -> None:
        if isinstance(error, SystemExit) and event.sender.home.is_here():
            if not app.exit(error):
                raise error  # a program of its own: that ends as Python ends programs
            return
        if self.error_hook is None:
            text = "%s for %s raised; sent by %r"
            channel = quote(event.channel)
            logger.error(text, kind, channel, event.sender, exc_info=log_info(error))
            return
        try:
            self.error_hook(error, event)
        except Exception:
            logger.exception("the hook given to ipc.on_error raised")

    def _tell_held(self, kind: str, channel: str, held: float) -> None:
        if self._first_time("held", channel):
            logger.warning(
                "%s for %s held main for %.1f s; register it with thread=True",
                kind,
                quote(channel),
                held,
            )

    def _warn_unheard(self, contents: WebContents, channel: str) -> None:
        self.unheard += 1
        first = self._first_time("unheard", channel)
        if not (first or contents.observers.each):
            return
        error = no_listener(channel, *self._tables(contents))
        contents.observers.refused(contents, error, channel)
        if first:
            logger.warning("%s; an event from %r was dropped", error, contents)

    def _first_time(self, what: str, channel: str) -> bool:
        key = (what, channel[:_LONGEST_REMEMBERED])
        if key in self.warned or len(self.warned) >= _CHANNELS_REMEMBERED:
            return False
        self.warned.add(key)
        return True


def _threads() -> tuple[Threads, Threads, Threads]:
    return (
        Threads("mainproc-handler", _THREADS),
        Threads("mainproc-listener", _THREADS),
        Threads("mainproc-reader", _READERS),
    )


def _enter(contents: WebContents, call: Call, kind: Literal["invoke", "sync"]) -> None:
    """Give a call that is to run a context, of its trace and of who observes it."""
    call.context = context_of(call.metadata, contents.work.context)
    observers = contents.observers
    if observers.each:
        if call.context is None:
            call.context = contents.work.context()
        seen = ObservedCall(contents, "in", kind, call.channel, call.metadata)
        call.observed = observers.begin(seen, call.context)


def _note_arity(error: BaseException, channel: str, args: Sequence[Any]) -> None:
    # A TypeError without a frame of its own was raised by the call itself.
    traceback = error.__traceback__
    if isinstance(error, TypeError) and traceback and traceback.tb_next is None:
        error.add_note(
            f"main listeners get (event, *args); {quote(channel)} was sent "
            f"{len(args)} argument{'s' * (len(args) != 1)}"
        )
