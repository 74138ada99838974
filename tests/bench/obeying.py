"""A client program's conversation with the benchmark, in lines of JSON.

The benchmark writes `{"scenario": name, "count": how many}` to its standard input, and
the program answers with what it has measured. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.bench.results import Result, said

Scenario = Callable[[int], Awaitable[Result | None]]
BlockingScenario = Callable[[int], Result | None]


async def obey(scenarios: Mapping[str, Scenario]) -> None:
    """Say that we are there, then measure what is asked for until there is no more."""
    say({})
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        say(_answer(await scenarios[request["scenario"]](request["count"])))


def obey_blocking(scenarios: Mapping[str, BlockingScenario]) -> None:
    """Do the same with scenarios that block."""
    say({})
    while line := sys.stdin.readline():
        request = json.loads(line)
        say(_answer(scenarios[request["scenario"]](request["count"])))


def say(what: Mapping[str, Any]) -> None:
    """Write a line for the benchmark."""
    print(json.dumps(what), flush=True)


def _answer(result: Result | None) -> dict[str, Any]:
    return {} if result is None else said(result)
