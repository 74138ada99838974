"""A policy in a TOML file: reading it, and saying where in it something is wrong."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, cast

from mainproc.security.files import InvalidFile, read
from mainproc.security.rules import ACTIONS, Rule

_WHAT: Final = "the policy"
_RULE: Final = "rule"
_KEYS: Final = ("identity", *ACTIONS)


def rules_of(path: str | os.PathLike[str]) -> list[Rule]:
    """Return the rules of a file, each with its line.

    Raises:
        InvalidFile: it is no policy; the text has the line and the key.
    """
    where = f"{_WHAT} {path}"
    try:
        text = read(path, _WHAT).decode()
    except UnicodeDecodeError:
        raise InvalidFile(f"{where} is no TOML: it is not UTF-8") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:  # has line and column
        raise InvalidFile(f"{where}: {error}") from None
    except RecursionError:
        raise InvalidFile(f"{where} is nested too deeply") from None
    lines = _lines_of(text)

    def place(key: str) -> str:
        return f"{where}, {lines.at(None, key)}"

    _check_keys(document, (_RULE,), place)
    rules: Any = document.get(_RULE, [])
    tables = _tables(rules)
    if tables != rules:
        raise InvalidFile(f"{place(_RULE)}: rules are tables: [[rule]]")
    return [_rule(table, n, path, lines) for n, table in enumerate(tables)]


def _rule(
    table: Mapping[str, Any], number: int, path: str | os.PathLike[str], lines: Lines
) -> Rule:
    def place(key: str | None) -> str:
        return f"{_WHAT} {path}, {lines.at(number, key)}"

    _check_keys(table, _KEYS, place)
    if "identity" not in table:
        raise InvalidFile(f"{place(None)}: the rule has no identity: whom is it for?")
    for key, value in table.items():
        try:
            Rule("*", **{key: value}) if key != "identity" else Rule(value)
        except (TypeError, ValueError) as error:
            raise InvalidFile(f"{place(key)}: {error}") from None
    where = {key: f"{path}, {lines.at(number, key)}" for key in table}
    return Rule(**table, where=where)


def _check_keys(table: Mapping[str, Any], known: tuple[str, ...], place: Any) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"there is {known}"
            raise InvalidFile(f"{place(key)}: there is no key {key!r}; {meant}")


class Lines(NamedTuple):
    """Where something stands: tomllib tells that only of what is no TOML."""

    keys: dict[tuple[int | None, str | None], int]
    """The lines of keys; by rule, None for what is in none, and key, None for the
    beginning of the rule."""

    def at(self, rule: int | None, key: str | None) -> str:
        """Return the line of a key of a rule, for people."""
        line = self.keys.get((rule, key)) or self.keys.get((rule, None), 1)
        return f"line {line}"


def _lines_of(text: str) -> Lines:
    """Find where keys stand in a document that is TOML.

    Each statement, a header or a pair, is TOML by itself: it ends with the first line
    with which it is.
    """
    keys: dict[tuple[int | None, str | None], int] = {}
    count, inside = 0, False  # rules until here, and whether this is in the last one
    for line, statement, is_header in _statements(text):
        if inside and not is_header:
            keys.update({(count - 1, key): line for key in statement})
            continue
        keys.update({(None, key): line for key in statement})
        tables = _tables(statement.get(_RULE))
        for table in tables:  # [[rule]], or rule = [{…}, {…}]
            keys.update({(count, key): line for key in (None, *table)})
            count += 1
        for table in _tables([statement.get(_RULE)]):  # [rule.send]
            keys.update({(count - 1, key): line for key in table})
        inside = is_header and bool(tables)
    return Lines(keys)


def _tables(value: object) -> list[dict[str, Any]]:
    """Return the tables in a list; none if it is none."""
    items: list[Any] = cast("Any", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _statements(text: str) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Yield the line, the contents and the sort of each statement."""
    begun, gathered = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        gathered += f"{line}\n"
        try:
            statement = tomllib.loads(gathered)
        except tomllib.TOMLDecodeError:
            continue
        if statement:
            yield begun, statement, gathered.lstrip().startswith("[")
        begun, gathered = number + 1, ""


__all__ = ("rules_of",)
