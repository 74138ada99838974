"""Where one link gets its frames; the next one gets them from another."""

from __future__ import annotations

from typing import Protocol, final


class Frames(Protocol):
    """Makes the frames of the link that carries a session at present."""

    def next_frame(self, epoch: int) -> bytes | None:
        """Return the next frame; None for a link that no longer carries it."""
        ...

    def patience(self) -> float | None:
        """Return the seconds after which to ask again unasked."""
        ...


@final
class Feed:
    """A link's `Source`. One that has lost the session to a later link gets nothing.

    Args:
        frames: makes them.
        epoch: the link's.
    """

    __slots__ = ("_frames", "epoch", "patience")

    def __init__(self, frames: Frames, epoch: int) -> None:
        self._frames = frames
        self.epoch = epoch
        """What its frames, and those that it brings, are known by."""
        self.patience = frames.patience

    def next_frame(self) -> bytes | None:
        """Return the next frame; see `Source`."""
        return self._frames.next_frame(self.epoch)


__all__ = ("Feed", "Frames")
