"""Where in the arguments a value stands, told when it has to be refused.

The codecs keep no path while all is well. A refusal is raised at the value, and each
level that it passes on its way out adds its segment.
"""

from __future__ import annotations

from typing import Final

from renderer.wire.errors import DataCloneError, printable, quote

Segment = int | str

_HEAD: Final = 8  # segments that are shown of an absurdly long path,
_TAIL: Final = 4  # at its beginning and its end
_LONGEST_KEY: Final = 40


class Refusal(Exception):
    """A value that cannot be carried.

    Args:
        message: why, without the path.
        trail: the innermost segments that the raiser knows.
    """

    def __init__(self, message: str, *trail: Segment) -> None:
        super().__init__(message)
        self.message = printable(message)
        self.trail: list[Segment] = list(trail)

    def at(self, root: str) -> DataCloneError:
        """Return the error to raise for a value below `root`."""
        self.__traceback__ = None  # its frames hold the arguments, and this is kept
        return DataCloneError(self.message, root + _path(self.trail[::-1]))


def key_segment(key: str) -> str:
    """Return the segment of an object's member."""
    if key.isidentifier() and len(key) <= _LONGEST_KEY:
        return f".{key}"
    return f"[{quote(key, _LONGEST_KEY)}]"


def map_segment(key: object, index: int) -> str:
    """Return the segment of the value that a map has under its `index`-th key."""
    if isinstance(key, str):
        return key_segment(key)
    # Only keys whose repr is short and runs nobody's code.
    if key is None or type(key) in (bool, float) or _is_short_int(key):
        return f"[{key!r}]"
    return f"<value {index}>"


def _is_short_int(key: object) -> bool:
    return type(key) is int and key.bit_length() <= 64


def _path(segments: list[Segment]) -> str:
    texts = [f"[{s}]" if isinstance(s, int) else s for s in segments]
    if len(texts) > _HEAD + _TAIL:
        texts[_HEAD:-_TAIL] = "…"
    return "".join(texts)


__all__ = ("Refusal", "Segment", "key_segment", "map_segment")
