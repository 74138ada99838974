"""A session's sync messages beside its stream, by the unary method."""

from __future__ import annotations

from random import random
from typing import Any, Final, Protocol, final

from renderer import texts
from renderer.carrier import Carrier, LinkBroken
from renderer.deadline import Deadline, no_reply
from renderer.retry import backoff
from renderer.threads.exchange import Exchange
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcTimeout, Outcome, quote
from renderer.wire.link import Fate
from renderer.wire.terms import read_sync_response

_ROOM: Final = 2**20
"""The most bytes of unacked messages that one may bring along."""


class Ways(Protocol):
    """What leads to main at present."""

    carrier: Carrier
    linked: bool
    """There is a link that carries messages."""


@final
class Beside:
    """One sync message, sent again with the same id until main has answered it.

    Args:
        exchange: the session.
        ways: where it goes.
        request: the message, with its id.
        channel: its channel.
    """

    def __init__(
        self,
        exchange: Exchange,
        ways: Ways,
        request: messages.SyncRequest,
        channel: str,
    ) -> None:
        self._exchange = exchange
        self._ways = ways
        self._request = request
        self._channel = channel
        self._outcome: Outcome = "not-sent"  # so far

    def send(self, deadline: Deadline) -> Any:
        """Send it and return the result.

        Raises:
            IpcError: as `IpcRenderer.send_sync` says.
        """
        exchange, request = self._exchange, self._request
        exchange.check()
        era, after = exchange.era, exchange.number_of_last(deadline)
        if after is None:
            raise no_reply(self._channel, deadline)
        request.token, request.after = exchange.session.welcome.token, after
        for pause in backoff(random):
            if exchange.era != era:
                raise ConnectionClosed(str(texts.started_over()), self._outcome)
            try:
                return self._try(deadline)
            except IpcTimeout:
                raise no_reply(self._channel, deadline) from None
            except LinkBroken as broken:
                self._mind(broken)
            exchange.wait_until(self._is_over, Deadline(pause))
            if exchange.error is not None:
                raise ConnectionClosed(str(exchange.error), self._outcome)
        raise AssertionError  # it has no end

    def _try(self, deadline: Deadline) -> Any:
        carrier, request = self._ways.carrier, self._request
        request.ClearField("first")
        request.ClearField("messages")
        if not self._ways.linked:
            self._bring_along()
        try:
            response = carrier.send_sync(request.SerializeToString(), deadline.left)
        except LinkBroken as broken:
            if carrier is self._ways.carrier:
                raise
            # It was given up for another one meanwhile.
            raise LinkBroken(str(broken), broken.outcome, Fate.RESUME) from None
        return read_sync_response(response, self._channel)

    def _bring_along(self) -> None:
        """Let main have what no link brings at present."""
        unacked = self._exchange.unacked(self._request.after, _ROOM)
        if unacked is not None:
            messages.bring(self._request, *unacked)

    def _is_over(self) -> bool:
        return self._exchange.error is not None

    def _mind(self, broken: LinkBroken) -> None:
        """Go on after a failure, if that may lead to something."""
        if broken.outcome == "unknown":
            self._outcome = "unknown"
        if broken.fate is not Fate.RESUME:
            text = f"the sync message to {quote(self._channel)} failed: {broken}"
            raise ConnectionClosed(text, self._outcome)


__all__ = ("Beside", "Ways")
