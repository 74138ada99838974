"""Passes on what each window says to the others, and ends with the last one."""

from mainproc import IpcMainEvent, WebContents, app, ipc


@ipc.on("say")
def say(event: IpcMainEvent, text: str) -> None:
    heard = ipc.broadcast("said", event.sender.title, text, exclude=event.sender)
    print(f"{event.sender.title} to {heard}: {text}", flush=True)


@app.on("web-contents-created")
def came(contents: WebContents) -> None:
    ipc.broadcast("came", contents.title, len(ipc.web_contents))


@app.on("window-all-closed")
def closed() -> None:
    app.quit()
