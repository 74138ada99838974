"""Every case of Electron's is in a test, on both faces, or in the ledger and why."""

from __future__ import annotations

import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.electron.faces import FACES
from tests.electron.roll import Roll, complaints
from tests.support.processes import run_python

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COUNTS = {"api-ipc-spec": 73, "api-ipc-main-spec": 6, "api-ipc-renderer-spec": 12}


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text())


def run_pytest(tests: Path, *options: str | Path) -> tuple[int, str, str]:
    """Run it as for this checkout, with the plugin."""
    command = [
        "-m",
        "pytest",
        "-n0",
        "-c",
        "pyproject.toml",
        "-p",
        "tests.electron.roll",
    ]
    return run_python(*command, *options, tests, cwd=ROOT)


def roll_call(tests: Path, path: Path) -> Roll:
    """Return which cases are in tests."""
    code, out, err = run_pytest(tests, "--collect-only", "--roll", path)
    assert code == 0, out + err
    roll: Roll = json.loads(path.read_text())
    return roll


def test_electron_has_91_cases() -> None:
    cases = read("cases.toml")
    elsewhere = cases.pop("elsewhere")
    assert {file: len(ids) for file, ids in cases.items()} == COUNTS
    assert sum(COUNTS.values()) == 91
    ids = [id for section in (*cases.values(), elsewhere) for id in section]
    assert len({*ids}) == len(ids)


@pytest.mark.slow
def test_each_case_is_in_a_test_or_in_the_ledger(tmp_path: Path) -> None:
    cases = {
        id: title for part in read("cases.toml").values() for id, title in part.items()
    }
    roll = roll_call(HERE, tmp_path / "roll.json")
    assert list(complaints(cases, roll, read("ledger.toml"))) == []
    # What this system is there for is never left to the ledger.
    promised = {id for id in cases if id[0] in "IPOAR"}
    assert promised <= {*roll}


BOTH = sorted(FACES)
LATER = {"state": "later", "reason": "because"}


@pytest.mark.parametrize(
    ("roll", "ledger", "complaint"),
    [
        ({"I1": BOTH}, {}, "I2 is neither in a test nor in the ledger: two"),
        ({"I1": BOTH, "I2": BOTH}, {"I2": LATER}, "I2 is in a test and in the ledger"),
        ({"I1": BOTH, "I2": ["threads"]}, {}, "I2 is tested on ['threads'], not on"),
        ({"I1": BOTH, "I2": []}, {}, "I2 is tested on [], not on every face: two"),
        ({"I1": BOTH, "I2": BOTH, "I3": BOTH}, {}, "I3 is no case of Electron's"),
        ({"I1": BOTH, "I2": BOTH}, {"I3": LATER}, "I3 is no case of Electron's"),
        ({"I1": BOTH}, {"I2": {"state": "later"}}, "I2 has not just state and reason"),
        ({"I1": BOTH}, {"I2": LATER | {"reason": ""}}, "I2 has not just state and"),
        ({"I1": BOTH}, {"I2": LATER | {"state": "no"}}, "I2 is 'no' in the ledger"),
    ],
)
def test_a_breach_is_found(roll: Roll, ledger: Any, complaint: str) -> None:
    (found,) = complaints({"I1": "one", "I2": "two"}, roll, ledger)
    assert found.startswith(complaint)


def test_books_in_order() -> None:
    assert not [*complaints({"I1": "", "I2": ""}, {"I1": BOTH}, {"I2": LATER})]


TESTS = """
    import pytest
    from tests.electron.conftest import face

    @pytest.mark.electron("I1")
    def test_both(face): ...

    @pytest.mark.electron("I2")
    def test_none(): ...

    @pytest.mark.skip
    @pytest.mark.electron("I3")
    def test_skipped(face): ...

    @pytest.mark.skipif(False, reason="elsewhere, perhaps")
    @pytest.mark.electron("I4")
    def test_perhaps_skipped(face): ...

    @pytest.mark.xfail
    @pytest.mark.electron("I5")
    def test_fails(face): ...

    @pytest.mark.network
    @pytest.mark.electron("I6")
    def test_deselected(face): ...

    def test_of_something_else(face): ...
"""


@pytest.mark.slow
def test_what_may_be_skipped_is_no_test(tmp_path: Path) -> None:
    tests = tmp_path / "test_some.py"
    tests.write_text(textwrap.dedent(TESTS))
    roll = roll_call(tests, tmp_path / "roll.json")
    assert roll == {"I1": BOTH, "I2": []}


SKIPPING_TESTS = """
    import pytest

    @pytest.mark.electron("I1")
    def test_skips_itself():
        pytest.skip("not today")

    def test_of_something_else():
        pytest.skip("as it likes")
"""


@pytest.mark.slow
def test_a_case_that_skips_itself_fails(tmp_path: Path) -> None:
    tests = tmp_path / "test_some.py"
    tests.write_text(textwrap.dedent(SKIPPING_TESTS))
    code, out, _ = run_pytest(tests)
    assert code == 1
    assert "test_skips_itself is skipped, and its case not in the ledger" in out
    assert "1 failed, 1 skipped" in out
