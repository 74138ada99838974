"""What was logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tests.support.processes import noteworthy

if TYPE_CHECKING:
    import pytest


def told(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """Return the lines of one level."""
    return [r.getMessage() for r in caplog.records if r.levelno == level]


def is_noteworthy(record: logging.LogRecord) -> bool:
    """Tell whether it says more than that something takes long, which it may."""
    return noteworthy(f"{record.getMessage()}\n") != ""


def keep_slowness(caplog: pytest.LogCaptureFixture) -> None:
    """Keep also what says that something takes long, which the test is about."""
    caplog.handler.removeFilter(is_noteworthy)
