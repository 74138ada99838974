"""What renderers may do: looking up what the rules say of somebody."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, final

from mainproc.security.identity import ANONYMOUS, Identity
from mainproc.security.rules import ACTIONS, Action, Rule

_REMEMBERED: Final = 1_000
"""Channels for each action, and identities: who chooses their names is a peer."""
_LONGEST_REMEMBERED: Final = 200


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
        """Read a policy from a TOML file. Later changes of the file change nothing.

        Args:
            path: where the file is.

        Raises:
            InvalidFile: it is none; the text has the line and the key.
        """
        from mainproc.security.policy_file import rules_of  # with it comes tomllib

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
        """Return by which rule and pattern somebody may do something; None: not.

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


__all__ = ("Permissions", "Policy")
