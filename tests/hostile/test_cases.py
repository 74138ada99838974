"""What main does with peers that misbehave: the table is complete, and documented."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROTOCOL = HERE.parents[1] / "proto/PROTOCOL.md"
HEADING = "| a renderer that sends | gets |\n|---|---|\n"
# Those play the other side.
ELSEWHERE = {"test_cases.py", "test_false_mains.py"}


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((HERE / "cases.toml").read_text())[
        "case"
    ]
    return found


def names_in(path: Path) -> list[str]:
    body = ast.parse(path.read_text()).body
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    names = [node.name for node in body if isinstance(node, kinds)]
    return [f"{path.name}::{name}" for name in names if name.startswith("test_")]


def documented(text: str) -> str:
    _, _, table = text.partition(HEADING)
    return table.split("\n\n")[0].rstrip("\n")


def table() -> str:
    rows = [
        f"| {case['peer']} | {case['answer'].replace('PE', 'a protocol error', 1)} |"
        for case in cases()
    ]
    return "\n".join(rows)


def test_every_test_is_a_case_and_every_case_has_tests() -> None:
    here = (path for path in HERE.glob("test_*.py") if path.name not in ELSEWHERE)
    there = Counter(name for case in cases() for name in case["tests"])
    assert there == Counter(name for path in here for name in names_in(path))
    assert all(case["tests"] for case in cases())


def test_the_table_is_the_documented_one() -> None:
    text = PROTOCOL.read_text()
    assert documented(text) == table()
    assert documented(text.replace("| an overlap: no effect |", "|  |")) != table()
