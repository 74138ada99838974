"""Renderers come and go, and nothing stays: neither in main nor on their side."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from renderer import IpcRenderer
from tests.soak.cycles import CYCLES
from tests.soak.mains import soaked_main
from tests.soak.scale import SOAKING, report, scaled
from tests.soak.vitals import Vitals, grown, kinds, vitals
from tests.support.processes import PATIENCE

WARM_UP, COUNT = scaled(60, 1_000), scaled(120, 5_000)
SLACK: Vitals = {
    # gRPC leaks some hundred bytes for each stream that was cancelled, and not all that
    # is freed is given back. Of what Python holds, not one block a cycle may stay.
    "resident KiB": 8 * 1024 + COUNT // 2,
    "blocks of Python": 5_000 + COUNT // 4,
    "threads of gRPC": 8,
    "objects of ours": 8,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0 if SOAKING else 180)]


def flat(before: Vitals, read: Callable[[], Vitals], tell: Callable[[], Any]) -> None:
    """Wait until nothing is more than it was."""
    until = time.monotonic() + PATIENCE
    while more := grown(before, read(), SLACK):
        assert time.monotonic() < until, (more, tell())


@pytest.mark.parametrize(("name", "cycle"), CYCLES.items(), ids=CYCLES)
def test_cycles(name: str, cycle: Callable[[str, int], None]) -> None:
    with soaked_main() as main, IpcRenderer(main.address) as keeper:

        def of_main() -> Vitals:
            found: Vitals = keeper.invoke("vitals").result(PATIENCE)
            return found

        def kinds_of_main() -> Any:
            return keeper.invoke("kinds").result(PATIENCE)

        cycle(main.address, WARM_UP)
        anything = dict.fromkeys(of_main(), 2**40)
        flat(anything | {"sessions": 1}, of_main, kinds_of_main)
        there, here = of_main(), vitals()
        began = time.monotonic()
        cycle(main.address, COUNT)
        took = time.monotonic() - began
        flat(there, of_main, kinds_of_main)
        flat(here, vitals, kinds)
        growth = of_main()["resident KiB"] - there["resident KiB"]
        report(f"cycles: {name}", COUNT, took, f"main {growth:+,} KiB")
