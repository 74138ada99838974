"""What malloc is asked to keep, seen in a process of its own."""

from __future__ import annotations

import gc
import platform
import resource
import subprocess
import sys

import pytest

# Faults on pages while 4 MiB are taken and given back, again and again.
PROGRAM = """
import resource
from mainproc.program.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        pieces = [bytearray(1 << 20) for _ in range(4)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(), keep_freed_memory(), faults() and faults())
"""


def run(**environment: str) -> list[str]:
    return subprocess.check_output(
        [sys.executable, "-c", PROGRAM], env=environment, text=True
    ).split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's policy")
def test_what_was_freed_is_not_faulted_in_again() -> None:
    before, heard, after = run()
    pages = 20 * 4 * (1 << 20) // resource.getpagesize()
    assert heard == "True"
    assert int(before) > pages / 2
    assert int(after) < pages / 10


COLLECTING = """
import gc
from mainproc.program.heap import collect_less_often

{}
before = gc.get_freeze_count()  # CPython 3.12 begins with some
print(collect_less_often(), gc.get_threshold()[0], gc.get_freeze_count() > before)
"""


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        ("", ["True", "10000", "True"]),
        ("gc.set_threshold(5_000)", ["False", "5000", "False"]),
        ("gc.disable()", ["False", str(gc.get_threshold()[0]), "False"]),
    ],
    ids=["as Python has it", "as somebody wants it", "not at all"],
)
def test_the_collector_looks_less_often(before: str, outcome: list[str]) -> None:
    program = [sys.executable, "-c", COLLECTING.format(before)]
    assert subprocess.check_output(program, text=True).split() == outcome


def test_who_has_decided_is_not_overruled() -> None:
    assert run(MALLOC_ARENA_MAX="2")[1] == "False"
    assert run(GLIBC_TUNABLES="glibc.malloc.arena_max=2")[1] == "False"
