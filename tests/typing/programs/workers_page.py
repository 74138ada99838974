"""A worker: does what main asks for, until main says goodbye."""

from renderer import ipc


@ipc.handle("square", thread=True)
def square(number: int) -> int:
    return number * number


ipc.wait()
