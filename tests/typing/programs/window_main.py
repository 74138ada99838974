"""Counts slowly, and tells the window how far it is."""

import time

from mainproc import IpcMainEvent, IpcMainInvokeEvent, ipc


@ipc.on("count", thread=True)
def count(event: IpcMainEvent, steps: int) -> None:
    for step in range(steps):
        time.sleep(0.01)
        event.sender.send("progress", 100 * (step + 1) // steps)


@ipc.handle("name")
def name(event: IpcMainInvokeEvent) -> str:
    return "counter"
