"""A renderer with a main process in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.memory import MemoryMain, MemoryRenderer


@pytest.fixture
def main() -> MemoryMain:
    return MemoryMain()


@pytest.fixture
def ipc(main: MemoryMain) -> Iterator[MemoryRenderer]:
    with MemoryRenderer(main) as ipc:
        yield ipc


@pytest.fixture
def helpers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool
