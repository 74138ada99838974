"""`ipc`, as the main process has it: listeners, handlers, renderers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from mainproc.channels import Channels
from mainproc.dispatch import Dispatcher, ErrorHook
from mainproc.groups import Group, Groups
from mainproc.observe.observer import Observer
from mainproc.observe.observers import Observers
from mainproc.overflow import Overflow, OverflowPolicy
from mainproc.security.identity import Identity
from mainproc.security.policy import Permissions, Policy
from mainproc.web_contents import WebContents
from renderer.wire.limits import DEFAULT_LIMITS, Limits

_E = TypeVar("_E", bound=Callable[..., object])


class IpcMain(Channels):
    """The main process's end of the conversation with all its renderers.

    Making one opens nothing: `mainproc.run` or `mainproc.serve` does.

    Args:
        default: converts values that have no form on the wire, as json's `default`.
        limits: what renderers may do.
        overflow: what `send` does when a renderer does not keep up: a policy for all
            channels, or policies by pattern; see `overflow`.
        policy: what renderers may do; None: everything.
        mask_errors: do not tell renderers what a listener or handler raised, but where
            main's log has it. A `RemoteError` and `AccessDenied` cross unchanged.
    """

    def __init__(
        self,
        *,
        default: Callable[[object], object] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        overflow: OverflowPolicy | Mapping[str, OverflowPolicy] = "raise",
        policy: Policy | None = None,
        mask_errors: bool = False,
    ) -> None:
        super().__init__()
        self.limits = limits
        """What renderers may do."""
        self.default = default
        """Converts values that have no form on the wire."""
        self.dispatcher = Dispatcher(self.table, default=default)
        """Calls listeners and handlers (@private)."""
        self.dispatcher.mask_errors = mask_errors
        self.renderers: set[WebContents] = set()
        """Those that are there (@private)."""
        self.groups = Groups()
        """Who is in which group (@private)."""
        self.observers = Observers()
        """Who observes it (@private)."""
        self.overflows = Overflow(overflow)
        """What becomes of events for renderers that do not keep up (@private)."""
        self.policy = policy
        self.served = False
        """It has been served at least once (@private)."""

    @property
    def policy(self) -> Policy | None:
        """What renderers may do; None: everything.

        What it is set to holds at once, also for those that are there.

        Raises:
            TypeError: when set, to what is neither.
        """
        return self._policy

    @policy.setter
    def policy(self, policy: Policy | None) -> None:
        self._policy = _checked(policy)
        for contents in tuple(self.renderers):
            contents.permissions = self.permissions(contents.identity)

    def permissions(self, identity: Identity | None) -> Permissions | None:
        """Return what somebody may do; None: everything (@private)."""
        return None if self._policy is None else self._policy.permissions(identity)

    @property
    def mask_errors(self) -> bool:
        """Renderers are not told what a listener or handler raised."""
        return self.dispatcher.mask_errors

    @mask_errors.setter
    def mask_errors(self, mask: bool) -> None:
        self.dispatcher.mask_errors = mask

    @property
    def web_contents(self) -> tuple[WebContents, ...]:
        """The renderers that are connected, the oldest first."""
        return tuple(sorted(self.renderers, key=lambda contents: contents.id))

    def broadcast(
        self,
        channel: str,
        /,
        *args: object,
        exclude: WebContents | Iterable[WebContents] = (),
        lane: int = 0,
    ) -> int:
        """Send an event to all renderers.

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
        everybody = Group(lambda: self.web_contents, self.default)
        return everybody.send(channel, *args, exclude=exclude, lane=lane)

    def to(self, name: str) -> Group:
        """Return a group of renderers, for sending to all that are in it then.

        Renderers enter it by `contents.join(name)`. A group without members is one that
        nobody has joined yet.

        Args:
            name: the group's.
        """
        return Group(partial(self.groups.members, name), self.default)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have an observer told of what happens from now on, also to those connected.

        There may be several. One that raises is logged the first time, and harms
        nothing else. While nobody observes, nothing is spent on it.

        Args:
            observer: see `mainproc.observe.Observer` for what it is told, and where.

        Returns:
            What ends it when it is called.

        Raises:
            TypeError: it is no `Observer`.
        """
        return self.observers.add(observer)

    def overflow(self, pattern: str, policy: OverflowPolicy) -> None:
        """Say what `send` does on some channels when a renderer does not keep up.

        That is, when its window is full: 65,536 messages or 64 MiB wait for its ack, or
        as much as it takes. Of several patterns the longest that matches counts, its
        stars apart.

        * "raise" (the default): `send` raises `Overloaded`, and nothing is sent.
          Sending to many leaves the renderer out.
        * "drop_oldest": the oldest events of the same channel give way. Only those do
          of which nothing was written yet; where there is none, as "raise". So that
          there mostly is one, no more than half of the window is on its way. The
          renderer is told how many went, `contents.dropped` counts them, and the log
          has one warning for each renderer and channel. Large messages, calls and
          replies never go.
        * "disconnect": the renderer is said Goodbye, and destroyed; `send` returns
          False. What waits for it is lost.

        Args:
            pattern: a channel, or one with `*` for any text: "prices/*".
            policy: "raise", "drop_oldest" or "disconnect".

        Raises:
            ValueError: there is no such policy.
        """
        self.overflows.set(pattern, policy)

    def on_error(self, fn: _E) -> _E:
        """Call `fn(error, event)` for what listeners and handlers raise, not the log.

        The caller of an invoke gets its error in any case. There is one such function:
        another one takes its place. What it raises itself is logged.

        Args:
            fn: called where the listener or handler ran, so perhaps on a thread of its
                own.

        Returns:
            The function, so that this is a decorator.
        """
        hook: ErrorHook = fn
        self.dispatcher.error_hook = hook
        return fn


def _checked(policy: object) -> Policy | None:
    """Refuse at once what no renderer could come in with."""
    if policy is None or isinstance(policy, Policy):
        return policy
    raise TypeError(
        f"a policy is a Policy, as from Policy.load('policy.toml'), or None; "
        f"not a {type(policy).__name__}"
    )
