"""Sync messages without a session: for programs that have nothing else to say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

from renderer.carrier import Carrier, LinkBroken
from renderer.deadline import Deadline, no_reply
from renderer.patience import ThreadPatience
from renderer.settings import Settings
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcTimeout, quote
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.terms import read_sync_response
from renderer.wire.values import Default


@final
class OneShots:
    """Makes unary calls, on one carrier as long as that works.

    Args:
        carrier: opens the way to main.
    """

    allowed: ClassVar[bool] = True
    """This process may do without a session; not so under `python -m renderer`."""

    def __init__(self, carrier: Callable[[], Carrier]) -> None:
        self._open = carrier
        self._lock = threading.RLock()  # a signal handler may close what it interrupted
        self._carrier: Carrier | None = None

    @classmethod
    def allowed_to(cls, settings: Settings) -> bool:
        """Tell whether a renderer of these settings may do without a session."""
        return cls.allowed and not settings.spawned

    @staticmethod
    def request(
        channel: str, args: Sequence[object], default: Default | None
    ) -> bytes | None:
        """Return the message; None if it is too large to go without a session.

        Raises:
            DataCloneError: an argument cannot be sent.
        """
        request = messages.sync_request(channel, args, default).SerializeToString()
        return request if len(request) <= DEFAULT_LIMITS.max_frame_bytes else None

    def send_sync(
        self, request: bytes, channel: str, deadline: Deadline, patience: ThreadPatience
    ) -> Any:
        """Send a sync message; wait for main to appear, and for its response.

        Raises:
            IpcError: as `IpcRenderer.send_sync` says.
        """
        while True:
            try:
                response = self._here().send_sync(request, deadline.left)
                return read_sync_response(response, channel)
            except LinkBroken as broken:
                error = broken
            except IpcTimeout:
                raise no_reply(channel, deadline) from None
            self.close()
            # Trying again is safe only while nobody can have got it.
            if error.outcome == "unknown":
                text = f"the connection to main broke under {quote(channel)}: {error}"
                raise ConnectionClosed(text, "unknown")
            patience.pause(error)

    def close(self) -> None:
        """Give the carrier back. The next message opens another."""
        with self._lock:
            carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.close()

    def _here(self) -> Carrier:
        with self._lock:
            if self._carrier is None:
                self._carrier = self._open()
            return self._carrier


__all__ = ("OneShots",)
