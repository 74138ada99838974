"""House rules that no linter knows. Each is tried on the checkout and on a breach."""

import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("proto", "mainproc", "renderer", "tests")  # not generated/
MAX_LINES = 500

Rule = Callable[[Path], Iterator[str]]


def modules(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        paths = (root / folder).rglob("*.py")
        yield from (path for path in paths if "node_modules" not in path.parts)


def long_modules(root: Path) -> Iterator[str]:
    """A module is read in one sitting."""
    for path in modules(root):
        length = len(path.read_text().splitlines())
        if length > MAX_LINES:
            yield f"{path.relative_to(root)}: {length} lines"


def shadowing_modules(root: Path) -> Iterator[str]:
    """Importing mainproc.ipc, the module, would replace mainproc.ipc, the object."""
    for path in modules(root):
        name = path.relative_to(root).as_posix()
        if re.fullmatch(r"(mainproc|renderer)/(ipc|app)(/__init__)?\.py", name):
            yield name


def blanket_ignores(root: Path) -> Iterator[str]:
    """An ignore without a code hides every later mistake on its line."""
    for path in modules(root):
        with path.open("rb") as source:
            for token in tokenize.tokenize(source.readline):
                if token.type == tokenize.COMMENT and re.search(
                    r"#\s*(type|pyright):\s*ignore(?!\[)", token.string
                ):
                    yield f"{path.relative_to(root)}:{token.start[0]}"


BREACHES: list[tuple[Rule, str, str]] = [
    (long_modules, "tests/unit/test_long.py", "x = 1\n" * (MAX_LINES + 1)),
    (shadowing_modules, "mainproc/ipc.py", ""),
    (shadowing_modules, "renderer/app.py", ""),
    (shadowing_modules, "renderer/ipc/__init__.py", ""),
    (blanket_ignores, "renderer/wire/values.py", "x = 1  # type: ignore\n"),
    (blanket_ignores, "mainproc/cli.py", "x = 1  # pyright:ignore\n"),
]

EDGES: list[tuple[Rule, str, str]] = [
    (long_modules, "mainproc/dispatch.py", "x = 1\n" * MAX_LINES),
    (long_modules, "generated/python/electron_ipc/v1/ipc_pb2.py", "x\n" * 999),
    (shadowing_modules, "tests/unit/ipc.py", ""),
    (blanket_ignores, "mainproc/cli.py", "x = 1  # type: ignore[misc]  # why\n"),
    (blanket_ignores, "mainproc/cli.py", "x = '# type: ignore'\n"),
]


def short(parameter: Rule | str) -> str:
    name = parameter if isinstance(parameter, str) else parameter.__name__
    return name[:40].strip()


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.mark.parametrize("rule", [long_modules, shadowing_modules, blanket_ignores])
def test_the_checkout_keeps_the_rule(rule: Rule) -> None:
    assert list(modules(ROOT)), "looked at nothing"
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES, ids=short)
def test_a_breach_is_found(tmp_path: Path, rule: Rule, name: str, text: str) -> None:
    plant(tmp_path, name, text)
    (found,) = rule(tmp_path)
    assert found.startswith(name)


@pytest.mark.parametrize(("rule", "name", "text"), EDGES, ids=short)
def test_what_is_allowed_passes(
    tmp_path: Path, rule: Rule, name: str, text: str
) -> None:
    plant(tmp_path, name, text)
    assert list(rule(tmp_path)) == []
