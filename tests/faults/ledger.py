"""What came of all episodes: totals, and the same for each kind of fault."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

from tests.bench.environment import environment
from tests.faults.episodes import Outcome

_COUNTS: Final = ("messages", "lost", "duplicated", "reordered", "unannounced_gaps")
_MORE: Final = ("announced", "refused", "invented", "calls", "calls_wrong")


@dataclass(slots=True)
class Ledger:
    """The outcomes, and what has none.

    Attributes:
        seed: of all that was drawn.
        outcomes: of the episodes.
        broken: of those that failed, the error.
        skipped: what this machine cannot run, and why.
    """

    seed: int
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    broken: dict[str, str] = field(default_factory=dict[str, str])
    skipped: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def wrong(self) -> int:
        """How much is not as it should be."""
        found = sum(outcome.verdict.wrong for outcome in self.outcomes)
        return found + len(self.broken)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines; times are in milliseconds."""
        kinds = {name: _figures(outcomes) for name, outcomes in by_kind(self.outcomes)}
        casts = {name: _figures(outcomes) for name, outcomes in by_cast(self.outcomes)}
        parts = {"broken": self.broken, "skipped": self.skipped}
        return {
            **_figures(self.outcomes),
            "seed": self.seed,
            "kinds": kinds,
            "casts": casts,
            "environment": environment(),
            **{name: part for name, part in parts.items() if part},
        }


def by_kind(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Return the outcomes for each kind of fault."""
    return _grouped((outcome.script.kind.name, outcome) for outcome in outcomes)


def by_cast(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Return the outcomes for each set of programs."""
    return _grouped((outcome.script.cast.name, outcome) for outcome in outcomes)


def _grouped(
    pairs: Iterable[tuple[str, Outcome]],
) -> list[tuple[str, list[Outcome]]]:
    groups: dict[str, list[Outcome]] = {}
    for name, outcome in pairs:
        groups.setdefault(name, []).append(outcome)
    return list(groups.items())


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        name: sum(getattr(outcome.verdict, name) for outcome in outcomes)
        for name in (*_COUNTS, *_MORE)
    }
    figures["cuts"] = sum(outcome.cuts for outcome in outcomes)
    times = sorted(1_000 * s for outcome in outcomes for s in outcome.recoveries)
    figures["recovery_ms_p50"] = round(median(times), 1) if times else None
    figures["recovery_ms_p99"] = _p99(times)
    return figures


def _p99(times: Sequence[float]) -> float | None:
    if len(times) < 2:
        return round(times[0], 1) if times else None
    return round(quantiles(times, n=100, method="inclusive")[98], 1)


_HEAD: Final = (
    "fault",
    "messages",
    "cuts",
    "lost",
    "doubled",
    "reordered",
    "untold gaps",
    "told of",
    "calls",
    "wrong",
    "recovery p50",
    "p99 ms",
)


def table(ledger: Ledger, *, findings: bool = True) -> str:
    """Return all there is to tell, in lines.

    Args:
        ledger: what came of it.
        findings: tell what is wrong, not only how much; of peers it is no news.
    """
    lines: list[tuple[str, ...]] = [_HEAD]
    for name, outcomes in by_kind(ledger.outcomes):
        lines.append(_line(name, outcomes))
    for name, outcomes in by_cast(ledger.outcomes):
        lines.append(_line(f"all, {name}", outcomes))
    parts = [_aligned(lines)] if ledger.outcomes else []
    for outcome in ledger.outcomes if findings else ():
        script = outcome.script
        title = f"{script.cast.name}, {script.kind.name}, seed {script.seed}"
        parts.extend(f"wrong    {title}: {what}" for what in outcome.verdict.findings)
    parts.extend(f"broken   {name}: {why}" for name, why in ledger.broken.items())
    parts.extend(f"skipped  {name}: {why}" for name, why in ledger.skipped.items())
    return "\n".join(parts)


def _line(name: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    figures = _figures(outcomes)
    names = ("messages", "cuts", *_COUNTS[1:], "announced", "calls", "calls_wrong")
    numbers = [f"{figures[each]:,}" for each in names]
    times = (figures["recovery_ms_p50"], figures["recovery_ms_p99"])
    return (name, *numbers, *("–" if s is None else f"{s:,.0f}" for s in times))


def markdown(ledger: Ledger) -> str:
    """Return what README shows of peers: a line for each set of programs."""
    head = (
        "",
        "sent",
        "cuts",
        "refused",
        "lost",
        "doubled",
        "reordered",
        "back after, p50",
    )
    rule = ("---", *["---:"] * (len(head) - 1))
    lines: list[tuple[str, ...]] = [head, rule]
    for name, outcomes in by_cast(ledger.outcomes):
        figures = _figures(outcomes)
        counts = ("messages", "cuts", "refused", "lost", "duplicated", "reordered")
        time = figures["recovery_ms_p50"]
        lines.append(
            (
                name,
                *(f"{figures[each]:,}" for each in counts),
                "–" if time is None else f"{time:,.0f} ms",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]
        ).rstrip()
        for line in lines
    )


def progress(text: str) -> None:
    """Show what is going on to whoever looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
