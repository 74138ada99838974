"""The main process of Electron's example, and one handler to ask."""

from mainproc import ipc


@ipc.on("asynchronous-message")
def _(event, arg):
    print(arg)  # prints "ping"
    event.sender.send("asynchronous-reply", "pong")


@ipc.on("synchronous-message")
def _(event, arg):
    print(arg)  # prints "ping"
    event.return_value = "pong"


@ipc.handle("add")
def add(_event, a, b):
    return a + b
