"""Shows how far main is, while it waits for the result."""

from renderer import ipc


@ipc.on("progress")
def progress(name: str, percent: int) -> None:
    print(f"{percent:3} % {name}", flush=True)


importing = ipc.invoke("import", ["a.csv", "bb.csv", "ccc.csv", "dddd.csv"])
lengths: dict[str, int] = importing.result(timeout=60)
ipc.close()  # what came before the result is dispatched before this returns
print(sum(lengths.values()), "letters")
