"""A web service that is a main process, too: `uvicorn fastapi_app:app`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import mainproc
from mainproc import WebContents, ipc


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with mainproc.serve():
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/windows")
async def windows() -> dict[int, str]:
    return {contents.id: contents.title for contents in ipc.web_contents}


@app.post("/windows/{id}/show")
def show(id: int, text: str) -> bool:  # on a thread, as FastAPI does with a plain def
    contents = WebContents.from_id(id)
    return contents is not None and contents.send("show", text)


@app.get("/windows/{id}/size")
async def size(id: int) -> list[int]:
    if (contents := WebContents.from_id(id)) is None:
        raise HTTPException(404)
    answer: list[int] = await contents.invoke("size")
    return answer
