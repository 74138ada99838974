"""The links of a connection, one after the other, each on a way of its own to main."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from typing import final

from renderer.carrier import Carrier
from renderer.settings import ThreadSettings
from renderer.threads.exchange import Exchange
from renderer.wire.errors import ConnectionClosed
from renderer.wire.link import BlockingLink

logger = logging.getLogger("ipc.renderer")


@final
class Links:
    """The link that carries a session at present, and the way to it.

    A new link gets a new way: a channel that was broken waits, by a backoff of the
    transport's own, before it looks for main again.

    Args:
        way: opens the way to the main that settings name.
        settings: where main is.
        exchange: the session, new.
    """

    def __init__(
        self,
        way: Callable[[ThreadSettings], Carrier],
        settings: ThreadSettings,
        exchange: Exchange,
    ) -> None:
        self.settings = settings
        """Where main is, by what it has said itself."""
        self._way = way
        self._exchange = exchange
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._over = False
        self.linked = False
        """The present one was welcomed, and has not ended."""
        self.carrier = way(settings)
        """The way of the present one."""
        self.link, self.epoch = self._open(anew=False)

    def move(self, address: str) -> None:
        """Look for main at another address from now on."""
        # The token of whoever has spawned this program is not shown at an address that
        # was not given with it: see `Settings.bearer`.
        moved = self.settings.changed(address, {})
        try:
            moved.grpc_target()
        except ConnectionClosed as error:
            logger.warning("main names another address, but %s", error)
        else:
            self.settings = moved

    def again(self, *, anew: bool) -> None:
        """Begin the next link.

        Args:
            anew: with a new session.

        Raises:
            LocalProtocolError: the session is over.
        """
        before, self.carrier = self.carrier, self._way(self.settings)
        before.close()
        self.link, self.epoch = self._open(anew=anew)
        if self._over:
            self.link.cut()  # somebody may have cut the one before

    def _open(self, *, anew: bool) -> tuple[BlockingLink, int]:
        feed = self._exchange.attach(anew=anew)
        link = self.carrier.open(feed)
        self._exchange.begin(link)
        return link, feed.epoch

    def pause(self, seconds: float) -> bool:
        """Wait; return False if `stop` was called before or meanwhile."""
        if not self._over:
            try:
                self._bell.get(timeout=max(0.0, seconds))
            except queue.Empty:
                pass
        return not self._over

    def stop(self) -> None:
        """Begin no link any more. The present one may end as it should."""
        self._over = True
        self._bell.put(None)

    def cut(self) -> None:
        """End the present link now, and begin none any more."""
        self.stop()
        self.link.cut()


__all__ = ("Links",)
