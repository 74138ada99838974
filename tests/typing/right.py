"""What users may write, and of which types it is, to mypy and to pyright."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, assert_type

import mainproc
import renderer
from mainproc import (
    Answers,
    ConnectionClosed,
    IpcMain,
    IpcMainEvent,
    IpcMainInvokeEvent,
    MainProcess,
    RemoteError,
    Reply,
    Subscription,
    WebContents,
    app,
    ipc,
)
from mainproc.observe import CallEnd, Direction, Kind, ObservedCall, Observer
from mainproc.security import TLS, Credentials, Identity, Policy, Rule
from renderer import aio

# ---- what is registered in main ------------------------------------------------------


@ipc.on("typed")
def typed(event: IpcMainEvent, a: int, b: str = "", *rest: float) -> None:
    event.return_value = a
    event.returnValue = [b, *rest]
    assert_type(event.sender, WebContents)
    assert_type(event.channel, str)
    assert_type(event.remaining, float | None)
    assert_type(event.cancelled, bool)
    assert_type(event.reply("x", 1, None, {"a": b"b"}), bool)


@ipc.on("untyped", thread=True)
def untyped(event: Any, *args: Any) -> Any:
    return args


@ipc.on("for-some", allow=lambda contents: contents.identity is not None)
def for_some(event: IpcMainEvent) -> None:
    assert_type(event.sender.identity, Identity | None)
    assert_type(event.sender.refused, int)


@ipc.once("async")
async def asynchronous(event: IpcMainEvent, a: int) -> None:
    await event.sender.drain()


@ipc.handle("add")
def add(event: IpcMainInvokeEvent, a: int, b: int) -> int:
    return a + b


@ipc.handle_once("slow")
async def slow(event: IpcMainInvokeEvent, seconds: float) -> dict[str, float]:
    await asyncio.sleep(seconds)
    return {"slept": seconds}


class Window:
    def __init__(self, main: IpcMain) -> None:
        self.subscription = main.on("bound", self.listener)
        main.handle("bound", self.handler)
        main.off("bound", self.listener)

    def listener(self, event: IpcMainEvent, text: str) -> None: ...

    async def handler(self, event: IpcMainInvokeEvent) -> str:
        return event.channel


class Counter(Observer):
    def __init__(self) -> None:
        self.count = 0

    def message(
        self,
        contents: WebContents,
        direction: Direction,
        kind: Kind,
        channel: str,
        size: int,
    ) -> None:
        self.count += size

    def call_ended(self, call: ObservedCall, end: CallEnd) -> None:
        assert_type(call.contents, WebContents)
        assert_type(end.seconds, float)


def observing_ends() -> None:
    assert_type(ipc.observe(Counter()), Callable[[], None])


def decorators_return_the_function(
    event: IpcMainEvent, invoke: IpcMainInvokeEvent
) -> None:
    kept: Callable[[IpcMainInvokeEvent, int, int], int] = add
    assert_type(kept(invoke, 1, 2), int)
    assert_type(add(invoke, 1, 2), int)
    typed(event, 1, "b", 2.0)


def functions_give_a_subscription() -> None:
    assert_type(ipc.on("x", typed), Subscription)
    assert_type(ipc.once("x", lambda event: print(event.sender.id)), Subscription)
    assert_type(ipc.add_listener("x", asynchronous), Subscription)
    ipc.on("x", partial(typed, b="b"), thread=True)
    ipc.on("x", print)
    with ipc.on("x", typed) as subscription:
        subscription()
    ipc.remove_all_listeners()
    assert_type(ipc.event_names(), list[str])
    assert_type(ipc.listener_count("x"), int)


@ipc.on_error
def failed(error: BaseException, event: object) -> None: ...


# ---- renderers, as main sees them ----------------------------------------------------


async def with_a_window(contents: WebContents) -> None:
    assert_type(contents.send("x", 1, "a", [None], {"k": b"v"}), bool)
    assert_type(contents.invoke("x", timeout=1.0), Reply[Any])
    assert_type(contents.send("x", lane=1), bool)
    assert_type(contents.invoke("x", lane=1), Reply[Any])
    assert_type(await contents.invoke("x"), Any)
    name: str = await contents.invoke("name")
    assert_type(name, str)
    assert_type(contents.title, str)
    assert_type(contents.is_destroyed(), bool)
    contents.ipc.on("x", typed)
    contents.on("destroyed", lambda reason: print(reason.upper()))
    contents.join("group")
    contents.close()


async def with_all_windows() -> None:
    assert_type(ipc.web_contents, tuple[WebContents, ...])
    assert_type(WebContents.from_id(1), WebContents | None)
    assert_type(WebContents.get_all(), list[WebContents])
    assert_type(ipc.broadcast("x", 1, exclude=ipc.web_contents[0]), int)
    assert_type(ipc.to("group").send("x"), int)
    assert_type(ipc.broadcast("x", lane=1) + ipc.to("group").send("x", lane=1), int)
    answers = await ipc.to("group").invoke("x")
    assert_type(answers, Answers)
    for contents, answer in answers.items():
        assert_type(contents, WebContents)
        assert_type(answer, Any)


@app.on("web-contents-created")
def created(contents: WebContents) -> None: ...


@app.on("before-quit")
async def quitting() -> None:
    await app.when_ready()


async def serving() -> None:
    async def authenticate(credentials: Credentials) -> Identity | str | None:
        return credentials.identity or credentials.token

    policy = Policy([Rule("token:*", send="*", invoke=["a", "b*"])])
    assert_type(policy.allows(None, "receive", "x"), bool)
    guarded = IpcMain(policy=policy, mask_errors=True)
    guarded.policy = None
    mainproc.serve(guarded, tls=TLS("c", "k", client_ca="a"), authenticate=authenticate)
    mainproc.serve(token_file="tokens", authenticate=str, policy="policy.toml")
    async with mainproc.serve(IpcMain(default=str), listen=()) as main:
        assert_type(main, MainProcess)
        assert_type(main.address, str)
        assert_type(main.addresses, tuple[str, ...])
        await main.stop(grace=1)
    child = await mainproc.spawn(["page"], title="page", env={"A": "B"})
    assert_type(child.contents, WebContents)
    assert_type(child.returncode, int | None)
    assert_type(await child.wait(), int)


# ---- in a renderer -------------------------------------------------------------------


@renderer.ipc.on("progress")
def progress(percent: int) -> None: ...


@renderer.ipc.handle("size", thread=True)
def size() -> tuple[int, int]:
    return 80, 25


def in_a_renderer(page: renderer.IpcRenderer) -> None:
    assert_type(page.send_sync("x", 1, timeout=None), Any)
    assert_type(page.sendSync("x"), Any)
    assert_type(page.invoke("x"), renderer.Reply[Any])
    assert_type(page.invoke("x", lane=1), renderer.Reply[Any])
    page.send("x", lane=1)
    total: float = page.invoke("x", 1, 2, timeout=5).result(timeout=10)
    assert_type(total, float)
    assert_type(page.on("x", progress), renderer.Subscription)
    assert_type(page.handle("x", lambda: 1), renderer.Subscription)
    assert_type(page.id, int | None)
    assert_type(page.wait(timeout=1), bool)
    assert_type(size(), tuple[int, int])
    progress(percent=50)
    page.invoke("x").add_done_callback(lambda reply: print(reply.result()))


def connecting() -> None:
    jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    with renderer.connect(
        "unix:/run/x", tls=renderer.TLS(ca="x"), title="x", dispatch=jobs.put
    ) as page:
        assert_type(page, renderer.IpcRenderer)
        assert_type(page.connect(token="secret"), renderer.IpcRenderer)


async def awaiting(page: renderer.IpcRenderer) -> None:
    assert_type(await page.invoke("x"), Any)


# ---- in a renderer, on asyncio -------------------------------------------------------


@aio.ipc.on("progress")
async def followed(percent: int) -> None: ...


@aio.ipc.handle("name")
async def name() -> str:
    return "page"


async def on_asyncio() -> None:
    async with aio.IpcRenderer(title="page") as page:
        assert_type(page, aio.IpcRenderer)
        page.send("x", 1)
        page.send("x", lane=1)
        assert_type(page.invoke("x", lane=1), asyncio.Future[Any])
        assert_type(page.send_sync("x", timeout=None), asyncio.Future[Any])
        assert_type(page.invoke("x"), asyncio.Future[Any])
        assert_type(await page.send_sync("x"), Any)
        total: float = await page.invoke("x", 1, 2, timeout=5)
        assert_type(total, float)
        assert_type(page.on("x", followed), Subscription)
        assert_type(page.on("x", progress), Subscription)
        both = await asyncio.gather(page.invoke("x"), page.invoke("y"))
        assert_type(both, tuple[Any, Any])
        await page.flush()
        assert_type(await page.wait(timeout=1), bool)
    assert_type(await aio.connect("unix:/run/x", title="x"), aio.IpcRenderer)
    assert_type(await name(), str)


# ---- errors --------------------------------------------------------------------------


def catching(page: renderer.IpcRenderer) -> None:
    try:
        page.send_sync("x")
    except RemoteError as error:  # main's name for the same class
        assert_type(error.type, str)
        assert_type(error.message, str)
        assert_type(error.details, Any)
        assert_type(error.reason, str)
    except ConnectionClosed as error:
        assert_type(error.outcome, Literal["not-sent", "unknown"])
        builtin: ConnectionError = error
        print(builtin)
    raise RemoteError("SoldOut", "no more milk", {"again_in_days": 2})
