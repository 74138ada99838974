"""Episodes: messages pass both ways, and again and again a fault of one kind."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.programs import PATIENCE, Broken
from tests.faults.checker import Verdict, check, recoveries
from tests.faults.history import Entry
from tests.faults.kinds import Kind
from tests.faults.peers.commands import encrypted
from tests.faults.stage import Cast, Stage, staged

_SPREAD_S: Final = 0.4
"""Seconds within which a fault strikes, while messages are being sent."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is to happen in an episode.

    Attributes:
        cast: whose programs.
        kind: of fault.
        messages: each way.
        cuts: how many.
        seed: of all that is drawn.
    """

    cast: Cast
    kind: Kind
    messages: int
    cuts: int
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an episode.

    Attributes:
        script: what was to happen.
        verdict: the checker's.
        recoveries: seconds until messages passed again.
        cuts: that were made.
        settled: all there was to wait for has come.
    """

    script: Script
    verdict: Verdict
    recoveries: list[float]
    cuts: int
    settled: bool


async def play(script: Script, keep: Path | None = None) -> Outcome:
    """Play an episode.

    Args:
        script: what is to happen.
        keep: where the histories stay; nowhere if None.

    Raises:
        Missing: this machine lacks something the programs need.
        Broken: one of them failed, or did not do what it was told.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if keep is not None:
            folder = keep / f"{script.cast.name} {script.kind.name}"
            folder.mkdir(parents=True)
        cast = script.cast
        if script.kind.encrypted:
            cast = encrypted(cast, folder / "tls")
        async with staged(cast, folder, script.seed) as stage:
            settled = await _perform(script, stage)
            return _outcome(script, stage.history, settled)


async def _perform(script: Script, stage: Stage) -> bool:
    rounds = _shares(script.messages, script.cuts + 1)
    for count in rounds[:-1]:
        striking = asyncio.create_task(_strike(script.kind, stage))
        await stage.send(count)
        await striking
        # Every other time the next fault may hit what this one has left behind.
        if stage.rng.random() < 0.5:
            await stage.settled()
    await stage.send(rounds[-1])
    settled = await stage.settled()
    await stage.close()
    return settled


async def _strike(kind: Kind, stage: Stage) -> None:
    await asyncio.sleep(stage.rng.uniform(0, _SPREAD_S))
    try:
        async with asyncio.timeout(PATIENCE):
            await stage.proxy.connected()  # else there would be nothing to hit
    except TimeoutError:
        raise Broken(f"nobody has come back for {PATIENCE:g} s") from None
    await kind.strike(stage)


def _shares(total: int, parts: int) -> list[int]:
    return [total * (n + 1) // parts - total * n // parts for n in range(parts)]


def _outcome(script: Script, history: list[Entry], settled: bool) -> Outcome:
    _check_all_sent(script, history)
    cuts = sum(entry.did == "cut" for entry in history)
    return Outcome(script, check(history), recoveries(history), cuts, settled)


def _check_all_sent(script: Script, history: list[Entry]) -> None:
    if any(entry.did == "killed" for entry in history):
        return  # what dies while it sends has sent less
    for stream in ("up", "down"):
        sent = sum(e.did == "sent" and e.stream == stream for e in history)
        if sent != script.messages:
            raise Broken(f"of {script.messages} messages {stream}, {sent} were sent")


def scripts(
    casts: tuple[Cast, ...],
    kinds: tuple[Kind, ...],
    *,
    messages: int,
    cuts: int,
    seed: int,
) -> list[Script]:
    """Divide messages and cuts among all kinds of fault, for each cast.

    Args:
        casts: whose programs.
        kinds: which faults.
        messages: for each cast, each way.
        cuts: for all casts together.
        seed: of the seeds.
    """
    rng, found = random.Random(seed), []
    shares = sum(kind.share for kind in kinds) * len(casts)
    for cast in casts:
        for kind, count in zip(kinds, _shares(messages, len(kinds)), strict=True):
            struck = max(1, round(cuts * kind.share / shares))
            found.append(Script(cast, kind, count, struck, rng.getrandbits(32)))
    return found
