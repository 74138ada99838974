"""Figures: what is measured and printed without a goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.bench.peers.commands import (
    OURS,
    OURS_ON_ASYNCIO,
    OURS_THREADS,
    PYTHON_SOCKETIO,
    RAW,
)
from tests.bench.results import Result, Samples, all_samples
from tests.bench.rounds import Comparison, Plan, warmed_up
from tests.bench.sides import Side
from tests.bench.units import Unit, value_of

_ROUNDS: Final = 5
_ENOUGH_FOR_P99: Final = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """Something to measure of one side.

    Attributes:
        name: as it is called in files; its unit follows there.
        what: what is measured, for people.
        unit: of what.
        side: the side.
        count: how many are measured at once; 0: as many as the time allows.
    """

    name: str
    what: str
    unit: Unit
    side: Side
    count: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """A number, in seconds, per second or in bytes."""

    name: str
    what: str
    unit: Unit
    value: float


FIGURES: Final = (
    Figure(
        "echo_threads",
        "events to main and back, renderer on threads",
        "/s",
        Side(OURS_THREADS, "echo"),
    ),
    Figure(
        "echo_main_without_uvloop",
        "events to main and back, main on asyncio's own loop",
        "/s",
        Side(OURS_ON_ASYNCIO, "echo"),
    ),
    Figure(
        "invoke_main_without_uvloop",
        "one invoke after the other, likewise",
        "s",
        Side(OURS_ON_ASYNCIO, "invoke"),
    ),
    Figure("echo_10_mib", "invoke with 10 MiB, and back", "s", Side(OURS, "mib_10")),
    Figure(
        "echo_10_mib_raw_unary",
        "the same by bare gRPC's unary call",
        "s",
        Side(RAW, "mib_10"),
    ),
    Figure("echo_64_mib", "invoke with 64 MiB, and back", "s", Side(OURS, "mib_64")),
    Figure(
        "echo_64_mib_raw_unary",
        "the same by bare gRPC's unary call",
        "s",
        Side(RAW, "mib_64"),
    ),
    Figure(
        "invoke_beside_64_mib",
        "invoke on a lane while 64 MiB pass on another",
        "s",
        Side(OURS, "beside_mib_64"),
        count=100,
    ),
    Figure(
        "invoke_beside_flood",
        "three renderers' invokes while another's events hold main, 1 ms each",
        "s",
        Side(OURS, "beside_flood"),
        count=300,
    ),
    Figure("connects", "renderers that come and go", "/s", Side(OURS, "connects")),
    Figure(
        "connects_python_socketio",
        "clients of python-socketio that do",
        "/s",
        Side(PYTHON_SOCKETIO, "connects"),
    ),
)

PUBLISHED: Final = (
    Measured("electron_invoke", "Electron, as published: invoke", "s", 158e-6),
    Measured("electron_send_sync", "Electron, as published: sendSync", "s", 150e-6),
    Measured("electron_event", "Electron, as published: an event", "s", 24e-6),
    Measured("electron_echo", "Electron, as published: small echoes", "/s", 15_000),
)
"""On other machines than this one; for orientation."""


async def measure(
    figure: Figure, plan: Plan, progress: Callable[[str], object]
) -> list[Measured]:
    """Measure a figure; the times of many calls come as p50 and p99.

    Raises:
        Missing: what it needs is not here.
        Broken: a program failed.
    """
    progress(f"{figure.name}: starting")
    results: list[Result] = []
    async with figure.side.opened(plan.scale) as trial:
        count = figure.count or await warmed_up(trial, plan.seconds)
        for done in range(_ROUNDS):
            progress(f"{figure.name}: round {done + 1} of {_ROUNDS}")
            results.append(await trial.measure(count))
    if isinstance(results[0], Samples):
        return _latencies(figure.name, figure.what, all_samples(results))
    value = median(value_of(result, figure.unit) for result in results)
    return [Measured(figure.name, figure.what, figure.unit, value)]


def of_comparison(comparison: Comparison) -> list[Measured]:
    """Return what the two sides of a ratio came to, each by itself."""
    ratio = comparison.ratio
    figures: list[Measured] = []
    for index, (side, peer) in enumerate(
        (("ours", ratio.ours.peer), ("other", ratio.other.peer))
    ):
        name, results = f"{ratio.name}.{side}", [r[index] for r in comparison.rounds]
        if isinstance(results[0], Samples):
            figures += _latencies(name, peer.name, all_samples(results))
        else:
            value = median(value_of(result, ratio.unit) for result in results)
            figures.append(Measured(name, peer.name, ratio.unit, value))
        if (seconds := comparison.efforts[index]) is not None:
            figures.append(Measured(f"{name}_cpu", peer.name, "s", seconds))
    return figures


def _latencies(name: str, what: str, samples: Samples) -> list[Measured]:
    figures = [Measured(f"{name}_p50", what, "s", samples.p50)]
    if len(samples.seconds) >= _ENOUGH_FOR_P99:
        figures.append(Measured(f"{name}_p99", what, "s", samples.p99))
    return figures
