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
from mainproc.security.identity import Identity, identity_of
from mainproc.testing.aio_probe import AioRendererProbe, probing_aio
from mainproc.testing.isolation import isolating
from mainproc.testing.probe import RendererProbe, probing


def connected(
    ipc: IpcMain = ipc,
    /,
    *,
    title: str = "",
    url: str = "",
    identity: Identity | str | None = None,
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
        identity: who it is, as if it had shown that: what main sees as
            `WebContents.identity`, and what `allow=` and a policy go by. An `Identity`,
            or KIND:NAME as in a policy, "token:kiosk"; None for one who was not asked.

    Returns:
        A context manager that yields the renderer.

    Raises:
        ValueError: `identity` is nobody's.
    """
    return probing(ipc, title, url, _identity(identity))


def connected_aio(
    ipc: IpcMain = ipc,
    /,
    *,
    title: str = "",
    url: str = "",
    identity: Identity | str | None = None,
) -> AbstractAsyncContextManager[AioRendererProbe]:
    """Connect a renderer to a main process in memory, on the loop that runs.

    For tests that are `async def`: main's listeners are called on the test's own loop,
    and the renderer's are, too. What `connected` says holds here as well.

    Args:
        ipc: whose listeners and handlers serve the renderer.
        title: what main sees as `WebContents.title`.
        url: what main sees as `WebContents.url`.
        identity: who it is, as if it had shown that: what main sees as
            `WebContents.identity`, and what `allow=` and a policy go by. An `Identity`,
            or KIND:NAME as in a policy, "token:kiosk"; None for one who was not asked.

    Returns:
        An asynchronous context manager that yields the renderer.

    Raises:
        ValueError: `identity` is nobody's.
    """
    return probing_aio(ipc, title, url, _identity(identity))


def isolated(ipc: IpcMain = ipc, /) -> AbstractContextManager[IpcMain]:
    """Restore, at the end of a block, what was registered at its beginning.

    That is listeners and handlers, those of `once` that have been called included, the
    hook given to `on_error`, the policy, and the listeners of `app`. Warnings that are
    given once for each channel are given again.

    Args:
        ipc: whose listeners, handlers, hook and policy these are.

    Returns:
        A context manager that yields `ipc`.
    """
    return isolating(ipc)


def _identity(who: Identity | str | None) -> Identity | None:
    return identity_of(who) if isinstance(who, str) else who


__all__ = (
    "AioRendererProbe",
    "RendererProbe",
    "connected",
    "connected_aio",
    "isolated",
)
