"""The renderer process: talk to the main process over named channels.

    from renderer import ipc

    @ipc.on("asynchronous-reply")
    def _(arg):
        print(arg)

    ipc.send("asynchronous-message", "ping")

`ipc` is an `IpcRenderer` that connects on first use. Importing this opens nothing.
"""

from __future__ import annotations

from typing import Final, Unpack

from renderer.reply import Reply
from renderer.settings import DEFAULT_ADDRESS, ThreadOptions
from renderer.threads import IpcRenderer
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


def connect(
    address: str | None = None, **options: Unpack[ThreadOptions]
) -> IpcRenderer:
    """Return a new renderer, connected.

    Args:
        address: as for `IpcRenderer`.
        **options: as for `IpcRenderer`.

    Raises:
        ConnectionClosed: there is no main process at that address.
        AccessDenied: it does not let this renderer in.
    """
    return IpcRenderer(address, **options).connect()


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
    "Reply",
    "ReplyNeverSent",
    "Subscription",
    "connect",
    "ipc",
)
