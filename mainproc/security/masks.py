"""What a caller is told of an error that is none of its business."""

from __future__ import annotations

import secrets
from asyncio import CancelledError
from typing import Final

from renderer.wire.errors import AccessDenied, RemoteError

_REFERENCE_BYTES: Final = 4
_MEANT_FOR_CALLERS: Final = (RemoteError, AccessDenied)


def masked(error: BaseException) -> BaseException:
    """Return what to tell in place of what a listener or handler raised.

    The error gets a note with the reference that its caller is told, so that the log
    has it, too. What is raised for callers on purpose stays as it is.
    """
    if isinstance(error, _MEANT_FOR_CALLERS):
        return error
    if isinstance(error, CancelledError):  # nothing went wrong, and nothing is logged
        return RemoteError("CancelledError", "")
    reference = secrets.token_hex(_REFERENCE_BYTES)
    error.add_note(f"its caller was told the reference {reference}")
    text = f"something went wrong in main, whose log has it under {reference}"
    return RemoteError("InternalError", text)


__all__ = ("masked",)
