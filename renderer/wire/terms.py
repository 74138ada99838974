"""What is said around the messages, for those who do not speak protobuf.

How a renderer introduces itself, and what a unary response says.
"""

from __future__ import annotations

from typing import Any

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.messages import parse_sync_response, read_result


def introduction(*, version: str = "", url: str = "", title: str = "") -> pb.Hello:
    """Return what a renderer says of itself.

    Args:
        version: that of this package.
        url: what becomes `WebContents.url`.
        title: what becomes `WebContents.title`.
    """
    return pb.Hello(
        client_name="electron-ipc-python", client_version=version, url=url, title=title
    )


def read_sync_response(data: bytes, channel: str) -> Any:
    """Return the result in a unary response.

    Args:
        data: the response.
        channel: the request's channel, for the text of an error.

    Raises:
        IpcError: the failure that stands in its place.
        DataCloneError: the result cannot be read.
        RemoteProtocolError: there is none.
    """
    return read_result(parse_sync_response(data), channel)


__all__ = (
    "introduction",
    "read_sync_response",
)
