"""What `mainproc run --trace` shows: everything that is said, on stderr.

A link is traced by one that reads and writes through it. Nothing else of main knows of
this, and what goes wrong in here does so in a line of the trace, not in main.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Generator, Iterable
from contextlib import contextmanager
from typing import IO, Literal, final
from weakref import WeakValueDictionary

from mainproc.trace_lines import (
    FrameLines,
    Lines,
    MessageLines,
    Renderer,
    Sessions,
    Side,
)
from renderer.wire.errors import IpcError, quote
from renderer.wire.link import AsyncLink

Style = Literal["messages", "frames"]


@final
class Trace:
    """Writes down what renderers and main say to each other.

    Args:
        style: "messages": a line for each; "frames": a line of JSON for each.
        file: where to; None for stderr.
    """

    def __init__(self, style: Style, file: IO[str] | None = None) -> None:
        self._style = style
        self._file: IO[str] | None = sys.stderr if file is None else file
        self._sessions: Sessions = WeakValueDictionary()
        on_terminal = self._file is not None and self._file.isatty()
        self._coloured = on_terminal and not os.environ.get("NO_COLOR")

    @contextmanager
    def link(self, link: AsyncLink, peer: str) -> Generator[AsyncLink]:
        """Give a link that is the same, but for being traced until the block is left.

        Args:
            link: a new link.
            peer: where it comes from.
        """
        traced = _TracedLink(link, self, self._lines(peer))
        try:
            yield traced
        finally:
            traced.ended()

    async def sync(self, request: bytes, response: Awaitable[bytes]) -> bytes:
        """Return the response to a sync message outside a stream; trace both."""
        lines = self._lines("one-shot")
        self.write(lines.unary("main", request))
        try:
            data = await response
        except (IpcError, asyncio.CancelledError) as error:
            self.write(lines.refusal(error))
            raise
        self.write(lines.unary("renderer", data))
        return data

    def write(self, lines: Iterable[str]) -> None:
        """Write lines. If they cannot be made, say so; if not even that, be silent."""
        try:
            for line in lines:
                self._put(line)
        except Exception as error:
            self._put(f"mainproc: cannot trace this: {quote(repr(error))}")

    def _put(self, line: str) -> None:
        if self._file is None:  # closed from the start
            return
        try:
            self._file.write(f"{line}\n")
            self._file.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more

    def _lines(self, peer: str) -> Lines:
        renderer = Renderer(peer, self._sessions)
        if self._style == "frames":
            return FrameLines(renderer)
        return MessageLines(renderer, coloured=self._coloured)


@final
class _TracedLink:
    def __init__(self, link: AsyncLink, trace: Trace, lines: Lines) -> None:
        self._link = link
        self._trace = trace
        self._lines = lines
        self._has_ended = False

    async def read(self) -> bytes | None:
        frame = await self._link.read()
        if frame is None:
            self.ended()
        else:
            self._note("main", frame)
        return frame

    async def write(self, frame: bytes) -> None:
        self._note("renderer", frame)
        await self._link.write(frame)

    def ended(self) -> None:
        """Note that no more comes, once: a cut may cancel who reads in place of it."""
        if not self._has_ended:
            self._has_ended = True
            self._trace.write(self._lines.end())

    def _note(self, to: Side, frame: bytes) -> None:
        self._trace.write(self._lines.frame(to, frame))


__all__ = ("Style", "Trace")
