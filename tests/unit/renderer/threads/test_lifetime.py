"""Leaving in good order."""

from __future__ import annotations

import os
import sys

import pytest

from renderer.threads import lifetime


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "_leaves", {})


class Leaver:
    def __init__(self, unconfirmed: int = 0) -> None:
        self.unconfirmed = unconfirmed
        self.left: list[tuple[float, float]] = []

    def leave(self, flush_s: float, part_s: float) -> int:
        self.left.append((flush_s, part_s))
        return self.unconfirmed


def test_all_are_left_once_and_what_is_lost_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    well, badly, gone = Leaver(), Leaver(1234), Leaver(1)
    for leaver in (well, badly, gone):
        lifetime.connected("there", leaver.leave)
    lifetime.disconnected(gone.leave)
    lifetime.leave_all()
    lifetime.leave_all()
    assert capsys.readouterr().err == (
        "renderer: main at there has not confirmed 1,234 messages\n"
    )
    assert gone.left == []
    for leaver in (well, badly):
        ((flush_s, part_s),) = leaver.left
        assert 4 < flush_s <= 5
        assert part_s == 1


def test_a_forked_child_leaves_nothing_of_its_parents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents = Leaver()
    lifetime.connected("there", parents.leave)
    child = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: child)
    lifetime.leave_all()
    assert parents.left == []


def test_who_is_impatient_is_not_held_up(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_flush_s: float, _part_s: float) -> int:
        raise KeyboardInterrupt

    lifetime.connected("there", interrupted)
    lifetime.leave_all()
    assert capsys.readouterr().err == ""


def test_an_interrupt_is_hushed_and_other_errors_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[BaseException] = []
    monkeypatch.setattr(lifetime, "_hushed", None)
    monkeypatch.setattr(
        sys, "excepthook", lambda kind, error, trace: shown.append(error)
    )
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt) as caught, lifetime.quiet_interrupts():
            raise KeyboardInterrupt
        sys.excepthook(KeyboardInterrupt, caught.value, None)
    assert shown == []
    other = KeyboardInterrupt()
    sys.excepthook(KeyboardInterrupt, other, None)
    assert shown == [other]
    with lifetime.quiet_interrupts():
        pass
