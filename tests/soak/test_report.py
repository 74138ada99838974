"""The table of `make soak`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.soak import scale
from tests.soak.__main__ import examples_in, table

if TYPE_CHECKING:
    import pytest


def test_what_hypothesis_has_tried_is_counted() -> None:
    said = """
tests/property/test_a.py::test_one:
  - during generate phase (0.1 seconds):
    - 4000 passing, 0 failing, and 12 invalid test cases
tests/property/test_a.py::test_two:
    - 36 passing examples, 1 failing examples, 0 invalid examples
"""
    assert examples_in(said) == 4_036
    assert examples_in("4 passed in 1.2s") == 0


def test_the_report_is_read_into_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report"
    assert scale.read(path) == []
    monkeypatch.setattr(scale, "SOAKING", True)
    monkeypatch.setenv(scale.VARIABLE, str(path))
    scale.report("streams", 5_000, 12.34, "main +7 KiB")
    scale.report("cycles", 60, 1.0)
    assert json.loads(path.read_text().splitlines()[0])[1] == 5_000
    text = table(scale.read(path), 90.0)
    assert "| streams | 5,000 | 12 s | main +7 KiB |" in text
    assert text.index("| cycles | 60 | 1 s | – |") < text.index("| streams")
    assert "2 minutes in all" in text
