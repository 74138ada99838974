"""Several renderers at once: all of them, or those of a group."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, final

from mainproc.asks import gone, next_id
from mainproc.observe.asking import asked
from mainproc.security.refusals import refuse
from renderer.reply import Reply
from renderer.wire import messages
from renderer.wire.errors import IpcError, Overloaded, PayloadTooLarge, quote
from renderer.wire.listeners import checked_channel, checked_lane
from renderer.wire.parcel import Parcel
from renderer.wire.seconds import seconds
from renderer.wire.values import Default

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents

logger = logging.getLogger("ipc.main")


@final
class Groups:
    """Which renderers are in which group. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Dicts keep the order of joining.
        self._members: dict[str, dict[WebContents, None]] = {}

    def join(self, name: str, contents: WebContents) -> None:
        """Put a renderer into a group, unless it is destroyed."""
        with self._lock:
            if not contents.is_destroyed():
                self._members.setdefault(name, {})[contents] = None

    def leave(self, name: str, contents: WebContents) -> None:
        """Take a renderer out of a group; nothing if it is not in it."""
        with self._lock:
            members = self._members.get(name, {})
            members.pop(contents, None)
            if not members:
                self._members.pop(name, None)

    def leave_all(self, contents: WebContents) -> None:
        """Take a renderer out of all groups."""
        for name in self.of(contents):
            self.leave(name, contents)

    def of(self, contents: WebContents) -> tuple[str, ...]:
        """Return the names of the groups that a renderer is in."""
        with self._lock:
            return tuple(
                n for n, members in self._members.items() if contents in members
            )

    def members(self, name: str) -> tuple[WebContents, ...]:
        """Return the renderers of a group, in the order in which they joined."""
        with self._lock:
            return tuple(self._members.get(name, ()))


