"""The blocking face: a renderer for scripts, GUI programs and all that has threads."""

from __future__ import annotations

from renderer.threads.renderer import IpcRenderer
from renderer.threads.staying import wait_for_all

__all__ = ("IpcRenderer", "wait_for_all")
