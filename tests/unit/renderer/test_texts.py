"""What a renderer makes of what main says."""

from __future__ import annotations

import pytest

from renderer import texts
from renderer.carrier import LinkBroken
from renderer.wire import reasons
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    IpcError,
    LocalProtocolError,
    Overloaded,
)
from renderer.wire.events import GoodbyeHeard
from renderer.wire.link import Fate


@pytest.mark.parametrize("spawned", [False, True])
@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (reasons.ACCESS_DENIED, AccessDenied),
        (reasons.PROTOCOL, LocalProtocolError),
        (reasons.OVERLOADED, Overloaded),
        (99, ConnectionClosed),
    ],
)
def test_a_goodbye_instead_of_a_welcome(
    reason: int, error: type[IpcError], spawned: bool
) -> None:
    turned = texts.turned_away(GoodbyeHeard(reason, "not today"), spawned=spawned)
    assert type(turned) is error
    assert str(turned) == "not today"
    if isinstance(turned, ConnectionClosed):
        assert turned.outcome == "not-sent"
    silent = texts.turned_away(GoodbyeHeard(reason, ""), spawned=spawned)
    assert str(silent) == "main said goodbye instead of welcome"


def test_a_main_that_stops_is_as_good_as_none() -> None:
    stops = GoodbyeHeard(reasons.SHUTDOWN, "main stops")
    turned = texts.turned_away(stops, spawned=False)
    assert isinstance(turned, LinkBroken)
    assert (turned.fate, turned.outcome) == (Fate.RESUME, "not-sent")


def test_whom_main_has_spawned_waits_for_no_other() -> None:
    stops = GoodbyeHeard(reasons.SHUTDOWN, "main stops")
    turned = texts.turned_away(stops, spawned=True)
    assert type(turned) is ConnectionClosed
