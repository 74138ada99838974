"""Asks the window before it does something that cannot be undone."""

from mainproc import IpcMainInvokeEvent, IpcTimeout, ipc

files = {"old.txt", "new.txt"}


@ipc.handle("delete")
async def delete(event: IpcMainInvokeEvent, name: str) -> bool:
    try:
        sure = await event.sender.invoke("confirm", f"Delete {name}?", timeout=60)
    except IpcTimeout:
        sure = False
    if sure:
        files.discard(name)
    return name not in files
