"""Timeouts, as they are waited for."""

from __future__ import annotations

import math
import threading

import pytest

from renderer.wire.seconds import seconds


@pytest.mark.parametrize("timeout", [-1, 0, 0.5, 30, 10 * 365 * 24 * 3600.0])
def test_it_is_what_was_given(timeout: float) -> None:
    assert seconds(timeout) == timeout


@pytest.mark.parametrize("timeout", [None, 1e12, 1e300, math.inf])
def test_longer_than_anybody_waits_is_for_ever(timeout: float | None) -> None:
    assert seconds(timeout) is None


def test_it_can_be_waited_for() -> None:
    assert seconds(threading.TIMEOUT_MAX * 1.01) is None


def test_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="None: for ever"):
        seconds(math.nan)
