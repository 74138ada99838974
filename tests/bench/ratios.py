"""The ratios: what is compared with what, and how much better it is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.peers.commands import OURS, OURS_THREADS, OURS_UNARY, RAW, RAW_SYNC
from tests.bench.results import Result, Samples
from tests.bench.sides import Side

Unit = Literal["s", "/s"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours divided by the other's.

    Attributes:
        name: as it is called in files.
        what: what is measured, for people.
        unit: "s" is a time, and less is better; "/s" is a rate, and more is.
        goal: what it is to be at most, or at least.
        ours: our side.
        other: the other side.
    """

    name: str
    what: str
    unit: Unit
    goal: float
    ours: Side
    other: Side

    def value(self, result: Result) -> float:
        """Return a measurement in this ratio's unit."""
        if isinstance(result, Samples):
            return result.p50
        return result.rate if self.unit == "/s" else 1 / result.rate

    def is_met(self, ratio: float) -> bool:
        """Tell whether it is as good as it is to be."""
        return ratio >= self.goal if self.unit == "/s" else ratio <= self.goal


RATIOS: Final = (
    Ratio(
        "send_sync_stream_vs_raw_sync_stream",
        "send_sync on the stream, from threads; bare gRPC's stream, sync client",
        "s",
        1.25,
        Side(OURS_THREADS, "send_sync"),
        Side(RAW_SYNC, "stream_ping"),
    ),
    Ratio(
        "send_sync_unary_vs_raw_unary",
        "send_sync without a session; bare gRPC's unary call, sync client",
        "s",
        1.15,
        Side(OURS_UNARY, "send_sync"),
        Side(RAW_SYNC, "unary_ping"),
    ),
    Ratio(
        "aio_invoke_vs_raw_aio_stream",
        "invoke on asyncio, one at a time; bare gRPC's stream, asyncio",
        "s",
        1.4,
        Side(OURS, "invoke"),
        Side(RAW, "ping"),
    ),
    Ratio(
        "echo_vs_raw_unbatched",
        "events to main and back; bare gRPC's stream, a message a write",
        "/s",
        15,
        Side(OURS, "echo"),
        Side(RAW, "echo"),
    ),
)
