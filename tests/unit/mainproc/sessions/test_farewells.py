"""The Goodbyes that main remembers, for whom, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from mainproc.sessions import farewells
from mainproc.sessions.farewells import Farewells


@dataclass
class Clock:
    """A loop's time, which the test tells."""

    now: float = 0.0
    loop: Any = field(init=False)

    def __post_init__(self) -> None:
        self.loop = SimpleNamespace(time=lambda: self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ended(token: bytes, identity: object = None) -> Any:
    contents = SimpleNamespace(identity=identity)
    return SimpleNamespace(token=token, contents=contents)


def kept_by(clock: Clock) -> Farewells:
    home: Any = clock
    return Farewells(home, 60.0)


def test_a_goodbye_is_for_whom_it_was_said_to(clock: Clock) -> None:
    said = kept_by(clock)
    said.note(ended(b"a", "ann"), b"bye")
    assert said.get(b"a", "ann") == b"bye"
    assert said.get(b"a", "bob") is None
    assert said.get(b"a", None) is None
    assert said.get(b"b", "ann") is None


def test_a_goodbye_is_remembered_for_the_grace(clock: Clock) -> None:
    said = kept_by(clock)
    said.note(ended(b"a"), b"bye")
    clock.now = 60.0
    assert said.get(b"a", None) == b"bye"
    clock.now = 60.1
    assert said.get(b"a", None) is None
    said.note(ended(b"b"), b"bye")
    assert len(said._said) == 1  # noqa: SLF001 - what nobody may ask for is not held


def test_only_so_many_are_remembered(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farewells, "_MOST", 2)
    said = kept_by(clock)
    for token in (b"a", b"b", b"c"):
        said.note(ended(token), token)
    found = [said.get(token, None) for token in (b"a", b"b", b"c")]
    assert found == [None, b"b", b"c"], "the oldest goes"
