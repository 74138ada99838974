"""The lines of a trace: messages for people, frames for programs and their authors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime
from time import monotonic
from typing import Any, Final, Literal, Protocol, TypeAlias, final

import click

from renderer.wire import frames, messages
from renderer.wire.errors import RemoteProtocolError, message_of, quote
from renderer.wire.transcript import (
    CALLS,
    REPLIES,
    Entry,
    Frame,
    Transcript,
    Unary,
    as_json,
    entry_of_unary,
)

Side = Literal["main", "renderer"]
"""To whom something is said."""
Sessions: TypeAlias = "MutableMapping[bytes, Renderer]"
"""Those whose Welcome was seen, by its token."""

_OTHER: Final[dict[Side, Side]] = {"main": "renderer", "renderer": "main"}
_ARROWS: Final[dict[Side, str]] = {"main": "->", "renderer": "<-"}
_COLOURS: Final[dict[Side, str]] = {"main": "cyan", "renderer": "green"}
_ALARMING: Final = ("error", "unknown")

_LONGEST_TITLE: Final = 20
_LONGEST_CHANNEL: Final = 60
_LONGEST_TEXT: Final = 200
_MOST_CALLS: Final = 10_000
_MESSAGE_BYTES: Final = 16 * 1024
_LONGEST_JSON: Final = 128 * 1024


@final
class Renderer:
    """Who is at the other end, as far as it was said.

    Args:
        peer: where it comes from.
        sessions: where to note it, for its sync messages outside the link.
    """

    def __init__(self, peer: str, sessions: Sessions) -> None:
        self.peer = peer
        self.id: int | None = None
        self.title = ""
        self._sessions = sessions

    def frame(self, to: Side, data: bytes) -> Frame:
        """Return a frame to or from it, and remember what that says of it.

        Raises:
            RemoteProtocolError: it is none.
        """
        if to == "main":
            request = frames.parse_request(data)
            self.title = request.hello.title or self.title
            return request
        response = frames.parse_response(data)
        if response.HasField("welcome"):
            self.id = response.welcome.web_contents_id
            self._sessions[response.welcome.token] = self
        return response

    def unary(self, to: Side, data: bytes) -> Unary:
        """Return a sync message outside a link, or the response to it.

        Raises:
            RemoteProtocolError: it is none.
        """
        if to == "renderer":
            return messages.parse_sync_response(data)
        request = messages.parse_sync_request(data)
        known = self._sessions.get(request.token)
        if known is not None:
            self.id, self.title = known.id, known.title
        return request

    def __str__(self) -> str:
        id = self.peer if self.id is None else str(self.id)
        return f"{id} {quote(self.title, _LONGEST_TITLE)}" if self.title else id


class Lines(Protocol):
    """The lines of one link, or of one sync message outside a link."""

    def frame(self, to: Side, data: bytes) -> Iterator[str]:
        """Yield the lines of a frame."""
        ...

    def unary(self, to: Side, data: bytes) -> Iterator[str]:
        """Yield the lines of a sync message outside a link, or of its response."""
        ...

    def refusal(self, error: BaseException) -> Iterator[str]:
        """Yield the lines that say why it has no response."""
        ...

    def end(self) -> Iterator[str]:
        """Yield the lines that say that no more comes from the renderer."""
        ...


@final
class MessageLines:
    """One line for each message; a reply with the milliseconds since its call.

    Args:
        renderer: who is at the other end.
        coloured: for a terminal.
    """

    def __init__(self, renderer: Renderer, *, coloured: bool = False) -> None:
        self._renderer = renderer
        self._coloured = coloured
        self._transcripts = {"main": Transcript(), "renderer": Transcript()}
        # By whom they were made to, and their ids.
        self._calls: dict[tuple[Side, int], tuple[str | None, float]] = {}
        self._parting = False

    def frame(self, to: Side, data: bytes) -> Iterator[str]:
        """Yield a line for each message, and for Hello, Welcome and Goodbye."""
        try:
            frame = self._renderer.frame(to, data)
        except RemoteProtocolError as error:
            yield self._line(to, _unreadable(data, error))
            return
        for entry in self._transcripts[to].entries(frame):
            self._parting |= entry.kind == "goodbye"
            yield self._line(to, entry)

    def unary(self, to: Side, data: bytes) -> Iterator[str]:
        """Yield the line of a sync message outside a link, or of its response."""
        try:
            entry = entry_of_unary(self._renderer.unary(to, data))
        except RemoteProtocolError as error:
            entry = _unreadable(data, error)
        yield self._line(to, entry)

    def refusal(self, error: BaseException) -> Iterator[str]:
        """Yield the line that says why it has no response."""
        yield self._line("renderer", Entry("error", _words(error)))

    def end(self) -> Iterator[str]:
        """Yield the line that a link ended before anybody has said goodbye."""
        if not self._parting:
            yield self._line("main", Entry("end", "without goodbye"))

    def _line(self, to: Side, entry: Entry) -> str:
        channel, took = self._follow(to, entry)
        words = [
            f"{self._renderer!s:<12}",
            self._style(to, entry.kind, f"{_ARROWS[to]} {entry.kind:<9}"),
            "" if channel is None else quote(channel, _LONGEST_CHANNEL),
            entry.text,
            took,
        ]
        return f"{_time()} {' '.join(filter(None, words))}".rstrip()

    def _follow(self, to: Side, entry: Entry) -> tuple[str | None, str]:
        """Return the channel of an entry, and how long a reply took."""
        if entry.kind in CALLS:
            if len(self._calls) >= _MOST_CALLS:
                del self._calls[next(iter(self._calls))]
            self._calls[to, entry.id] = entry.channel, monotonic()
        elif entry.kind == "cancel":
            return self._calls.get((to, entry.id), (None, 0.0))[0], ""
        elif entry.kind in REPLIES:
            call = self._calls.pop((_OTHER[to], entry.id), None)
            if call is not None:
                return call[0], f"({(monotonic() - call[1]) * 1000:.1f} ms)"
        return entry.channel, ""

    def _style(self, to: Side, kind: str, text: str) -> str:
        if not self._coloured:
            return text
        return click.style(text, fg="red" if kind in _ALARMING else _COLOURS[to])


@final
class FrameLines:
    """One line of JSON for each frame: `time`, `renderer`, `title`, `to`, `frame`.

    `frame` is proto3 JSON of a StreamRequest (to main) or a StreamResponse; a sync
    message outside a link has `unary` in its place. What would make the line too long
    is left out, and `left_out` says how much.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def frame(self, to: Side, data: bytes) -> Iterator[str]:
        """Yield the line of a frame."""
        yield self._said(to, "frame", self._renderer.frame, data)

    def unary(self, to: Side, data: bytes) -> Iterator[str]:
        """Yield the line of a sync message outside a link, or of its response."""
        yield self._said(to, "unary", self._renderer.unary, data)

    def refusal(self, error: BaseException) -> Iterator[str]:
        """Yield the line that says why it has no response."""
        yield self._line("renderer", {"error": _words(error)})

    def end(self) -> Iterator[str]:
        """Yield the line that no more comes from the renderer."""
        yield self._line("main", {"end": True})

    def _said(
        self,
        to: Side,
        name: str,
        read: Callable[[Side, bytes], Frame | Unary],
        data: bytes,
    ) -> str:
        try:
            said = read(to, data)
        except RemoteProtocolError as error:
            return self._line(to, {"unreadable": len(data), "error": str(error)})
        body, left_out = as_json(said, _MESSAGE_BYTES)
        line = self._line(to, {name: body, **left_out})
        if len(line) > _LONGEST_JSON:
            return self._line(to, {name: {}, "left_out": {"bytes": len(data)}})
        return line

    def _line(self, to: Side, more: dict[str, Any]) -> str:
        renderer = self._renderer
        head = {"time": _time(), "renderer": renderer.id, "title": renderer.title}
        return json.dumps({**head, "to": to, **more})


def _time() -> str:
    return datetime.now().strftime("%H:%M:%S.%f")[:-3]


def _words(error: BaseException) -> str:
    text = message_of(error) or type(error).__name__
    return quote(text, _LONGEST_TEXT)[1:-1]


def _unreadable(data: bytes, error: RemoteProtocolError) -> Entry:
    return Entry("unknown", f"{len(data):,} bytes: {_words(error)}")


__all__ = ("FrameLines", "Lines", "MessageLines", "Renderer", "Sessions", "Side")
