"""One rule of a policy: what some renderers may do, on which channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast, final, get_args

from mainproc.patterns import expression
from mainproc.security.identity import ANONYMOUS, KINDS, nobody

Action = Literal["send", "sync", "invoke", "receive", "handle"]
"""What a renderer may do on a channel.

"send" events to main, send "sync" messages, "invoke" handlers of main's; "receive"
events from main, and "handle" what main invokes.
"""

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

Patterns: TypeAlias = str | Sequence[str]


@final
@dataclass(frozen=True)
class Rule:
    """What some renderers may do, on which channels.

    In a pattern a star stands for any run of characters, none included; all else is
    itself.

    Raises:
        TypeError: a pattern is no str.
        ValueError: a pattern is empty; or an identity's can match nobody, as "kiosk"
            does where "token:kiosk" is meant.
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
        if name == "identity":
            _check_identity(pattern)
    if name == "identity" and not found:
        raise ValueError("identity is empty: the rule is for nobody")
    return found


def _check_identity(pattern: str) -> None:
    """Raise ValueError if no identity as text, whatever its name, matches."""
    kind, named, _ = pattern.partition(":")
    begin, star, _ = kind.partition("*")
    words = KINDS if named else (ANONYMOUS, *KINDS)
    if star:
        somebody = any(word.startswith(begin) for word in words)
    else:
        somebody = kind in KINDS if named else kind == ANONYMOUS
    if not somebody:
        raise ValueError(f"identity {nobody(pattern)}")


def _matching(patterns: Iterable[str], name: str) -> str | None:
    return next((p for p in patterns if expression(p).fullmatch(name)), None)


__all__ = ("ACTIONS", "Action", "Patterns", "Rule")
