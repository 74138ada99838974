"""What renderers may do: rules, and looking up what they say of somebody."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast, final, get_args

from mainproc.patterns import expression
from mainproc.security.identity import Identity

Action = Literal["send", "sync", "invoke", "receive", "handle"]
"""What a renderer may do on a channel.

"send" events to main, send "sync" messages, "invoke" handlers of main's; "receive"
events from main, and "handle" what main invokes.
"""

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
ANONYMOUS: Final = "anonymous"
"""Who it is where main asks nobody."""

Patterns: TypeAlias = str | Sequence[str]

_REMEMBERED: Final = 1_000
"""Channels for each action, and identities: who chooses their names is a peer."""

_LONGEST_REMEMBERED: Final = 200


@final
@dataclass(frozen=True)
class Rule:
    """What some renderers may do, on which channels.

    In a pattern a star stands for any run of characters, none included; all else is
    itself.

    Raises:
        TypeError: a pattern is no str.
        ValueError: a pattern is empty.
    """

    identity: Patterns
    """Whom it is for: patterns of identities as text ("token:kiosk", "certificate:*",
    "spawned:*"), or "anonymous" for those who were not asked."""
    send: Patterns = ()
    """Channels on which they may send events."""
    sync: Patterns = ()
    """Channels on which they may send sync messages."""
    invoke: Patterns = ()
    """Channels whose handlers they may invoke."""
    receive: Patterns = ()
    """Channels on which main may send them events."""
    handle: Patterns = ()
    """Channels on which main may invoke them."""
    where: Mapping[str, str] = field(
        default_factory=dict[str, str], compare=False, repr=False
    )
    """Where it stands and its keys do, for people."""

    def __post_init__(self) -> None:
        for name in ("identity", *ACTIONS):
            object.__setattr__(self, name, _patterns(name, getattr(self, name)))

    def place(self, action: Action) -> str:
        """Return where it says something of an action, for people."""
        return self.where.get(action) or repr(self)

    def is_for(self, who: str) -> bool:
        """Tell whether it is for this one."""
        return _matching(self.identity, who) is not None

    def allows(self, action: Action, channel: str) -> str | None:
        """Return the pattern by which it allows something; None if it does not."""
        patterns: Patterns = getattr(self, action)
        return _matching(patterns, channel)


def _patterns(name: str, given: object) -> tuple[str, ...]:
    found: tuple[Any, ...]
    if isinstance(given, str):
        found = (given,)
    elif isinstance(given, (tuple, list)):
        found = tuple(cast("Sequence[Any]", given))
    else:
        kind = type(given).__name__
        raise TypeError(f"{name} is a pattern or a list of them; given was: {kind}")
    for pattern in found:
        if not isinstance(pattern, str):
            kind = type(pattern).__name__
            raise TypeError(f"{name}: a pattern is a str; given was: {kind}")
        if not pattern:
            raise ValueError(f"{name} has an empty pattern, which nothing can match")
    if name == "identity" and not found:
        raise ValueError("identity is empty: the rule is for nobody")
    return found


def _matching(patterns: Iterable[str], name: str) -> str | None:
    return next((p for p in patterns if expression(p).fullmatch(name)), None)


class _Channels(dict[str, bool]):
    """Whether something is allowed, by channel. What was asked once is a look-up."""

    __slots__ = ("_action", "_rules")

    def __init__(self, action: Action, rules: Sequence[Rule]) -> None:
        super().__init__()
        self._action: Action = action
        self._rules = rules

    def __missing__(self, channel: str) -> bool:
        allowed = any(
            rule.allows(self._action, channel) is not None for rule in self._rules
        )
        if len(self) < _REMEMBERED and len(channel) <= _LONGEST_REMEMBERED:
            self[channel] = allowed
        return allowed


@final
class Permissions:
    """What one identity may do: for each action, a bool by channel. From any thread.

    Args:
        rules: those that are for it.
    """

    __slots__ = ACTIONS

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.send = _Channels("send", rules)
        self.sync = _Channels("sync", rules)
        self.invoke = _Channels("invoke", rules)
        self.receive = _Channels("receive", rules)
        self.handle = _Channels("handle", rules)


@final
class Policy:
    """Rules that say what renderers may do. What none of them allows is refused.

    Rules only allow: their order does not matter.

    Args:
        rules: so.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Final = tuple(rules)
        """All of them."""
        self._known: dict[str, Permissions] = {}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """Read a policy from a TOML file.

        Raises:
            InvalidFile: it is none; the text has the line and the key.
        """
        from mainproc.security.policy_file import rules_of

        return cls(rules_of(path))

    def allows(
        self, identity: Identity | str | None, action: Action, channel: str
    ) -> bool:
        """Tell whether somebody may do something.

        Args:
            identity: who; None for one who was not asked.
            action: what.
            channel: where.

        Raises:
            ValueError: there is no such action.
        """
        return self.reason(identity, action, channel) is not None

    def reason(
        self, identity: Identity | str | None, action: Action, channel: str
    ) -> tuple[Rule, str] | None:
        """Return by which rule and pattern somebody may do something; None: he may not.

        Raises:
            ValueError: there is no such action.
        """
        if action not in ACTIONS:
            known = ", ".join(map(repr, ACTIONS))
            raise ValueError(f"there is no action {action!r}; there is {known}")
        for rule in self._rules_for(_text(identity)):
            pattern = rule.allows(action, channel)
            if pattern is not None:
                return rule, pattern
        return None

    def permissions(self, identity: Identity | None) -> Permissions:
        """Return what somebody may do (@private)."""
        who = _text(identity)
        known = self._known.get(who)
        if known is None:
            known = Permissions(self._rules_for(who))
            if len(self._known) < _REMEMBERED:
                self._known[who] = known
        return known

    def _rules_for(self, who: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.is_for(who)]


def _text(identity: Identity | str | None) -> str:
    return ANONYMOUS if identity is None else str(identity)


__all__ = ("ACTIONS", "ANONYMOUS", "Action", "Permissions", "Policy", "Rule")
