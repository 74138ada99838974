"""A main process that tells its vital signs; run as a program by the tests."""

from __future__ import annotations

import json
import sys
from typing import Any

import mainproc
from mainproc import IpcMain
from renderer.wire.limits import Limits
from tests.soak.vitals import kinds, vitals

ipc = IpcMain(limits=Limits(resume_grace=0.3))
counted: dict[str, int] = {}
"""By sender: the last of its numbers, which come without a gap."""
odd: list[str] = []


@ipc.handle("vitals")
def _(event: Any) -> Any:
    return vitals() | {"sessions": len(ipc.web_contents)}


ipc.handle("kinds", lambda event: [list(kind) for kind in kinds()])
ipc.handle("echo", lambda event, *args: list(args))


@ipc.on("count")
def _(event: Any, name: str, number: int) -> None:
    if number != counted.get(name, 0) + 1:
        odd.append(f"{name}: {number} after {counted.get(name, 0)}")
    counted[name] = number


@ipc.on("echo")
def _(event: Any, number: int) -> None:
    event.reply("echo", number)


if __name__ == "__main__":
    try:
        mainproc.run(ipc, listen="127.0.0.1:0", ready="json", grace=20.0)
    finally:
        print(json.dumps({"counted": counted, "odd": odd[:9]}), flush=True)
        sys.stdout.flush()
