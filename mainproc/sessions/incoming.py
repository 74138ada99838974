"""What a renderer sends: its events and calls, from their turn to the dispatcher."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from mainproc.calls import Call, SyncCall
from mainproc.home import Home
from mainproc.sessions.aside import Read, is_large, read_aside
from mainproc.sessions.turns import Turns
from mainproc.sessions.unary import Answers, UnaryCall
from mainproc.web_contents import WebContents
from mainproc.work import Work
from renderer.wire.errors import (
    DataCloneError,
    IpcError,
    Overloaded,
    RemoteProtocolError,
)
from renderer.wire.events import Arrived
from renderer.wire.metadata import NO_METADATA, Metadata, read_metadata
from renderer.wire.session import Session

if TYPE_CHECKING:
    from mainproc.ipc_main import IpcMain
    from renderer.wire.parcel import Parcel

logger = logging.getLogger("ipc.main")

_WAIT_FOR_AFTER: Final = 30.0


class Line(Protocol):
    """What this needs of the connection that the messages come by."""

    @property
    def open(self) -> bool:
        """Messages may be put on its session."""
        ...

    def send(self, parcel: Parcel) -> bool:
        """Put a message on its session, from any thread; False if that is over."""
        ...

    def break_off(self, error: RemoteProtocolError) -> None:
        """End the session: the renderer broke the contract."""
        ...

    def after_turn(self) -> None:
        """Take note that nothing more is dispatched for now."""
        ...


@final
class Incoming:
    """Begins the messages of one renderer, each when its turn has come.

    Args:
        ipc: whose listeners and handlers serve it.
        contents: the renderer.
        session: where its messages arrive.
        line: the connection.
        home: main's loop.
    """

    def __init__(
        self,
        ipc: IpcMain,
        contents: WebContents,
        session: Session,
        line: Line,
        home: Home,
    ) -> None:
        self._ipc = ipc
        self._contents = contents
        self._line = line
        self._home = home
        self._dispatcher = ipc.dispatcher
        self.work: Final[Work] = self._dispatcher.work(
            contents, home, ipc.limits.max_running, self._wake, owner=contents
        )
        """What runs for the renderer."""
        self.turns: Final = Turns(
            home,
            session,
            self.work,
            begin=self._begin,
            put_aside=self._put_aside,
            on_pause=line.after_turn,
            on_held=self._held_back,
            on_hasty=self._slowed_down,
        )
        """What waits."""
        self._answers = Answers()
        self._lost_count = 0

    def _wake(self) -> None:
        self.turns.advance()

    def _held_back(self) -> None:
        logger.warning(
            "%s has %d handlers and listeners running; what else it sends waits",
            self._contents,
            self.work.running,
        )
        self._contents.observers.overloaded(self._contents, "in", "", "wait")

    def _slowed_down(self) -> None:
        logger.warning(
            "%s sends more than %g messages a second; what is too much waits",
            self._contents,
            self._ipc.limits.max_rate,
        )
        self._contents.observers.overloaded(self._contents, "in", "", "wait")

    # ---- losses ----------------------------------------------------------------------

    def lost(self, count: int, why: str) -> None:
        """Note messages that will not be dispatched."""
        # Told once and counted from there on: a peer must not write our log.
        if not self._lost_count:
            logger.warning("lost from %s: %s", self._contents, why)
        self._lost_count += count

    def tell_losses(self) -> None:
        """Log how many were lost, at the end."""
        if self._lost_count > 1:
            text = "%d messages of %s were lost in all"
            logger.warning(text, self._lost_count, self._contents)

    # ---- on the stream ---------------------------------------------------------------

    def _put_aside(self, arrived: Arrived) -> bool:
        if not is_large(arrived.body):
            return False
        done = functools.partial(self.turns.begin_read, arrived)
        readers = self._dispatcher.readers
        return read_aside(arrived.body, readers, self._contents, self._home, done)

    def _begin(self, arrived: Arrived, read: Read) -> bool:
        try:
            if arrived.kind == "call":
                return self._begin_call(arrived, read)
            body = arrived.message.event
            args = read(body)
        except DataCloneError as error:
            self.lost(1, f"an event could not be read: {error}")
            return False
        except RemoteProtocolError as error:
            self._line.break_off(error)
            return False
        return self._dispatcher.event(self._contents, body.channel, args)

    def _begin_call(self, arrived: Arrived, read: Read) -> bool:
        id, body = arrived.message.id, arrived.message.call
        arrived_at, cancelled = self.turns.take_call(id)
        if not self._line.open:
            return False  # nobody is left to reply to
        if id in self.work.calls:
            raise RemoteProtocolError(f"the call {id} is running already")
        timeout = arrived.timeout
        make = SyncCall if arrived.is_sync else Call
        call = make(
            id,
            body.channel,
            home=self._home,
            deadline=None if timeout is None else arrived_at + timeout,
            send=self._line.send,
            default=self._ipc.default,
            packed=self._contents.packed,
            lane=arrived.message.lane,
        )
        if cancelled:
            call.cancel()
        elif isinstance(call, SyncCall) or arrived.is_invoke:
            return self._run_call(call, body, read)
        else:
            call.refuse(IpcError("a call of unknown kind", reason="UNIMPLEMENTED"))
        return False

    def _run_call(self, call: Call, body: Any, read: Read) -> bool:
        try:
            call.metadata = read_metadata(body)
            args = read(body)
        except (DataCloneError, RemoteProtocolError) as error:
            call.refuse(error)
            self._contents.observers.refused(self._contents, error, call.channel)
            return False
        if isinstance(call, SyncCall):
            started = self._dispatcher.sync(self._contents, call, args)
        else:
            started = self._dispatcher.invoke(self._contents, call, args)
        if not call.settled:
            self.work.watch(call)
        return started

    def cancel(self, id: int) -> None:
        """Note that the renderer no longer waits for a call of its."""
        call = self.work.calls.get(id)
        if call is not None:
            call.cancel()
        else:
            self.turns.cancel(id)

    # ---- beside the stream -----------------------------------------------------------

    def serve_sync(
        self,
        channel: str,
        args: Sequence[Any],
        *,
        size: int,
        id: int,
        after: int,
        timeout: float,
        packed: bool,
        metadata: Metadata = NO_METADATA,
    ) -> UnaryCall:
        """Dispatch a sync message that came outside the stream.

        Args:
            channel: its channel.
            args: its arguments.
            size: its bytes.
            id: what a retry of it has in common with it; 0: it is not retried.
            after: dispatch it when everything up to this number is consumed.
            timeout: seconds its caller waits.
            packed: its caller reads a packed response.
            metadata: what accompanies it.

        Raises:
            Forgotten: it may have been run before.
            Overloaded: too many wait.
        """

        def begin() -> UnaryCall:
            if not self.turns.admits_unary(size, self._ipc.limits):
                raise Overloaded("too many sync messages wait outside the stream")
            call = UnaryCall(
                channel,
                home=self._home,
                timeout=timeout,
                default=self._ipc.default,
                packed=packed,
                metadata=metadata,
            )
            self.work.watch(call)
            run = functools.partial(self._run_unary, call, args)
            self.turns.put_unary(after, call, size, run)
            if not call.begun:
                loop = self._home.loop
                timer = loop.call_later(_WAIT_FOR_AFTER, call.give_up_waiting)

                def over(_: object) -> None:
                    timer.cancel()
                    self.turns.forget_unary(call)

                call.reply.add_done_callback(over)
            return call

        return self._answers.get(id, begin) if id else begin()

    def _run_unary(self, call: UnaryCall, args: Sequence[Any]) -> bool:
        if call.settled:
            return False
        call.begun = True
        return self._dispatcher.sync(self._contents, call, args)


__all__ = ("Incoming", "Line")
