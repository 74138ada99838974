"""Timeouts, as they are waited for."""

from __future__ import annotations

import math
import re
import threading
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from renderer.wire.seconds import check_seconds, seconds


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


@pytest.mark.parametrize("timeout", ["5", [5], {}, object(), timedelta(seconds=5)])
def test_what_is_not_even_of_that_kind(timeout: Any) -> None:
    kind = type(timeout).__name__
    text = f"timeout is a number of seconds or None: for ever; given was: {kind}"
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        seconds(timeout)


def test_a_number_that_no_clock_can_add_is_none_of_ours() -> None:
    wrong: Any = Decimal(5)
    with pytest.raises(TypeError, match=r"number of seconds .* was: Decimal"):
        seconds(wrong)


@pytest.mark.parametrize("given", [0, 2.5, math.inf, Fraction(1, 2)])
def test_settings_that_are_numbers(given: object) -> None:
    check_seconds("connect_timeout", given)


@pytest.mark.parametrize("given", ["5", None, timedelta(seconds=5)])
def test_settings_that_are_none(given: object) -> None:
    kind = type(given).__name__
    text = f"connect_timeout is a number of seconds; given was: {kind}"
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        check_seconds("connect_timeout", given)
