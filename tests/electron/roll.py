"""Which of Electron's cases are tested: a pytest plugin that asks pytest itself.

`pytest --collect-only -p tests.electron.roll --roll FILE` writes to FILE, as JSON, the
ids of `@pytest.mark.electron(id)` and the faces that each is tested on. A test that may
be skipped, or that is expected to fail, is none; one that skips itself fails.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.electron.faces import FACES

Roll = dict[str, list[str]]
"""By id of a case, the faces that it is tested on."""

STATES: Final = {"later", "does not apply"}
_NO_TESTS: Final = {"skip", "skipif", "xfail"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--roll", type=Path, help="write Electron's cases that are tested")


def pytest_collection_finish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--roll")
    if path is not None:
        path.write_text(json.dumps(roll_of(session.items)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no case be skipped: one that is not tested stands in the ledger."""
    report = yield
    if report.skipped and item.get_closest_marker("electron"):
        report.outcome = "failed"
        report.longrepr = f"{item.name} is skipped, and its case not in the ledger"
    return report


def roll_of(items: list[pytest.Item]) -> Roll:
    """Return what collected tests say of themselves."""
    roll: dict[str, set[str]] = {}
    for item in items:
        marks = list(item.iter_markers())
        if not _NO_TESTS.isdisjoint(mark.name for mark in marks):
            continue
        callspec = getattr(item, "callspec", None)
        face = callspec.params.get("face") if callspec else None
        faces = {name for name, known in FACES.items() if known is face}
        for mark in marks:
            if mark.name == "electron":
                for id in mark.args:
                    roll.setdefault(id, set()).update(faces)
    return {id: sorted(faces) for id, faces in roll.items()}


def complaints(
    cases: Mapping[str, str], roll: Roll, ledger: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield what is wrong with the books.

    Args:
        cases: the titles of all cases by their ids.
        roll: what is tested.
        ledger: what is not, with `state` and `reason`.
    """
    for id, title in cases.items():
        if id in roll and id in ledger:
            yield f"{id} is in a test and in the ledger: {title}"
        if id not in roll and id not in ledger:
            yield f"{id} is neither in a test nor in the ledger: {title}"
        if id in roll and roll[id] != sorted(FACES):
            yield f"{id} is tested on {roll[id]}, not on every face: {title}"
    for id in {*roll, *ledger} - {*cases}:
        yield f"{id} is no case of Electron's"
    for id, entry in ledger.items():
        if {*entry} != {"state", "reason"} or not all(entry.values()):
            yield f"{id} has not just state and reason in the ledger"
        elif entry["state"] not in STATES:
            yield f"{id} is {entry['state']!r} in the ledger"
