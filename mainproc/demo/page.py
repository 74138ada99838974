"""The renderer of Electron's example."""

import threading

from renderer import ipc

replied = threading.Event()

print(ipc.send_sync("synchronous-message", "ping"))  # prints "pong"


@ipc.on("asynchronous-reply")
def _(arg):
    print(arg)  # prints "pong"
    replied.set()


ipc.send("asynchronous-message", "ping")
replied.wait(10)
ipc.close()
