"""A window: a button starts the work, a label follows it, both on Tk's thread."""

import queue
import tkinter as tk
from collections.abc import Callable

from renderer import ipc

root = tk.Tk()
label = tk.Label(root, text="ready")
label.pack()
jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()


def work() -> None:
    for _ in range(jobs.qsize()):
        jobs.get()()
    root.after(20, work)


@ipc.on("progress")
def progress(percent: int) -> None:
    label["text"] = f"{percent} %"


ipc.on_disconnect(root.quit)
ipc.connect(title="window", dispatch=jobs.put)
root.title(ipc.invoke("name").result(timeout=10))
tk.Button(root, text="Count", command=lambda: ipc.send("count", 20)).pack()
work()
root.mainloop()
