"""A renderer on threads whose main, in memory, keeps sessions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.away import WatchedRenderer
from tests.support.memory_aio import KeepingMain


@pytest.fixture
def main() -> KeepingMain:
    return KeepingMain()


@pytest.fixture
def ipc(main: KeepingMain) -> Iterator[WatchedRenderer]:
    with WatchedRenderer(main) as ipc:
        yield ipc


@pytest.fixture
def child(
    main: KeepingMain, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WatchedRenderer]:
    """What a main process has spawned, which tells it address and token."""
    monkeypatch.setenv("ELECTRON_IPC_ADDRESS", "unix:/home")
    monkeypatch.setenv("ELECTRON_IPC_TOKEN", "secret")
    with WatchedRenderer(main, address=None) as ipc:
        yield ipc


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let attempts to come back follow each other quickly."""
    monkeypatch.setattr("renderer.threads.reconnecting.random", lambda: 0.05)
