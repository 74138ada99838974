"""Being told to stop, as the thread sees it that insists."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from mainproc.program import signals
from mainproc.program.signals import StopSignals


class News:
    """What is said, in order; None: nothing within the time."""

    def __init__(self, *said: str | None) -> None:
        self._said = iter(said)

    def get(self, timeout: float | None = None) -> str:
        said = next(self._said, None)
        if said is None:
            raise queue.Empty
        return said


@pytest.mark.parametrize(
    ("news", "ended"),
    [
        (News("told", "heard"), []),
        (News("told", "told", "heard"), []),
        (News("told", None, "told", None, "heard"), []),
        (News("told"), [1]),
    ],
    ids=["heard", "told twice", "a machine that paused", "held"],
)
async def test_only_a_held_main_is_ended(
    monkeypatch: pytest.MonkeyPatch, news: Any, ended: list[int]
) -> None:
    exits = list[int]()
    monkeypatch.setattr(signals, "_exit", exits.append)
    told = StopSignals(grace=5.0)
    told._news = news  # noqa: SLF001
    told._insist()  # noqa: SLF001
    assert exits == ended
