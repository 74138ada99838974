"""The renderer process on asyncio: the same names as in `renderer`.

    import asyncio
    from renderer.aio import ipc

    @ipc.on("asynchronous-reply")
    async def _(arg):
        print(arg)

    async def main():
        ipc.send("asynchronous-message", "ping")
        print(await ipc.invoke("add", 1, 2))
        await ipc.wait()

    asyncio.run(main())

`ipc` is an `IpcRenderer` that connects on first use. Importing this opens nothing.
"""

from __future__ import annotations

from typing import Final, Unpack

from renderer.aio.renderer import IpcRenderer
from renderer.settings import DEFAULT_ADDRESS, Options
from renderer.tls import TLS
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    DataCloneError,
    DuplicateHandler,
    IpcError,
    IpcTimeout,
    LocalProtocolError,
    NoHandler,
    NoListener,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    RemoteError,
    RemoteProtocolError,
    ReplyNeverSent,
)
from renderer.wire.listeners import Subscription

ipc: Final = IpcRenderer()
"""This program's renderer. It connects when it is first used."""


async def connect(
    address: str | None = None, **options: Unpack[Options]
) -> IpcRenderer:
    """Return a new renderer, connected.

    Cancelling this leaves nothing open.

    Args:
        address: as for `IpcRenderer`.
        **options: as for `IpcRenderer`.

    Raises:
        ConnectionClosed: there is no main process at that address.
        AccessDenied: it does not let this renderer in.
    """
    renderer = IpcRenderer(address, **options)
    try:
        return await renderer.connect()
    except BaseException:
        await renderer.aclose()
        raise


__all__ = (
    "DEFAULT_ADDRESS",
    "TLS",
    "AccessDenied",
    "ConnectionClosed",
    "DataCloneError",
    "DuplicateHandler",
    "IpcError",
    "IpcRenderer",
    "IpcTimeout",
    "LocalProtocolError",
    "NoHandler",
    "NoListener",
    "Overloaded",
    "PayloadTooLarge",
    "ProtocolError",
    "RemoteError",
    "RemoteProtocolError",
    "ReplyNeverSent",
    "Subscription",
    "connect",
    "ipc",
)
