"""A renderer's connection: opened when it is needed, one at a time."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from itertools import repeat
from math import inf
from typing import Final, Self, Unpack

from renderer import texts
from renderer.carrier import Carrier
from renderer.carriers import grpc_carrier
from renderer.deadline import SLICE_S, Deadline
from renderer.ipc_renderer import Channels
from renderer.patience import ThreadPatience, closed_early
from renderer.retry import attempts
from renderer.settings import ThreadOptions, ThreadSettings
from renderer.threads import lifetime
from renderer.threads.connection import Connection
from renderer.threads.dispatcher import ThreadDispatcher
from renderer.threads.one_shot import OneShots
from renderer.wire.errors import ConnectionClosed, IpcError

logger = logging.getLogger("ipc.renderer")

FOR_EVER: Final = Deadline(None)


class Connected(Channels, ABC):
    """What has a connection to main, or can have one.

    Args:
        settings: where main is, and what to tell it.
    """

    def __init__(self, settings: ThreadSettings) -> None:
        super().__init__()
        self._settings = settings
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._opening = threading.RLock()  # held while connecting
        self._attempt: Connection | None = None  # to connect, under way
        self._idle = threading.Event()  # no thread is connecting
        self._idle.set()
        self._connection: Connection | None = None
        self._dispatcher: ThreadDispatcher | None = None
        self._one_shots = OneShots(lambda: self._carrier(self._settings))
        self._closed = threading.Event()

    # ---- connecting ------------------------------------------------------------------

    @property
    def id(self) -> int | None:
        """The `WebContents.id` of this renderer in main; None while not connected."""
        connection = self._connection
        if connection is None or not self.is_connected():
            return None
        return connection.id

    @property
    def address(self) -> str:
        """Where main is, or is looked for."""
        connection = self._connection
        return self._settings.target if connection is None else connection.where

    def is_connected(self) -> bool:
        """Tell whether there is an open connection; not while it is looked for."""
        connection = self._connection
        return connection is not None and connection.linked and self._is_alive()

    def _is_alive(self) -> bool:
        """Tell whether there is a connection that is open, or looked for."""
        connection = self._connection
        return (
            connection is not None
            and connection.opened
            and connection.error is None
            and self._pid == os.getpid()
        )

    def connect(
        self, address: str | None = None, **options: Unpack[ThreadOptions]
    ) -> Self:
        """Connect, and wait until main has said welcome.

        Nothing happens if there is a connection to that address (options that would
        change it are named in the log); one that is looked for is waited for. After a
        connection has ended this begins a new session; listeners and handlers stay
        registered.

        Args:
            address: as for `IpcRenderer`. None: what was said there.
            **options: as for `IpcRenderer`, in place of what was said there.

        Returns:
            This object.

        Raises:
            ConnectionClosed: there is no main process, or it does not want us now. A
                connection that is looked for goes on being so.
            AccessDenied: this renderer may not come in.
            IpcError: there is a connection to another address.
        """
        if self._pid != os.getpid():
            self._begin()
        settings = self._settings.changed(address, options)
        deadline = Deadline(settings.connect_timeout)
        with self._alone(deadline):
            self._closed.clear()
            previous = self._connection
            if previous is not None and previous.error is None:
                if previous.address != settings.target:
                    raise texts.elsewhere(previous.address)
                self._settings.warn_of_late(settings)
                if not previous.wait_linked(deadline):
                    raise texts.no_main(settings.target, settings.connect_timeout)
                if previous.error is None:
                    return self
            if previous is not None:
                previous.wait_over(deadline)
            self._settings = settings
            self._connection = None
            self._take_up(self._open(FOR_EVER))
        return self

    def _line(self, deadline: Deadline = FOR_EVER) -> Connection:
        """Return the connection; the first use opens it."""
        connection = self._connection
        if self._pid != os.getpid():
            raise texts.forked(self._pid)
        if connection is not None:
            return connection
        if self._closed.is_set():
            raise texts.closed_for_good()
        with self._alone(deadline):
            return self._connection or self._take_up(self._open(deadline))

    @contextmanager
    def _alone(self, deadline: Deadline) -> Generator[None]:
        """Let one thread connect, and not what interrupts it."""
        left = -1.0 if deadline.left is None else deadline.left
        if not self._opening.acquire(timeout=left):
            raise texts.no_main(self._settings.target, deadline.timeout or 0.0)
        try:
            if not self._idle.is_set():
                raise IpcError("not possible here: it interrupted connect()")
            self._idle.clear()
            try:
                yield
            finally:
                self._idle.set()
        finally:
            self._opening.release()

    def _wait_idle(self, deadline: Deadline) -> bool:
        """Wait while a thread is connecting; return False if the time is over."""
        while (left := deadline.left) is None or left > SLICE_S:
            if self._idle.wait(SLICE_S):
                return True
        return self._idle.wait(left)

    def _open(self, deadline: Deadline) -> Connection:
        patience: ThreadPatience | None = None
        # Of one that was spawned main takes a single session, be it begun ever so late.
        for limit in repeat(inf) if self._settings.spawned else attempts():
            connection, dispatcher = self._start()
            # Only now: the first may have had to load grpc, which is not main's fault.
            patience = patience or self._patience(deadline)
            self._attempt = connection
            try:
                if self._closed.is_set():  # who closed it found nothing to cut
                    raise closed_early()
                if not connection.wait_opened(patience.first_doubt):
                    patience.doubt()
                    left = patience.deadline.left or 0.0
                    connection.wait_opened(Deadline(min(limit, left)))
                why = connection.error  # and not that we cut it
                in_vain = connection.give_up_opening()
            except BaseException:  # Ctrl-C, too: nobody will ever use it
                connection.cut()
                raise
            finally:
                self._attempt = None
            if not in_vain:
                return self._opened(connection, dispatcher)
            patience.pause(why)
        raise AssertionError  # they have no end

    def _take_up(self, connection: Connection) -> Connection:
        """Let a connection be used, unless nobody wants it any more."""
        self._connection = connection
        if self._closed.is_set():  # by somebody who could not see it yet
            self.close()
            raise closed_early()
        return connection

    @abstractmethod
    def close(self) -> None:
        """End the connection, or the search for one."""

    @abstractmethod
    def _leave(self, flush_s: float, part_s: float) -> int:
        """End the connection; return how many messages main has not confirmed."""

    def _start(self) -> tuple[Connection, ThreadDispatcher]:
        settings = self._settings
        dispatcher = ThreadDispatcher(
            self.table,
            self._reports,
            default=settings.default,
            hand_over=settings.dispatch,
            at_end=self._hooks.disconnect,
            before=self._dispatcher,
        )
        session = settings.session()
        try:
            connection = Connection(
                self._carrier, settings, session, dispatcher, self._hooks
            )
        except RuntimeError as error:  # the interpreter starts no thread any more
            text = f"cannot connect to {settings.target}: {error}"
            raise ConnectionClosed(text, "not-sent") from error
        return connection, dispatcher

    def _carrier(self, settings: ThreadSettings) -> Carrier:
        return grpc_carrier(settings)

    def _opened(
        self, connection: Connection, dispatcher: ThreadDispatcher
    ) -> Connection:
        self._dispatcher = dispatcher
        lifetime.connected(connection.address, self._leave)
        dispatcher.serve(connection)
        self._one_shots.close()
        logger.info("connected to main at %s as %d", connection.address, connection.id)
        return connection

    def _patience(self, deadline: Deadline) -> ThreadPatience:
        seconds = self._settings.connect_timeout
        if deadline.timeout is not None:
            seconds = min(seconds, deadline.timeout)
        return ThreadPatience(self.address, seconds, self._closed)

    def __repr__(self) -> str:
        state = "reconnecting" if self._is_alive() else "not connected"
        if (id := self.id) is not None:
            state = f"is {id}"
        return f"<IpcRenderer at {self.address}, {state}>"


__all__ = ("FOR_EVER", "Connected")
