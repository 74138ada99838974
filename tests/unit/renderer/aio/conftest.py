"""A renderer on an event loop with a main process in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.memory import MemoryMain
from tests.support.memory_aio import MemoryAioRenderer, renderer_of


@pytest.fixture
def main() -> MemoryMain:
    return MemoryMain()


@pytest.fixture
async def ipc(main: MemoryMain) -> AsyncIterator[MemoryAioRenderer]:
    async with renderer_of(main) as ipc:
        yield ipc
