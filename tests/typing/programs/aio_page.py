"""A renderer in a program that runs asyncio; its main is progress_main.py."""

import asyncio

from renderer.aio import IpcRenderer


async def program() -> None:
    async with IpcRenderer(title="window") as ipc:

        @ipc.on("progress")
        def progress(name: str, percent: int) -> None:
            print(f"{percent:3} % {name}", flush=True)

        async with asyncio.timeout(60):
            lengths: dict[str, int] = await ipc.invoke("import", ["a.csv", "bb.csv"])
    print(sum(lengths.values()), "letters")


asyncio.run(program())
