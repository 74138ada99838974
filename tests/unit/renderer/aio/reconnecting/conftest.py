"""A renderer on an event loop whose main, in memory, keeps sessions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.support.memory_aio import KeepingMain


@pytest.fixture
def main() -> KeepingMain:
    return KeepingMain()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let renderers come back at once."""

    def backoff(_: object) -> Iterator[float]:
        return itertools.repeat(0.0)

    monkeypatch.setattr("renderer.retry.backoff", backoff)
