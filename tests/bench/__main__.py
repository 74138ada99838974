"""What we are held to, measured beside what people would take instead."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Collection
from pathlib import Path
from time import monotonic
from typing import Final

from tests.bench.figures import FIGURES, measure
from tests.bench.ratios import RATIOS
from tests.bench.report import Report
from tests.bench.rounds import FULL, QUICK, Plan, compare
from tests.bench.table import goals, table

_BROKEN: Final = 1
_INTERRUPTED: Final = 130


def main() -> int:
    """Measure; return the exit code: 1 if something broke, whatever the results.

    Interrupted, it tells what it has got until then.
    """
    arguments = _arguments()
    if arguments.list:
        print(goals())
        return 0
    start = monotonic()
    plan = QUICK if arguments.quick else FULL
    report, code = Report(), 0
    try:
        asyncio.run(_measure(report, plan, _chosen(arguments)))
    except KeyboardInterrupt:
        code = _INTERRUPTED
    _progress("")
    print(table(report))
    print(f"\nMedians; {monotonic() - start:.0f} s in all.")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    return code or (_BROKEN if report.broken else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    quick = "the ratios alone, less exact, in less than a minute"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        help="this ratio or figure alone; may be given again",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="results go there")
    parser.add_argument("--list", action="store_true", help="name ratios and goals")
    arguments = parser.parse_args()
    known = _names()
    for name in arguments.only or ():
        if name not in known:
            parser.error(f"no such ratio or figure: {name}; one of {', '.join(known)}")
    return arguments


def _names() -> list[str]:
    return [*(ratio.name for ratio in RATIOS), *(figure.name for figure in FIGURES)]


def _chosen(arguments: argparse.Namespace) -> Collection[str]:
    if arguments.only:
        return set(arguments.only)
    return {ratio.name for ratio in RATIOS} if arguments.quick else set(_names())


async def _measure(report: Report, plan: Plan, names: Collection[str]) -> None:
    for ratio in RATIOS:
        if ratio.name in names:
            with report.told_of(ratio.name):
                report.comparisons.append(await compare(ratio, plan, _progress))
    for figure in FIGURES:
        if figure.name in names:
            with report.told_of(figure.name):
                report.figures.extend(await measure(figure, plan, _progress))


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