@final
class Answers(dict["WebContents", Any]):
    """What the renderers of a group answered: results by renderer.

    Attributes:
        errors: why the others did not answer, by renderer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[WebContents, IpcError] = {}


@final
class Group:
    """Some renderers of an `IpcMain`, whoever they are when something is sent.

    Args:
        members: returns them.
        default: converts values that have no form on the wire.
    """

    def __init__(
        self, members: Callable[[], Iterable[WebContents]], default: Default | None
    ) -> None:
        self._members = members
        self._default = default

    @property
    def web_contents(self) -> tuple[WebContents, ...]:
        """Its renderers at this moment."""
        return tuple(self._members())

    def send(
        self,
        channel: str,
        /,
        *args: object,
        exclude: WebContents | Iterable[WebContents] = (),
        lane: int = 0,
    ) -> int:
        """Send an event to every renderer of the group.

        It is encoded once, and arrives at each renderer in order with what else is sent
        to it on this lane. One that does not keep up is left out, and that is logged
        once until it does: it holds nobody else up. May be called from any thread.

        Args:
            channel: the event's name.
            *args: values of any type that has a form on the wire.
            exclude: renderers that do not get it.
            lane: 0 to 2³² − 1. Messages of one lane keep their order; lanes overtake
                each other; a large message holds up its own lane only.

        Returns:
            How many renderers accepted it.

        Raises:
            DataCloneError: an argument cannot be carried; nothing was sent.
            ValueError: there is no such lane.
        """
        to = self._without(exclude)
        channel, lane = checked_channel(channel), checked_lane(lane)
        make = partial(messages.event, channel, args, self._default, lane=lane)
        parcels = _parcels(make, to)
        return sum([_sent(c, channel, parcels[c.packed]) for c in to])

    def invoke(
        self,
        channel: str,
        /,
        *args: object,
        timeout: float | None = 30.0,
        exclude: WebContents | Iterable[WebContents] = (),
        lane: int = 0,
    ) -> Reply[Answers]:
        """Ask every renderer of the group, and gather the answers.

        The questions are on their way when this returns. May be called from any thread.

        Args:
            channel: what is asked for.
            *args: values of any type that has a form on the wire.
            timeout: seconds that each renderer has to answer; None for ever.
            exclude: renderers that are not asked.
            lane: as for `send`; the replies come on the same.

        Returns:
            The answers to come: await it, or wait with `result()` off main's loop. It
            never fails because of one renderer: results are in the mapping, the errors
            of the others in its `errors`. Cancelling it cancels every question.

        Raises:
            DataCloneError: an argument cannot be carried; nobody was asked.
            ValueError: there is no such lane.
        """
        channel, id = checked_channel(channel), next_id()
        timeout = seconds(timeout)
        to = self._without(exclude)
        make = partial(
            messages.call,
            id,
            channel,
            args,
            timeout=timeout,
            default=self._default,
            lane=checked_lane(lane),
        )
        parcels = _parcels(make, to)
        gathering = _Gathering(channel, id)
        for contents in to:
            gathering.ask(contents, parcels[contents.packed], timeout)
        return gathering.begin()

    def _without(
        self, exclude: WebContents | Iterable[WebContents]
    ) -> list[WebContents]:
        excluded = set(exclude) if isinstance(exclude, Iterable) else {exclude}
        if not excluded:
            return list(self._members())
        return [c for c in self._members() if c not in excluded]


def _parcels(
    make: Callable[..., Parcel], to: Iterable[WebContents]
) -> dict[bool, Parcel]:
    """Return a message, encoded once for all that read it packed, once for the others.

    Both before any is sent, and one also if there is nobody: its values are checked.
    """
    forms = {contents.packed for contents in to} or {False}
    return {packed: make(packed=packed) for packed in forms}


def _sent(contents: WebContents, channel: str, parcel: Parcel) -> bool:
    if contents.permissions is not None and not contents.permissions.receive[channel]:
        refuse(contents, "receive", channel)
        return False
    try:
        if contents.line is None:
            accepted = False
        elif contents.overflow.given:
            line = contents.line
            accepted = contents.overflow.send(contents, line, channel, parcel)
        else:
            accepted = contents.line.send(parcel)
    except (Overloaded, PayloadTooLarge) as error:
        if not contents.behind:
            text = "an event on %s for several renderers left out %s: %s"
            logger.warning(text, quote(channel), contents, error)
            contents.behind = True
        contents.observers.overloaded(contents, "out", channel, "skip")
        return False
    contents.behind = False
    return accepted


class _Gathering:
    """The line of a reply that is made of others."""

    def __init__(self, channel: str, id: int) -> None:
        self._channel = channel
        self._reply = Reply[Answers](channel, id, self)
        self._answers = Answers()
        self._asked: dict[WebContents, Reply[Any]] = {}
        self._lock = threading.Lock()
        self._missing = 1  # one more than replies: `begin` counts, too

    def ask(self, contents: WebContents, parcel: Parcel, timeout: float | None) -> None:
        """Ask one renderer."""
        try:
            permissions = contents.permissions
            if permissions is not None and not permissions.handle[self._channel]:
                raise refuse(contents, "handle", self._channel)
            if contents.line is None:
                raise gone(contents)
            ask = partial(
                contents.line.ask, self._reply.id, self._channel, parcel, timeout
            )
            observed = contents.observers.each
            reply = asked(contents, self._channel, ask) if observed else ask()
        except IpcError as error:
            if isinstance(error, Overloaded) and self._disconnects(contents):
                error = gone(contents)
            self._answers.errors[contents] = error
            return
        self._asked[contents] = reply

    def _disconnects(self, contents: WebContents) -> bool:
        line, overflow = contents.line, contents.overflow
        return line is not None and overflow.disconnects(contents, line, self._channel)

    def begin(self) -> Reply[Answers]:
        """Return the reply, which is done when all have answered."""
        self._missing += len(self._asked)
        for reply in self._asked.values():
            reply.when_done(self._count)
        self._count()
        return self._reply

    def _count(self, _: object = None) -> None:
        with self._lock:
            self._missing -= 1
            if self._missing:
                return
        for contents, reply in self._asked.items():
            if reply.cancelled():
                continue  # with all of them
            error = reply.exception()
            if isinstance(error, IpcError):
                self._answers.errors[contents] = error
            else:
                self._answers[contents] = reply.result()
        self._reply.answered(self._answers)

    # ---- as a reply's line -----------------------------------------------------------

    def give_up(self, id: int) -> None:
        for reply in self._asked.values():
            reply.cancel()

    def post(self, job: Callable[[], None]) -> None:
        for contents in self._asked:
            contents.home.later(job)
            return
        job()  # nobody was asked: it was done when it was made

    def check_wait(self) -> None:
        for reply in self._asked.values():
            reply.check_wait()


__all__ = ("Answers", "Group", "Groups")
