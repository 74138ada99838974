"""A renderer on an event loop whose main, in memory, keeps sessions."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.memory_aio import KeepingMain, MemoryAioRenderer, renderer_of


@pytest.fixture
def main() -> KeepingMain:
    return KeepingMain()


@pytest.fixture
async def child(
    main: KeepingMain, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MemoryAioRenderer]:
    """What a main process has spawned, which tells it address and token."""
    monkeypatch.setenv("ELECTRON_IPC_ADDRESS", "unix:/home")
    monkeypatch.setenv("ELECTRON_IPC_TOKEN", "secret")
    async with renderer_of(main, address=None) as ipc:
        yield ipc


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let renderers come back at once."""

    def backoff(_: object) -> Iterator[float]:
        return itertools.repeat(0.0)

    monkeypatch.setattr("renderer.retry.backoff", backoff)
