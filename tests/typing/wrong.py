"""What users may not write: each line is an error, to both type checkers.

mypy and pyright are told to complain of an ignore that ignores nothing.
"""

from __future__ import annotations

import mainproc
import renderer
import renderer.aio
from mainproc import IpcMainEvent, IpcMainInvokeEvent, WebContents, app, ipc

# ---- what is registered --------------------------------------------------------------

ipc.on("x", 5)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
ipc.on(5, print)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
ipc.handle("x", print, True)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
ipc.on("x", print, threads=True)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
ipc.onn("x", print)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]


@ipc.on("x")  # type: ignore[type-var] # pyright: ignore[reportArgumentType]
def no_event() -> None: ...


@ipc.on("x")  # type: ignore[type-var] # pyright: ignore[reportArgumentType]
def wrong_event(event: IpcMainInvokeEvent) -> None: ...


@ipc.handle("x")  # type: ignore[type-var] # pyright: ignore[reportArgumentType]
async def wrong_invoke_event(event: IpcMainEvent) -> None: ...


@ipc.on("x")
def fine(event: IpcMainEvent, number: int) -> int:
    return number


def unchanged(event: IpcMainEvent) -> None:
    fine(event, "x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    fine(event)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    text: str = fine(event, 1)  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    print(text)


# ---- events --------------------------------------------------------------------------


@ipc.on("x")
def misspelt(event: IpcMainEvent) -> None:
    event.return_valu = 1  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    event.returnvalue = 1  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    event.cancelled = True  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    event.sender.sned("x")  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    event.sender.send(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    event.sender.send("x", lane="y")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    event.sender.send("x", channel="y")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


@ipc.handle("x")
def no_return_value(event: IpcMainInvokeEvent) -> None:
    event.return_value = 1  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]


# ---- main ----------------------------------------------------------------------------


async def main(contents: WebContents) -> None:
    contents.invoke("x", timeout="1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    contents.invoke("x").results()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    contents.on("destroy", print)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on("redy", print)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    mainproc.run(listen=50051)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    mainproc.run(ready="xml")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    mainproc.run(policy=5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ipc.on("x", print, allow=True)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    mainproc.run("main.py")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with mainproc.serve():  # type: ignore[attr-defined] # pyright: ignore[reportGeneralTypeIssues]
        pass
    found = WebContents.from_id(1)
    found.send("x")  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]


# ---- a renderer ----------------------------------------------------------------------


async def page(ipc: renderer.IpcRenderer) -> None:
    await ipc.send("x")  # type: ignore[func-returns-value, misc] # pyright: ignore[reportGeneralTypeIssues]
    ipc.send()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    ipc.send_sync("x", timeout="1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    print(ipc.invoke("x") + 1)  # type: ignore[operator] # pyright: ignore[reportOperatorIssue]
    ipc.on("x", 5)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    ipc.id = 1  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    renderer.connect(titel="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    renderer.IpcRenderer(dispatch=5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    renderer.RemoteError()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


# ---- a renderer on asyncio -----------------------------------------------------------


async def forgotten(ipc: renderer.aio.IpcRenderer) -> None:
    ipc.flush()  # type: ignore[unused-coroutine] # pyright: ignore[reportUnusedCoroutine]
    number: int = ipc.invoke("x")  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    print(ipc.send_sync("x") + number)  # type: ignore[operator] # pyright: ignore[reportOperatorIssue]
    await ipc.send("x")  # type: ignore[func-returns-value, misc] # pyright: ignore[reportGeneralTypeIssues]
    with ipc:  # type: ignore[attr-defined] # pyright: ignore[reportGeneralTypeIssues]
        pass
    renderer.aio.IpcRenderer(dispatch=print)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
