"""The beginning of a renderer in main: its session, and what it is called there."""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

from mainproc.web_contents import WebContents
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.session import Session
from renderer.wire.writer import Role

if TYPE_CHECKING:
    from mainproc.ipc_main import IpcMain
    from mainproc.security.identity import Identity

_TOKEN_BYTES: Final = 32
_LONGEST_TITLE: Final = 8 * 1024


class Admitted(NamedTuple):
    """A renderer that has come in."""

    token: bytes
    """What it comes back with."""
    contents: WebContents
    session: Session
    """It has accepted the Hello."""


def admit(ipc: IpcMain, first: bytes, identity: Identity | None = None) -> Admitted:
    """Let a renderer in.

    Args:
        ipc: whose listeners serve it.
        first: the first frame of its link.
        identity: who it is.

    Raises:
        RemoteProtocolError: the Hello cannot be; there is no session.
    """
    hello = parse_hello(first)
    contents = WebContents(
        title=hello.title[:_LONGEST_TITLE],
        url=hello.url[:_LONGEST_TITLE],
        default=ipc.default,
        groups=ipc.groups,
        observers=ipc.observers,
        overflow=ipc.overflows,
        identity=identity,
        permissions=ipc.permissions(identity),
    )
    admission = Admission(
        token=secrets.token_bytes(_TOKEN_BYTES),
        grace=ipc.limits.resume_grace,
        session_id=secrets.token_hex(4),
        web_contents_id=contents.id,
        server_name="electron-ipc",
        server_version=_version(),
    )
    session = Session(Role.MAIN, limits=ipc.limits, admission=admission)
    session.accept(hello)
    contents.packed = session.peer.packed
    return Admitted(admission.token, contents, session)


@functools.cache
def _version() -> str:
    from importlib.metadata import version  # it takes its time to import

    return version("electron-ipc")


__all__ = ("Admitted", "admit")
