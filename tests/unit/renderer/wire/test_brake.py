"""Waiting for a peer that is behind, while it catches up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from renderer.wire.brake import LONGEST, Brake


class Clock:
    """Timers that the test lets end."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def call_later(self, seconds: float, call: Callable[[], None]) -> Clock:
        self.timers.append((seconds, call))
        return self

    def cancel(self) -> None:
        self.timers.pop()
        self.cancelled += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def brake(clock: Clock, ended: list[str]) -> Brake:
    return Brake(clock.call_later, lambda: ended.append("in vain"))


def test_it_waits_with_one_timer(clock: Clock, brake: Brake) -> None:
    assert brake.holds()
    assert brake.holds()
    assert [seconds for seconds, _ in clock.timers] == [LONGEST]


def test_it_does_not_wait_for_ever(
    clock: Clock, brake: Brake, ended: list[str]
) -> None:
    assert brake.holds()
    clock.timers.pop()[1]()
    assert ended == ["in vain"]
    assert not brake.holds(), "until there is an ack"
    brake.acked()
    assert brake.holds()
    assert len(clock.timers) == 1


def test_an_ack_ends_the_waiting_and_it_waits_anew(
    clock: Clock, brake: Brake, ended: list[str]
) -> None:
    assert brake.holds()
    brake.acked()
    assert (clock.timers, clock.cancelled, ended) == ([], 1, [])
    assert brake.holds()
    brake.release()
    brake.release()
    assert (clock.timers, clock.cancelled, ended) == ([], 2, [])
