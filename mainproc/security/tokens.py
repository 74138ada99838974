"""The bearer tokens of a `--token-file`."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from typing import Final, final

from mainproc.security.files import InvalidFile, read_secret
from mainproc.security.identity import Identity

_SHORTEST: Final = 16
_DEFAULT_NAME: Final = "default"


@final
class Tokens:
    """Tokens, and whose they are. Its repr has none.

    Args:
        names: the names of their holders, by token.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self._identities = {
            token.encode(): Identity("token", name) for token, name in names.items()
        }

    def find(self, token: str | None) -> Identity | None:
        """Return whose token this is; None: nobody's."""
        shown = (token or "").encode("utf-8", "surrogateescape")
        found = None
        # All of them and to their ends: how long this takes tells nothing.
        for known, identity in self._identities.items():
            if hmac.compare_digest(known, shown):
                found = identity
        return found

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokens:
        """Read a file: a token in each line, with the name of its holder before it.

        A name may stand in several lines, so that a token can be replaced without a
        moment in which none is right. A token alone is of the name "default". Empty
        lines, and those that begin with #, say nothing.

        Raises:
            InvalidFile: it is none, or others may read it. The text has no token.
        """
        names: dict[str, str] = {}
        for where, name, token in _lines(path):
            if names.setdefault(token, name) != name:
                raise InvalidFile(f"{where}: the token is that of another name, too")
        return cls(names)


def first_token(path: str | os.PathLike[str]) -> str:
    """Return the first token of a file, for whoever shows one.

    Raises:
        InvalidFile: as for `Tokens.load`.
    """
    return next(_lines(path))[2]


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[str, str, str]]:
    """Yield where a token stands, its name, and the token; at least one."""
    some = False
    for number, line in enumerate(read_secret(path, "the token file").split(b"\n"), 1):
        where = f"the token file {path}, line {number}"
        if not line.isascii():
            raise InvalidFile(f"{where}: a token is printable ASCII")
        words = line.decode("ascii").split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            raise InvalidFile(f"{where}: a line is TOKEN or NAME TOKEN")
        _check(words[-1], where)
        yield where, words[0] if len(words) == 2 else _DEFAULT_NAME, words[-1]
        some = True
    if not some:
        raise InvalidFile(f"the token file {path} has no token; {_MAKE_ONE}")


_MAKE_ONE: Final = (
    "make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
)


def _check(token: str, where: str) -> None:
    if not token.isprintable():
        raise InvalidFile(f"{where}: a token is printable ASCII")
    if len(token) < _SHORTEST:
        raise InvalidFile(
            f"{where}: a token of less than {_SHORTEST} characters can be guessed; "
            f"{_MAKE_ONE}"
        )


__all__ = ("Tokens", "first_token")
