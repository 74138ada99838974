"""Names with stars, as overflow policies and permissions have them."""

from __future__ import annotations

import functools
import re


@functools.cache
def expression(pattern: str) -> re.Pattern[str]:
    """Return what `fullmatch`es the names that a pattern stands for.

    A star is any run of characters, none included; all else is itself, letter by
    letter. A peer chooses the names: the time is that of the name's length for each
    star, whatever the name.
    """
    first, *others = map(re.escape, pattern.split("*"))
    if not others:
        return re.compile(first)
    # What a star between two parts took is not looked at again: the earliest place of
    # the part behind it leaves most to the others.
    *middle, last = others
    found = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{found}.*{last}", re.DOTALL)


__all__ = ("expression",)
