"""What is sent: the same for everybody."""

from __future__ import annotations

from typing import Any, Final

TEXT: Final = "x" * 100
"""The argument of an event and of an invoke."""
PING: Final = "ping"
"""The argument of a sync message."""
MIB: Final = 1024 * 1024

PING_FRAME: Final = b"x" * 32
TEXT_FRAME: Final = b"x" * 124
"""What bare gRPC passes through: as long as the frame in which ours carries the same
(a message with its channel, id and number), whichever direction is the longer one."""


def records(count: int = 1000) -> list[dict[str, Any]]:
    """Return a table as programs send them: an id, a name, a score, some tags."""
    return [
        {"id": n, "name": f"name {n}", "score": n / 7, "tags": ["red", "green", "blue"]}
        for n in range(count)
    ]


def megabytes(mib: int) -> bytes:
    """Return so many MiB, less 1 KiB: the largest message includes its channel."""
    return bytes(range(256)) * (mib * 4096 - 4)
