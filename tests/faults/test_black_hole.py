"""A connection that swallows everything is noticed, also while it is in use.

By its own time, that is, and not after the minute that gRPC gives to a ping of its own:
it sends one when data comes, and none of ours while that is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from renderer import IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.faults.proxy import Proxy, proxy_in_thread
from tests.support.processes import running_main

PATIENCE = 40.0
"""Well below gRPC's minute."""

MAIN = """
from mainproc import ipc

@ipc.handle("same")
def _(event, arg):
    return arg
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    script = tmp_path / "main.py"
    script.write_text(MAIN)
    with running_main(script) as main:
        yield main.address


def swallow(proxy: Proxy) -> None:
    (connection,) = proxy.connections
    connection.black_hole()


@pytest.mark.slow
def test_the_threads_face_goes_another_way(address: str) -> None:
    with (
        proxy_in_thread(address) as proxy,
        IpcRenderer(proxy.address, dead_after=2.0) as ipc,
    ):
        assert ipc.invoke("same", 1).result(PATIENCE) == 1
        proxy.tell(lambda: swallow(proxy))
        assert ipc.invoke("same", 2).result(PATIENCE) == 2
        assert proxy.accepted > 1


@pytest.mark.slow
async def test_the_asyncio_face_goes_another_way(address: str) -> None:
    async with (
        Proxy(address) as proxy,
        AioRenderer(proxy.address, dead_after=2.0) as ipc,
    ):
        assert await ipc.invoke("same", 1) == 1
        swallow(proxy)
        async with asyncio.timeout(PATIENCE):
            assert await ipc.invoke("same", 2) == 2
        assert proxy.accepted > 1
