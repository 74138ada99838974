"""An observer that keeps what it is told."""

from __future__ import annotations

import threading
from typing import Any

from mainproc import WebContents
from mainproc.observe import (
    CallEnd,
    Direction,
    Kind,
    ObservedCall,
    Observer,
    Refusal,
)


class Recorder(Observer):
    """Keeps a tuple for each thing, in order, without the renderer and sizes."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.sizes: list[int] = []
        """Of messages."""
        self.calls: list[ObservedCall] = []
        """Those that have started."""
        self.ends: list[CallEnd] = []
        """Those that have ended."""
        self.threads: dict[str, str] = {}
        """On which thread each kind of thing was last told."""

    def _note(self, what: str, *said: object) -> None:
        self.threads[what] = threading.current_thread().name
        self.seen.append((what, *said))

    def of(self, what: str) -> list[tuple[Any, ...]]:
        """Return what was told of one kind."""
        return [said[1:] for said in self.seen if said[0] == what]

    def connected(self, contents: WebContents) -> None:
        self._note("connected")

    def disconnected(self, contents: WebContents) -> None:
        self._note("disconnected")

    def resumed(self, contents: WebContents, away: float) -> None:
        assert away >= 0
        self._note("resumed")

    def gap(
        self, contents: WebContents, sent_unconfirmed: int, received_missing: int | None
    ) -> None:
        self._note("gap", sent_unconfirmed, received_missing)

    def destroyed(self, contents: WebContents, reason: str) -> None:
        self._note("destroyed", reason)

    def message(
        self,
        contents: WebContents,
        direction: Direction,
        kind: Kind,
        channel: str,
        size: int,
    ) -> None:
        self.sizes.append(size)
        self._note(direction, kind, channel)

    def call_started(self, call: ObservedCall) -> None:
        self.calls.append(call)
        self._note("started", call.direction, call.kind, call.channel)

    def call_ended(self, call: ObservedCall, end: CallEnd) -> None:
        assert call in self.calls
        assert end.seconds >= 0
        self.ends.append(end)
        self._note("ended", call.channel, end.outcome, end.reason)

    def refused(self, refusal: Refusal) -> None:
        who = "somebody" if refusal.contents is None else "a renderer"
        self._note("refused", who, refusal.channel, refusal.reason)

    def overloaded(
        self, contents: WebContents, direction: Direction, channel: str, policy: str
    ) -> None:
        self._note("overloaded", direction, channel, policy)
