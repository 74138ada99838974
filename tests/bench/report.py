"""What came of it all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench.environment import environment
from tests.bench.figures import PUBLISHED, Measured, of_comparison
from tests.bench.needs import Missing
from tests.bench.programs import Broken
from tests.bench.rounds import Comparison
from tests.bench.units import SUFFIX


@dataclass(frozen=True, slots=True)
class Report:
    """The results, and what has none.

    Attributes:
        comparisons: what the ratios are made of.
        figures: what was measured besides.
        skipped: name and reason of what this machine cannot measure.
        broken: name and error of what failed.
    """

    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    figures: list[Measured] = field(default_factory=list[Measured])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    broken: dict[str, str] = field(default_factory=dict[str, str])

    @contextmanager
    def told_of(self, name: str) -> Iterator[None]:
        """Note why something has no result, and let the rest go on."""
        try:
            yield
        except Missing as error:
            self.skipped[name] = str(error)
        except Broken as error:
            self.broken[name] = str(error)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines; figures are in seconds, per second and bytes."""
        figures = [
            *(figure for c in self.comparisons for figure in of_comparison(c)),
            *self.figures,
            *PUBLISHED,
        ]
        return {
            "ratios": {c.ratio.name: c.median for c in self.comparisons},
            "figures": {f"{f.name}{SUFFIX[f.unit]}": f.value for f in figures},
            "environment": environment() | self._without_result(),
        }

    def _without_result(self) -> dict[str, dict[str, str]]:
        parts = {"skipped": self.skipped, "broken": self.broken}
        return {name: part for name, part in parts.items() if part}
