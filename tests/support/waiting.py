"""Waiting for what no event tells of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.processes import PATIENCE


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until a condition holds that any thread or process may bring about."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)
