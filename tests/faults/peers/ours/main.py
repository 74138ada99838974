"""Ours: the main process. Run by `mainproc run`, as users would."""

from __future__ import annotations

import asyncio
import random
import sys
from concurrent.futures import Future
from functools import partial
from typing import Any

from mainproc import WebContents, app, ipc
from mainproc.events import IpcMainEvent, IpcMainInvokeEvent
from tests.bench.obeying import obey
from tests.faults.history import Did, Recorder
from tests.faults.pace import PAUSE_S, bursts, is_call

_LIFE, _FILE, _SEED = sys.argv[1:]
_recorder = Recorder(_FILE)
_rng = random.Random(_SEED)


class Outbound:
    """The numbered messages to one renderer."""

    def __init__(self, contents: WebContents) -> None:
        self._contents = contents
        self._session = _session(contents)
        self._note = partial(
            _recorder.note, page=contents.title, session=self._session, stream="down"
        )
        self._n = 0

    async def send(self, count: int) -> None:
        """Send so many more, in bursts."""
        for burst in bursts(count, _rng):
            for _ in range(burst):
                self._send_one()
            await asyncio.sleep(PAUSE_S)
            await self._contents.drain()

    def _send_one(self) -> None:
        self._n += 1
        note, args = partial(self._note, n=self._n), (self._session, self._n)
        note("sent")
        try:
            if is_call(self._n):
                note("called")
                reply = self._contents.invoke("call", *args, timeout=None)
                reply.add_done_callback(partial(_completed, note, self._n))
            elif not self._contents.send("event", *args):
                note("refused", text="destroyed")
        except Exception as error:
            _refused(note, self._n, error)


_renderers: dict[WebContents, Outbound] = {}


def _session(contents: WebContents) -> str:
    return f"{_LIFE}:{contents.id}"


def _completed(note: Any, n: int, reply: Future[Any]) -> None:
    error = reply.exception()
    right = error is None and reply.result() == n
    note("completed", text="ok" if right else f"{type(error).__name__}: {error}")


def _refused(note: Any, n: int, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    note("refused", text=text)
    if is_call(n):
        note("completed", text=text)


@app.on("web-contents-created")
def _(contents: WebContents) -> None:
    _renderers[contents] = Outbound(contents)


@app.on("web-contents-destroyed")
def _(contents: WebContents) -> None:
    _renderers.pop(contents, None)
    _note("ended", contents)


def _note(did: Did, contents: WebContents, **what: Any) -> None:
    session = _session(contents)
    _recorder.note(did, page=contents.title, session=session, **what)


@ipc.on("event")
def _(event: IpcMainEvent, n: int) -> None:
    _note("arrived", event.sender, stream="up", n=n)


@ipc.handle("call")
def _(event: IpcMainInvokeEvent, n: int) -> int:
    _note("arrived", event.sender, stream="up", n=n)
    return n


@ipc.handle("known")
def _(_: IpcMainInvokeEvent) -> None:
    """Answers a renderer whose session is confirmed, by this very call."""


@ipc.on("sync")
def _(event: IpcMainEvent, n: int) -> None:
    _note("arrived", event.sender, stream="sync", n=n)
    event.return_value = n


async def _send(count: int) -> None:
    # One that was killed is there until its time is over, but nobody waits for it.
    for outbound in list(_renderers.values())[-1:]:
        await outbound.send(count)


@app.on("ready")
async def _() -> None:
    await obey({"send": _send})
    app.quit()
