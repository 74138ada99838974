"""The ratios: what is compared with what, and how much better it is to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tests.bench.memory import Crowd
from tests.bench.peers.commands import (
    NODE_SOCKETIO,
    OURS,
    OURS_THREADS,
    OURS_UNARY,
    PYTHON_SOCKETIO,
    RAW,
    RAW_SYNC,
)
from tests.bench.results import Result
from tests.bench.sides import Opens, Side
from tests.bench.units import Unit, value_of


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours divided by the other's.

    Attributes:
        name: as it is called in files.
        what: what is measured, for people.
        unit: that of what is measured.
        goal: what it is to be at most, or at least.
        ours: our side.
        other: the other side.
        crowd: how many are measured at once; 0: as many as the time allows.
    """

    name: str
    what: str
    unit: Unit
    goal: float
    ours: Opens
    other: Opens
    crowd: int = 0

    @property
    def goal_text(self) -> str:
        """The goal, as people write it."""
        return f"{'≥' if self.unit == '/s' else '≤'} {self.goal:g}"

    def value(self, result: Result) -> float:
        """Return a measurement in this ratio's unit."""
        return value_of(result, self.unit)

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
        "invoke_100_vs_python_socketio",
        "invokes on asyncio, 100 at a time",
        "/s",
        5,
        Side(OURS, "invoke_many"),
        Side(PYTHON_SOCKETIO, "call_many"),
    ),
    Ratio(
        "echo_vs_python_socketio",
        "events to main and back",
        "/s",
        10,
        Side(OURS, "echo"),
        Side(PYTHON_SOCKETIO, "echo"),
    ),
    Ratio(
        "echo_vs_node_socketio",
        "events to main and back",
        "/s",
        1.3,
        Side(OURS, "echo"),
        Side(NODE_SOCKETIO, "echo"),
    ),
    Ratio(
        "echo_vs_raw_unbatched",
        "events to main and back; bare gRPC's stream, a message a write",
        "/s",
        15,
        Side(OURS, "echo"),
        Side(RAW, "echo"),
    ),
    Ratio(
        "push_vs_python_socketio",
        "events from main to a renderer",
        "/s",
        5,
        Side(OURS, "push"),
        Side(PYTHON_SOCKETIO, "push"),
    ),
    Ratio(
        "broadcast_vs_python_socketio",
        "events from main to all of 100 renderers, in two processes",
        "/s",
        15,
        Side(OURS, "broadcast", others=("hear",), prepare=(("join", 49),)),
        Side(PYTHON_SOCKETIO, "broadcast", others=("hear",), prepare=(("join", 49),)),
    ),
    Ratio(
        "records_echo_vs_python_socketio",
        "invoke with 1,000 records, and the same back",
        "s",
        0.8,
        Side(OURS, "records"),
        Side(PYTHON_SOCKETIO, "records"),
    ),
    Ratio(
        "mib_echo_vs_raw_unary",
        "invoke with 1 MiB of bytes, and the same back; bare gRPC's unary call",
        "s",
        1.0,
        Side(OURS, "mib"),
        Side(RAW, "mib"),
    ),
    Ratio(
        "memory_per_idle_renderer_vs_raw_stream",
        "main's memory for each of 1,000 renderers; bare gRPC's server, streams",
        "B",
        1.6,
        Crowd(OURS),
        Crowd(RAW),
        crowd=1_000,
    ),
    Ratio(
        "growth_many_vs_alone",
        "time for an echo with 10,000 channels and 2,000 idle renderers; without",
        "s",
        1.15,
        Side(OURS, "echo", prepare=(("register", 10_000),), crowd=2_000),
        Side(replace(OURS, name="ours, alone"), "echo"),
    ),
)
