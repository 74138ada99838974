"""The checker finds each kind of wrong, and nothing in what is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Verdict, check, recoveries
from tests.faults.history import Did, Entry


def note(did: Did, **what: Any) -> Entry:
    return Entry(0.0, did, "page 1", **what)


def sent(*numbers: int, stream: str = "up", session: str = "") -> list[Entry]:
    return [note("sent", stream=stream, session=session, n=n) for n in numbers]


def arrived(
    *numbers: int, stream: str = "up", session: str = "main 1:1"
) -> list[Entry]:
    return [note("arrived", stream=stream, session=session, n=n) for n in numbers]


def verdict(*parts: Iterable[Entry]) -> Verdict:
    history = [entry for part in parts for entry in part]
    return check(replace(entry, at=at) for at, entry in enumerate(history))


KILLED_PAGE = [Entry(0.0, "killed", page="page 1")]
KILLED_MAIN = [Entry(0.0, "killed", session="main 1")]


def gap(count: int, missing: int | None = None) -> list[Entry]:
    return [note("gap", count=count, missing=missing)]


def ended() -> list[Entry]:
    return [note("ended", session="main 1:1")]


def test_all_there_in_order() -> None:
    found = verdict(sent(1, 2, 3), arrived(1, 2, 3))
    assert found == Verdict(messages=3)
    assert found.wrong == 0


def test_nothing_at_all() -> None:
    assert verdict() == Verdict()


@pytest.mark.parametrize("at", [1, 2, 3])
def test_lost(at: int) -> None:
    there = [n for n in (1, 2, 3) if n != at]
    found = verdict(sent(1, 2, 3), arrived(*there))
    assert (found.lost, found.unannounced_gaps, found.wrong) == (1, 1, 2)
    assert found.findings == [
        f"page 1 up: {at}…{at} never arrived, and nobody was told"
    ]


def test_all_lost() -> None:
    found = verdict(sent(1, 2, 3))
    assert (found.lost, found.unannounced_gaps) == (3, 1)


def test_two_runs() -> None:
    found = verdict(sent(*range(1, 8)), arrived(1, 4, 7))
    assert (found.lost, found.unannounced_gaps) == (4, 2)


def test_doubled() -> None:
    found = verdict(sent(1, 2), arrived(1, 2, 2, 1))
    assert (found.duplicated, found.reordered, found.wrong) == (2, 0, 2)


def test_doubled_over_sessions() -> None:
    found = verdict(sent(1, 2), arrived(1, 2), arrived(2, session="main 2:1"))
    assert (found.duplicated, found.wrong) == (1, 1)


def test_reordered() -> None:
    found = verdict(sent(1, 2, 3), arrived(1, 3, 2))
    assert (found.reordered, found.lost, found.wrong) == (1, 0, 1)
    assert found.findings == ["page 1 up: 2 arrived behind 3"]


def test_invented() -> None:
    found = verdict(sent(1), arrived(1, 7))
    assert (found.invented, found.wrong) == (1, 1)


def test_what_was_refused_is_not_lost() -> None:
    refused = [note("refused", stream="up", n=2)]
    found = verdict(sent(1, 2, 3), refused, arrived(1, 3))
    assert (found.messages, found.lost, found.refused) == (2, 0, 1)
    assert found.wrong == 1
    assert verdict(KILLED_PAGE, sent(1, 2, 3), refused, arrived(1, 3)).wrong == 0


def test_a_gap_excuses_nobody_who_lives() -> None:
    found = verdict(sent(1, 2), arrived(1), gap(1))
    assert (found.lost, found.unannounced_gaps) == (1, 0)


def test_main_killed_and_the_page_told() -> None:
    again = arrived(4, session="main 2:1")
    found = verdict(KILLED_MAIN, sent(1, 2, 3, 4), arrived(1), gap(2), again)
    assert (found.announced, found.wrong) == (2, 0)


def test_main_killed_and_the_page_told_of_too_little() -> None:
    again = arrived(4, session="main 2:1")
    found = verdict(KILLED_MAIN, sent(1, 2, 3, 4), arrived(1), gap(1), again)
    assert (found.lost, found.unannounced_gaps) == (2, 1)


def test_main_killed_and_the_page_not_told() -> None:
    again = arrived(4, session="main 2:1")
    found = verdict(KILLED_MAIN, sent(1, 2, 3, 4), arrived(1), again)
    assert (found.lost, found.unannounced_gaps) == (2, 1)


def test_a_gap_does_not_excuse_a_hole_within_a_session() -> None:
    found = verdict(KILLED_MAIN, sent(1, 2, 3), arrived(1, 3), gap(5))
    assert (found.lost, found.unannounced_gaps) == (1, 1)


def test_one_notice_covers_one_gap() -> None:
    found = verdict(
        KILLED_MAIN,
        sent(*range(1, 6)),
        arrived(1),
        gap(1),
        arrived(3, session="main 2:1"),
        arrived(5, session="main 3:1"),
    )
    assert (found.announced, found.lost, found.unannounced_gaps) == (1, 1, 1)


def test_two_notices_cover_what_was_lost_twice_in_a_row() -> None:
    again = arrived(3, session="main 3:1")
    parts = KILLED_MAIN, sent(1), gap(1), sent(2)
    assert verdict(*parts, gap(1), sent(3), again).announced == 2
    assert verdict(*parts, sent(3), again, gap(0)).lost == 2


def test_a_notice_covers_nothing_that_was_sent_later() -> None:
    again = arrived(2, session="main 2:1")
    assert verdict(KILLED_MAIN, gap(9), sent(1, 2), again).lost == 1


def test_one_notice_is_for_all_streams() -> None:
    syncs = sent(1, 2, stream="sync"), arrived(1, stream="sync")
    ups = sent(1, 2), arrived(1)
    assert verdict(KILLED_MAIN, *syncs, *ups, gap(2)).announced == 2
    assert verdict(KILLED_MAIN, *syncs, *ups, gap(1)).lost == 1


def test_what_a_killed_page_took_along() -> None:
    found = verdict(KILLED_PAGE, sent(1, 2, 3), arrived(1), ended())
    assert (found.announced, found.wrong) == (2, 0)


def test_a_killed_page_that_nobody_told_main_of() -> None:
    found = verdict(KILLED_PAGE, sent(1, 2, 3), arrived(1))
    assert (found.lost, found.unannounced_gaps) == (2, 1)


def test_a_killed_page_and_a_hole() -> None:
    found = verdict(KILLED_PAGE, sent(1, 2, 3), arrived(1, 3), ended())
    assert (found.lost, found.unannounced_gaps) == (1, 1)


DOWN = {"stream": "down", "session": "main 1:1"}


def test_what_a_killed_main_took_along() -> None:
    found = verdict(KILLED_MAIN, sent(1, 2, **DOWN), arrived(1, **DOWN), gap(0))
    assert (found.announced, found.wrong) == (1, 0)


def test_a_session_that_main_gave_up() -> None:
    given_up = [note("killed", session="main 1:1"), *ended()]
    again = arrived(3, session="main 1:2")
    parts = sent(1, 2, 3), arrived(1), given_up, again
    assert verdict(*parts, gap(1)).announced == 1
    assert verdict(*parts).unannounced_gaps == 1, "the renderer lives, and was not told"


def test_who_never_heard_of_a_session_misses_nothing() -> None:
    unheard = [note("unheard", session="main 1:1")]
    assert verdict(KILLED_MAIN, sent(1, 2, **DOWN), unheard).announced == 2
    assert verdict(sent(1, 2, **DOWN), unheard).lost == 2, "both live"
    found = verdict(KILLED_MAIN, sent(1, 2, **DOWN), arrived(1, **DOWN), unheard)
    assert found.lost == 1


def test_the_page_knows_how_much_never_came() -> None:
    parts = KILLED_MAIN, sent(1, 2, 3, **DOWN), arrived(1, **DOWN)
    assert verdict(*parts, gap(0, missing=2)).wrong == 0
    assert verdict(*parts, gap(0, missing=1)).unannounced_gaps == 1


def test_down_streams_are_one_for_each_session() -> None:
    other = {"stream": "down", "session": "main 1:2"}
    found = verdict(sent(1, **DOWN), sent(1, **other), arrived(1, **DOWN))
    assert (found.messages, found.lost) == (2, 1)
    assert found.findings[0].startswith("page 1 down main 1:2: 1…1")


def test_down_a_hole_is_one_whatever_was_told() -> None:
    killed = [Entry(0.0, "killed", session="main 1")]
    found = verdict(killed, sent(1, 2, 3, **DOWN), arrived(1, 3, **DOWN), gap(0))
    assert (found.lost, found.unannounced_gaps) == (1, 1)


def test_another_main_was_killed() -> None:
    killed = [Entry(0.0, "killed", session="main 7")]
    found = verdict(killed, sent(1, 2, **DOWN), arrived(1, **DOWN), gap(0))
    assert (found.lost, found.unannounced_gaps) == (1, 0)


def call(*outcomes: str, stream: str = "up", session: str = "") -> list[Entry]:
    called = note("called", stream=stream, session=session, n=1)
    ends = [
        note("completed", stream=stream, session=session, n=1, text=text)
        for text in outcomes
    ]
    return [*sent(1, stream=stream, session=session), called, *ends]


def test_a_call_completes_once() -> None:
    assert verdict(call("ok"), arrived(1)) == Verdict(messages=1, calls=1)


@pytest.mark.parametrize("outcomes", [(), ("ok", "ok"), ("ok", "gone")])
def test_a_call_that_never_completes_or_twice(outcomes: tuple[str, ...]) -> None:
    found = verdict(call(*outcomes), arrived(1))
    assert (found.calls_wrong, found.wrong) == (1, 1)
    assert found.findings == [f"page 1 up: call 1 completed {len(outcomes)} times"]


def test_a_call_that_fails() -> None:
    found = verdict(call("ConnectionClosed: gone"), arrived(1))
    assert found.findings == ["page 1 up: call 1 failed: ConnectionClosed: gone"]
    assert verdict(KILLED_MAIN, call("gone"), arrived(1)).calls_wrong == 0


def test_a_killed_caller_hears_nothing() -> None:
    assert verdict(KILLED_PAGE, call(), arrived(1)).calls_wrong == 0
    assert verdict(KILLED_MAIN, call(), arrived(1)).calls_wrong == 1
    down = verdict(KILLED_MAIN, call(**DOWN), arrived(1, **DOWN))
    assert down.calls_wrong == 0


def both_ways(n: int, at: float) -> list[Entry]:
    return [
        Entry(at - 0.5, "sent", "p", stream="up", n=n),
        Entry(at - 0.5, "sent", "p", "m:1", stream="down", n=n),
        Entry(at, "arrived", "p", "m:1", stream="up", n=n),
        Entry(at + 0.25, "arrived", "p", "m:1", stream="down", n=n),
    ]


def test_recovery_is_when_both_ways_are_open() -> None:
    cut = [Entry(5.0, "cut")]
    history = [*both_ways(1, 5.1), *cut, *both_ways(2, 7.0), *both_ways(3, 9.0)]
    assert recoveries(history) == [2.25]


def test_a_cut_upon_a_cut_is_one() -> None:
    cuts = [Entry(5.0, "cut"), Entry(6.0, "cut")]
    assert recoveries([*cuts, *both_ways(1, 8.0)]) == [2.25]
