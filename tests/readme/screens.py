"""The programs of the README, screen by screen, under the names of their files."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

_SCREEN = re.compile(r"^## (.*)$", re.MULTILINE)
_PROGRAM = re.compile(r"^```python\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def screens() -> dict[str, str]:
    """Return the README's screens by title; the first one has none."""
    first, *rest = _SCREEN.split(README.read_text())
    return {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def programs(title: str) -> dict[str, str]:
    """Return the programs of a screen by the names of their files."""
    return dict(_PROGRAM.findall(screens()[title]))


def write_programs(title: str, folder: Path) -> None:
    """Write the programs of a screen into a folder, as a reader would."""
    found = programs(title)
    assert found, f"the screen {title!r} has no programs"
    for name, text in found.items():
        (folder / name).write_text(text)
