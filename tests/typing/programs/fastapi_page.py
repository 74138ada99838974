"""Shows what the web service sends, until that ends."""

from renderer import ipc


@ipc.on("show")
def show(text: str) -> None:
    print(text, flush=True)


@ipc.handle("size")
def size() -> tuple[int, int]:
    return 80, 25


ipc.connect(title="terminal")
print("connected", flush=True)
print("goodbye" if ipc.wait() else "lost")
