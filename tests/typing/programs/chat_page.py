"""One of five windows: `python chat_page.py ann`. Leaves when all have said hello."""

import sys
import threading

from renderer import ipc

name = sys.argv[1]
all_here, all_heard = threading.Event(), threading.Event()
heard: list[str] = []


@ipc.on("came")
def came(_: str, count: int) -> None:
    if count == 5:
        all_here.set()


@ipc.on("said")
def said(who: str, text: str) -> None:
    heard.append(f"{who}: {text}")
    if len(heard) == 4:
        all_heard.set()


ipc.connect(title=name)
all_here.wait()
ipc.send("say", f"hello from {name}")
all_heard.wait()
print(*sorted(heard), sep=", ")
