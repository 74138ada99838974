"""What one end has received: numbers, overlap, consumption and the owed ack."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import final

from renderer.wire.errors import RemoteProtocolError
from renderer.wire.limits import MAX_NUMBER, Limits

_ACK_FRACTION = 4  # an ack gets a frame of its own at this part of the window


@final
class Inbox:
    """The numbers of one direction, from arrival to the ack that tells of them.

    Only messages for the dispatcher wait here; whatever else arrives is consumed at
    once. So the ack is simply the number before the first one that still waits.

    Args:
        limits: ours.
    """

    __slots__ = (
        "_bytes",
        "_bytes_untold",
        "_due",
        "_frame_end",
        "_frames",
        "_limits",
        "_refused",
        "_waiting",
        "_wanted",
        "received",
        "told",
    )

    def __init__(self, limits: Limits) -> None:
        self.received = 0
        """The number of the last message that arrived."""
        self.told = 0
        """The last ack that was written."""
        self._limits = limits
        self._waiting: deque[int] | None = None  # from the first one on
        self._refused: int | None = None  # the first that will never be consumed
        # Bytes are counted by frame: (number of its last message, its bytes).
        self._frames: deque[tuple[int, int]] | None = None  # from the first one on
        self._frame_end: float = inf  # where the first of them ends
        self._bytes = 0  # of frames not consumed to the end
        self._bytes_untold = 0  # of frames consumed since the last ack
        self._wanted: int | None = None  # ack when everything up to here is consumed
        self._due: float | None = None

    @property
    def ack(self) -> int:
        """Everything up to this number is consumed."""
        if self._waiting:
            return self._waiting[0] - 1
        return self.received if self._refused is None else self._refused - 1

    @property
    def overrun(self) -> bool:
        """The peer sent more than its window admits: do not read on for now."""
        limits = self._limits
        return (
            self.waiting > limits.window_messages
            # One message may be larger than the window, and a frame counts until its
            # last message is consumed: hence the slack.
            or self._bytes
            > limits.window_bytes + limits.max_message_bytes + limits.max_frame_bytes
        )

    @property
    def waiting(self) -> int:
        """Messages given to the dispatcher and not consumed yet."""
        return len(self._waiting) if self._waiting else 0

    def start(self, first: int | None) -> int:
        """Return the number of a frame's first message, once it is seen to be legal.

        Raises:
            RemoteProtocolError: numbers are missing before it.
        """
        if first is None:
            return self.received + 1
        if not 0 < first <= self.received + 1:
            raise RemoteProtocolError(
                f"message {first} came where {self.received + 1} was expected"
            )
        return first

    def arrive(self, number: int, *, waits: bool) -> None:
        """Note that everything up to `number` is here; `waits`: it is to be consumed.

        Raises:
            RemoteProtocolError: a number beyond 63 bits.
        """
        if number > MAX_NUMBER:
            raise RemoteProtocolError(f"message number {number} exceeds 63 bits")
        self.received = number
        if waits:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(number)

    def refuse(self, number: int) -> None:
        """Note that a message is here and will never be consumed."""
        self.arrive(number, waits=False)
        if self._refused is None:
            self._refused = number

    def note_frame(self, size: int) -> None:
        """Count the bytes of a frame whose messages have all arrived.

        Only of those that take room in the window: replies come without end to
        whoever makes calls, and must never look like an overrun.
        """
        self._bytes += size
        if self._frames is None:
            self._frames = deque()
        self._frames.append((self.received, size))
        self._frame_end = self._frames[0][0]
        if not self._waiting:
            self._settle()

    def consume(self) -> None:
        """Note that the dispatcher is through with the oldest message it was given."""
        waiting = self._waiting or deque()
        waiting.popleft()
        if not waiting or waiting[0] > self._frame_end:
            self._settle()

    def want_ack(self) -> None:
        """Owe an ack as soon as everything received so far is consumed."""
        self._wanted = self.received

    def tell_again(self) -> None:
        """Owe the ack even if it was told: the frame that told it may be lost."""
        self.told = -1

    def tell(self, up_to: int | None = None) -> int | None:
        """Return the ack to write, if one is owed, and take it as written.

        Args:
            up_to: tell no more than this number; None: all that is consumed.
        """
        ack = self.ack if up_to is None else min(up_to, self.ack)
        granted = self._wanted is not None and self._wanted <= ack
        if ack == self.told and not granted:
            return None
        if granted:
            self._wanted = None
        self.told = ack
        self._bytes_untold = 0
        self._due = None
        return ack

    def is_due(self, now: float) -> bool:
        """Tell whether an ack deserves a frame of its own now."""
        ack = self.ack
        if self._wanted is not None and self._wanted <= ack:
            return True
        owed = ack - self.told
        if not owed:
            return False
        if self._due is None:
            self._due = now + self._limits.ack_delay
        return (
            owed * _ACK_FRACTION >= self._limits.window_messages
            or self._bytes_untold * _ACK_FRACTION >= self._limits.window_bytes
            or now >= self._due
        )

    @property
    def deadline(self) -> float | None:
        """When an owed ack gets a frame of its own; set by `is_due`."""
        return self._due

    def _settle(self) -> None:
        """Count the frames that are consumed to the end."""
        frames = self._frames
        ack = self.ack
        while frames and frames[0][0] <= ack:
            size = frames.popleft()[1]
            self._bytes -= size
            self._bytes_untold += size
        self._frame_end = frames[0][0] if frames else inf
