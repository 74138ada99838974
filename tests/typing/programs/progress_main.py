"""Reads many files on a thread, and tells the window how far it is."""

from mainproc import IpcMainInvokeEvent, ipc


@ipc.handle("import", thread=True)
def import_files(event: IpcMainInvokeEvent, names: list[str]) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for done, name in enumerate(names, start=1):
        if event.cancelled:  # the window has closed, or pressed "Cancel"
            break
        lengths[name] = len(name)  # ... or whatever takes long
        event.sender.send("progress", name, 100 * done // len(names))
    return lengths
