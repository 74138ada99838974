"""Renderers' sessions in main: from admission, link after link, to the farewell."""

from mainproc.sessions.registry import LEAVE_WITHIN, Sessions

__all__ = ["LEAVE_WITHIN", "Sessions"]
