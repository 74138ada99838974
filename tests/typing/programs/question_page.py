"""Answers main's questions."""

from renderer import ipc


@ipc.handle("confirm")
def confirm(question: str) -> bool:
    print(question)
    return "old" in question


print(ipc.invoke("delete", "old.txt").result(timeout=10))
print(ipc.invoke("delete", "new.txt").result(timeout=10))
