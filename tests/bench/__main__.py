"""`python -m tests.bench`: what we are held to, measured beside what else there is."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from tests.bench.environment import environment
from tests.bench.programs import Broken
from tests.bench.ratios import RATIOS, Ratio
from tests.bench.rounds import FULL, QUICK, Comparison, Plan, compare
from tests.bench.table import table

_BROKEN: Final = 1


def main() -> int:
    """Measure; return the exit code: 1 if something broke, whatever the results."""
    arguments = _arguments()
    chosen = [r for r in RATIOS if not arguments.only or r.name in arguments.only]
    start = monotonic()
    comparisons, broken = asyncio.run(_measure(chosen, arguments.plan))
    print(table(comparisons))
    print(f"\nmedians of rounds, in {monotonic() - start:.0f} s")
    for line in broken:
        print(f"\nbroken: {line}", file=sys.stderr)
    if arguments.json is not None:
        ratios = {c.ratio.name: c.median for c in comparisons}
        results = {"ratios": ratios, "figures": {}, "environment": environment()}
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return _BROKEN if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick",
        dest="plan",
        action="store_const",
        const=QUICK,
        default=FULL,
        help="less than a minute, and less exact",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        choices=[ratio.name for ratio in RATIOS],
        help="this ratio alone; may be given again",
    )
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="write the results there, too"
    )
    return parser.parse_args()


async def _measure(
    ratios: Sequence[Ratio], plan: Plan
) -> tuple[list[Comparison], list[str]]:
    comparisons, broken = [], []
    for ratio in ratios:
        try:
            comparisons.append(await compare(ratio, plan, _progress))
        except Broken as error:
            broken.append(f"{ratio.name}: {error}")
    _progress("")
    return comparisons, broken


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
