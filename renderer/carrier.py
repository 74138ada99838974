"""What a session needs of a transport: links, and the unary sync message.

gRPC is one carrier (`grpc_link`, `grpc_aio_link`); a pair of queues in memory is
another.
"""

from __future__ import annotations

from typing import Protocol, final

from renderer.wire.errors import ConnectionClosed, Outcome
from renderer.wire.link import AsyncLink, BlockingLink, Fate


class Source(Protocol):
    """Where a link gets the frames that it writes."""

    def next_frame(self) -> bytes | None:
        """Return the next frame; None when there is nothing to write now."""
        ...

    def patience(self) -> float | None:
        """Return the seconds after which to ask again unasked; None: only when woken.

        It holds for the latest `next_frame` that returned None.
        """
        ...


class Carrier(Protocol):
    """The way to one main process."""

    def open(self, source: Source) -> BlockingLink:
        """Begin a link. It connects on its own; the first frame tells that it has."""
        ...

    def send_sync(self, request: bytes, timeout: float | None) -> bytes:
        """Make the unary call; return the serialized response.

        Args:
            request: a serialized SendSyncRequest.
            timeout: seconds to wait for the response; None for ever.

        Raises:
            LinkBroken: there is no response; `outcome` tells what that means.
            IpcTimeout: the time is over.
            AccessDenied: main does not take calls from this renderer.
            Overloaded: main has no room for it.
            PayloadTooLarge: the request or its response exceeds the limits.
            LocalProtocolError: main takes the request for malformed.
        """
        ...

    def close(self) -> None:
        """Give everything back that was opened. Links are cut."""
        ...


class AioLink(AsyncLink, Protocol):
    """A link that an event loop carries, as a renderer needs it.

    `read` returns None at the end of the link, or raises the IpcError that says why it
    ended; `write` raises ConnectionClosed once it is gone.
    """

    async def finish(self) -> None:
        """End this direction; reading goes on."""
        ...

    def cut(self) -> None:
        """End both directions now; `read` comes to its end."""
        ...


class AioCarrier(Protocol):
    """The way to one main process, for an event loop."""

    def open(self) -> AioLink:
        """Begin a link. It connects on its own; the first frame tells that it has."""
        ...

    async def close(self) -> None:
        """Give everything back that was opened. Links are cut."""
        ...


class LinkBroken(ConnectionClosed):
    """A link ended, or never came to be.

    Args:
        message: what happened.
        outcome: what became of what was written on it.
        fate: what may follow.
    """

    def __init__(self, message: str, outcome: Outcome, fate: Fate) -> None:
        super().__init__(message, outcome)
        self.fate = fate


@final
class NoHandshake(LinkBroken):
    """Somebody answered, and the two could not agree on TLS.

    Who has never been there gives up. Who has been there before comes back: a byte may
    have changed on its way, or main may get a better certificate.
    """


@final
class HungUp(LinkBroken):
    """Somebody answered and hung up before a word was said."""
