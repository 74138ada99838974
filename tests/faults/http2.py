"""Where HTTP/2 frames begin in a stream of bytes, and how to spoil one.

Nothing in HTTP/2 or gRPC has a checksum: a byte that changes inside a message's text
arrives as another text, and nobody can know, unless TLS is under it. What *can* be
noticed is a frame whose length cannot be: it is the byte that gets changed here, when
no other is asked for.
"""

from __future__ import annotations

from typing import Final

_PREFACE: Final = 24
"""Bytes that a client says before its first frame."""
_HEADER: Final = 9
_FLIPPED: Final = 0xFF
"""In the highest byte of a length: a frame far larger than either end allows."""


class Corrupter:
    """Follows the frames that pass one way, and changes a byte when told to."""

    def __init__(self, *, preface: bool = False) -> None:
        """Begin with a new connection.

        Args:
            preface: the client's preface comes first.
        """
        self._skip = _PREFACE if preface else 0  # bytes until the next frame
        self._header = b""  # as far as it is there
        self._armed = False
        self._countdown: int | None = None

    def arm(self, count: int | None = None) -> None:
        """Change the length of the next frame, or the byte after so many more."""
        self._armed, self._countdown = count is None, count

    def through(self, data: bytes) -> bytes:
        """Let bytes pass."""
        changed = bytearray(data)
        if self._countdown is not None:
            if self._countdown < len(data):
                changed[self._countdown] ^= _FLIPPED
                self._countdown = None
            else:
                self._countdown -= len(data)
        place = 0
        while place < len(data):
            if self._skip:
                step = min(self._skip, len(data) - place)
                self._skip -= step
                place += step
                continue
            if not self._header and self._armed:
                changed[place] ^= _FLIPPED
                self._armed = False
            step = min(_HEADER - len(self._header), len(data) - place)
            self._header += data[place : place + step]
            place += step
            if len(self._header) == _HEADER:
                self._skip = int.from_bytes(self._header[:3], "big")
                self._header = b""
        return bytes(changed)
