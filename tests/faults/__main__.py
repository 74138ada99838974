"""The loss ledger: numbered messages, faults of all kinds, and who was told of what.

Without TLS a changed byte inside a message is another message, and nobody can notice:
"corrupt" changes a frame's length, which HTTP/2 notices; "corrupt-tls" any byte at all.
All faults are drawn from the seed; what they hit depends on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from pathlib import Path
from time import monotonic
from typing import Final

from tests.bench.needs import Missing
from tests.bench.programs import Broken
from tests.faults.episodes import Script, play, scripts
from tests.faults.kinds import KINDS
from tests.faults.ledger import Ledger, markdown, progress, table
from tests.faults.peers.commands import OURS, PEERS

_WRONG: Final = 1
_INTERRUPTED: Final = 130
_JOBS: Final = 2
"""Episodes at once, when it is to be quick: times of recovery mean little then."""
_QUICK: Final = ("reset", "cut", "half-close", "mixed", "main-killed")
_OURS_ALONE: Final = (
    "corrupt",
    "corrupt-tls",
    "mixed",
    "main-killed",
    "renderer-killed",
    "main-stopped",
    "renderer-stopped",
)
"""Peers speak no HTTP/2, and nobody expects that they survive their processes."""


def main() -> int:
    """Play all episodes; return the exit code: 1 if anything was lost, or worse."""
    arguments = _arguments()
    ledger, start, code = Ledger(arguments.seed), monotonic(), 0
    jobs = _JOBS if arguments.quick else 1
    print(f"seed {arguments.seed}", flush=True)
    try:
        asyncio.run(_play(ledger, _scripts(arguments), arguments.keep, jobs))
    except KeyboardInterrupt:
        code = _INTERRUPTED
    progress("")
    print(table(ledger, findings=not arguments.peers))
    if arguments.peers:
        print(f"\n{markdown(ledger)}")
    print(f"\n{monotonic() - start:.0f} s in all.")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(ledger.as_json(), indent=2) + "\n")
    return code or (_WRONG if ledger.wrong and not arguments.peers else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    parser.add_argument(
        "--messages", type=int, help="for each face, each way (10,000; quick: 1,000)"
    )
    parser.add_argument("--cuts", type=int, help="in all (120; quick: 24)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="results go there")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="histories stay there")
    names = [kind.name for kind in KINDS]
    parser.add_argument("--only", metavar="KIND", choices=names, action="append")
    parser.add_argument("--quick", action="store_true", help="in less than a minute")
    parser.add_argument("--peers", action="store_true", help="what others lose")
    parser.add_argument("--list", action="store_true", help="name kinds of fault")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{kind.name:18}{kind.what}" for kind in KINDS))
        parser.exit()
    return arguments


def _scripts(arguments: argparse.Namespace) -> list[Script]:
    quick = arguments.quick
    chosen = arguments.only or (_QUICK if quick else [kind.name for kind in KINDS])
    if arguments.peers and not arguments.only:
        chosen = [name for name in chosen if name not in _OURS_ALONE]
    kinds = tuple(kind for kind in KINDS if kind.name in chosen)
    return scripts(
        (*OURS, *PEERS) if arguments.peers else OURS,
        kinds,
        messages=arguments.messages or (1_000 if quick else 10_000),
        cuts=arguments.cuts or (24 if quick else 120),
        seed=arguments.seed,
    )


async def _play(
    ledger: Ledger, todo: list[Script], keep: Path | None, jobs: int
) -> None:
    stages, begun = asyncio.Semaphore(jobs), 0

    async def play_one(script: Script) -> None:
        nonlocal begun
        name = f"{script.cast.name}, {script.kind.name}"
        async with stages:
            begun += 1
            progress(f"{begun}/{len(todo)} {name}")
            try:
                ledger.outcomes.append(await play(script, keep))
            except Missing as error:
                ledger.skipped[name] = str(error)
            except Broken as error:
                ledger.broken[f"{name}, seed {script.seed}"] = str(error)

    await asyncio.gather(*map(play_one, todo))


if __name__ == "__main__":
    sys.exit(main())
