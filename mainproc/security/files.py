"""Reading the files that security rests on."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from mainproc.address import CannotListen

_LARGEST: Final = 1024 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class InvalidFile(CannotListen):
    """A file that main's security rests on cannot be used; it says which and why."""

    reason = "INVALID_FILE"


def read(path: str | os.PathLike[str], what: str) -> bytes:
    """Return what a file has.

    Args:
        path: the file.
        what: it is, for the error.

    Raises:
        InvalidFile: it cannot be read, or is too large to be one.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidFile(f"{what} {path}: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise InvalidFile(f"{what} {path} is larger than {_LARGEST:,} bytes")
    return data


def read_secret(path: str | os.PathLike[str], what: str) -> bytes:
    """Do the same with a file that only its owner may read.

    Raises:
        InvalidFile: as for `read`; or others may read it.
    """
    data = read(path, what)
    if is_open_to_others(path):
        raise InvalidFile(f"{what} {path} may be read by others: chmod 600 {path}")
    return data


def is_open_to_others(path: str | os.PathLike[str]) -> bool:
    """Tell whether somebody else than its owner may read or write a file."""
    if not hasattr(os, "geteuid"):  # Windows, where rights are not in modes
        return False
    return bool(os.stat(path).st_mode & _OTHERS)


__all__ = ("InvalidFile", "is_open_to_others", "read", "read_secret")
