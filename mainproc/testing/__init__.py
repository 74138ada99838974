"""Test an application without sockets: its main process, and renderers, in memory.

    from mainproc.testing import connected
    import main                       # registers its listeners with mainproc.ipc

    def test_ping():
        with connected() as page:
            assert page.send_sync("synchronous-message", "ping") == "pong"
            page.send("asynchronous-message", "ping")
            assert page.wait_for("asynchronous-reply") == ("pong",)

Both ends are the real ones; frames go from one to the other in this process. With
pytest there are the fixtures `ipc_main`, `ipc_renderer` and `open_renderer`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager

from mainproc import ipc
from mainproc.ipc_main import IpcMain
from mainproc.testing.aio_probe import AioRendererProbe, probing_aio
from mainproc.testing.isolation import isolating
from mainproc.testing.probe import RendererProbe, probing


def connected(
    ipc: IpcMain = ipc, /, *, title: str = "", url: str = ""
) -> AbstractContextManager[RendererProbe]:
    """Connect a renderer to a main process in memory, while a block runs.

    For plain tests: main runs on an event loop on a thread of its own, where its
    listeners are called, as in production. All renderers that are connected to the same
    `ipc` at a time share it; it ends with the last of them, and cancels what its
    listeners have left running. `app` is told what it is told by `mainproc.serve`.

    The end of the block flushes what was sent and says goodbye.

    Args:
        ipc: whose listeners and handlers serve the renderer.
        title: what main sees as `WebContents.title`.
        url: what main sees as `WebContents.url`.

    Returns:
        A context manager that yields the renderer.
    """
    return probing(ipc, title, url)


def connected_aio(
    ipc: IpcMain = ipc, /, *, title: str = "", url: str = ""
) -> AbstractAsyncContextManager[AioRendererProbe]:
    """Connect a renderer to a main process in memory, on the loop that runs.

    For tests that are `async def`: main's listeners are called on the test's own loop,
    and the renderer's are, too. What `connected` says holds here as well.

    Args:
        ipc: whose listeners and handlers serve the renderer.
        title: what main sees as `WebContents.title`.
        url: what main sees as `WebContents.url`.

    Returns:
        An asynchronous context manager that yields the renderer.
    """
    return probing_aio(ipc, title, url)


def isolated(ipc: IpcMain = ipc, /) -> AbstractContextManager[IpcMain]:
    """Restore, at the end of a block, what was registered at its beginning.

    That is listeners and handlers, those of `once` that have been called included, the
    hook given to `on_error`, and the listeners of `app`. Warnings that are given once
    for each channel are given again.

    Args:
        ipc: whose listeners, handlers and hook these are.

    Returns:
        A context manager that yields `ipc`.
    """
    return isolating(ipc)


__all__ = (
    "AioRendererProbe",
    "RendererProbe",
    "connected",
    "connected_aio",
    "isolated",
)
