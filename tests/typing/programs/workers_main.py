"""Starts workers as processes of its own, and shares the work out among them."""

import asyncio
import sys
from pathlib import Path

import mainproc
from mainproc import IpcMainInvokeEvent, ipc

WORKER = [sys.executable, str(Path(__file__).with_name("workers_page.py"))]


@ipc.handle("squares")
async def squares(event: IpcMainInvokeEvent, numbers: list[int]) -> list[int]:
    workers = await asyncio.gather(
        *(mainproc.spawn(WORKER, title=f"worker {n}") for n in range(2))
    )
    asked = [
        workers[place % 2].contents.invoke("square", number)
        for place, number in enumerate(numbers)
    ]
    results: list[int] = await asyncio.gather(*asked)
    for worker in workers:
        worker.terminate()
    return results
