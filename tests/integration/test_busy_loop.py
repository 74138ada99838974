"""A loop of main that never rests, and gRPC's thread that is to wake it."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from mainproc import IpcMain, poller
from renderer.aio import IpcRenderer as AioRenderer
from tests.integration.main_support import serving
from tests.support.processes import PATIENCE


@pytest.mark.skipif(
    os.name != "posix", reason="gRPC wakes a loop on Windows by other means"
)
async def test_grpc_waits_for_no_busy_loop() -> None:
    """What a busy loop leaves in the socket that wakes it must hold nobody up."""
    ipc, loop = IpcMain(), asyncio.get_running_loop()
    ipc.handle("ping", lambda event, number: number)
    over = False

    def leave_it_full() -> None:
        # Each turn takes one byte out; without rest, more come in: as here.
        for end in ends:
            fill(end)
        if not over:
            loop.call_soon(leave_it_full)

    async with serving(ipc) as (main, _), AioRenderer(main.address) as quiet:
        ends = list(poller.sockets())
        assert ends, "gRPC's poller looks different: see mainproc.poller"
        leave_it_full()
        try:
            async with asyncio.timeout(PATIENCE):
                for number in range(10):
                    assert await quiet.invoke("ping", number) == number
        finally:
            over = True


def fill(end: socket.socket) -> None:
    try:
        while True:
            end.send(b"1", socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass
