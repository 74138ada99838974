"""Measuring both sides in turn, so that noise of the machine hits both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

from tests.bench.ratios import Ratio
from tests.bench.results import Result, effort
from tests.bench.sides import Trial

_FEW: Final = 2
"""The fewest at once; what to begin with, to see how many fill a measurement."""
_ROUNDS_OF_A_CROWD: Final = 5
"""Each has processes of its own, and memory varies little."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: how often both sides are measured.
        seconds: how long one measurement takes, about.
        scale: the part of a crowd that will do.
    """

    rounds: int
    seconds: float
    scale: float = 1.0


FULL: Final = Plan(rounds=21, seconds=0.6)
QUICK: Final = Plan(rounds=3, seconds=0.3, scale=0.2)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What both sides have measured, round by round."""

    ratio: Ratio
    rounds: list[tuple[Result, Result]]

    @property
    def ratios(self) -> list[float]:
        """That of each round."""
        value = self.ratio.value
        return [value(ours) / value(other) for ours, other in self.rounds]

    @property
    def median(self) -> float:
        """The median of the rounds' ratios."""
        return median(self.ratios)

    @property
    def efforts(self) -> tuple[float | None, float | None]:
        """Seconds of processor time for each thing: ours, the other's."""
        ours, other = zip(*self.rounds, strict=True)
        return effort(ours), effort(other)


async def compare(
    ratio: Ratio, plan: Plan, progress: Callable[[str], object]
) -> Comparison:
    """Measure both sides, alternately, after a warm-up.

    Args:
        ratio: whose sides.
        plan: how much.
        progress: told what is being done.

    Raises:
        Missing: what it needs is not here.
        Broken: a program failed.
    """
    measured: list[tuple[Result, Result]] = []
    rounds = min(plan.rounds, _ROUNDS_OF_A_CROWD) if ratio.crowd else plan.rounds
    async with AsyncExitStack() as stack:
        progress(f"{ratio.name}: starting")
        ours = await stack.enter_async_context(ratio.ours.opened(plan.scale))
        other = await stack.enter_async_context(ratio.other.opened(plan.scale))
        our_count = other_count = round(ratio.crowd * plan.scale)
        if not ratio.crowd:
            our_count = await warmed_up(ours, plan.seconds)
            other_count = await warmed_up(other, plan.seconds)
        for done in range(rounds):
            progress(f"{ratio.name}: round {done + 1} of {rounds}")
            one = await ours.measure(our_count)
            measured.append((one, await other.measure(other_count)))
    return Comparison(ratio, measured)


async def warmed_up(trial: Trial, seconds: float) -> int:
    """Return how many take so long, after having tried it for a while."""
    count = _FEW
    for share in (0.02, 0.1, 0.4, 1):
        start = perf_counter()
        await trial.measure(count)
        took = perf_counter() - start
        count = max(_FEW, round(count * seconds * share / took))
    return count
