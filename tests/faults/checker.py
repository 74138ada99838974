"""Was anything lost, doubled or reordered? A pure function of a history.

Messages are numbered from 1 in each stream. A stream goes up from a renderer to main,
over as many sessions as that takes, or down from main to a renderer in one session.
While both processes live, all that was accepted must arrive, once and in order. When
one of them was killed, what it takes along must be the end of a session, and whoever
is left must have been told: a renderer by a gap with enough in it, main by the end of
the session. Every call completes once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from tests.faults.history import Entry

_TOLD = 20
"""Findings that are put into words, for each kind of them."""


@dataclass(slots=True)
class Verdict:
    """What a history comes to.

    Attributes:
        messages: accepted, calls included.
        lost: of them never arrived, though both processes lived or nobody was told.
        duplicated: arrivals of what had arrived.
        reordered: arrivals behind a later one.
        unannounced_gaps: runs of lost ones that no notice covers.
        invented: arrivals of what nobody sent.
        refused: not accepted, though both processes lived.
        announced: messages that a killed process took along, and that were told of.
        calls: that were made.
        calls_wrong: of them did not complete, or twice, or not as they should.
        findings: all that is wrong, in words.
    """

    messages: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    unannounced_gaps: int = 0
    invented: int = 0
    refused: int = 0
    announced: int = 0
    calls: int = 0
    calls_wrong: int = 0
    findings: list[str] = field(default_factory=list[str])

    @property
    def wrong(self) -> int:
        """How much is not as it should be; 0 is what there is to hope for."""
        return (
            self.lost
            + self.duplicated
            + self.reordered
            + self.unannounced_gaps
            + self.invented
            + self.refused
            + self.calls_wrong
        )

    def found(self, what: str) -> None:
        """Put something wrong into words."""
        if len(self.findings) < _TOLD:
            self.findings.append(what)


class _Key(NamedTuple):
    page: str
    stream: str
    session: str  # of streams that go down; one that goes up outlives sessions


class _Run(NamedTuple):
    """Numbers that follow one another and never arrived."""

    first: int
    last: int
    size: int
    tail: bool  # nothing arrived behind them
    between: bool  # a session ended before them, or a new one began behind them


@dataclass(slots=True)
class _Stream:
    key: _Key
    sent: dict[int, Entry] = field(default_factory=dict[int, Entry])
    refused: dict[int, str] = field(default_factory=dict[int, str])
    arrived: list[Entry] = field(default_factory=list[Entry])
    called: set[int] = field(default_factory=set[int])
    completed: dict[int, list[str]] = field(
        default_factory=lambda: defaultdict[int, list[str]](list)
    )

    @property
    def up(self) -> bool:
        return self.key.stream != "down"

    def __str__(self) -> str:
        return " ".join(filter(None, self.key))


def check(entries: Iterable[Entry]) -> Verdict:
    """Check the histories of all programs of an episode.

    Args:
        entries: in any order.
    """
    history = sorted(entries, key=lambda entry: entry.at)
    verdict, notices = Verdict(), _Notices(history)
    for stream in _streams(history):
        _count(stream, notices, verdict)
        _check_order(stream, verdict)
        _check_holes(stream, notices, verdict)
        _check_calls(stream, notices, verdict)
    return verdict


def _streams(history: Sequence[Entry]) -> Iterable[_Stream]:
    streams: dict[_Key, _Stream] = {}
    for entry in history:
        if not entry.stream:
            continue
        session = entry.session if entry.stream == "down" else ""
        key = _Key(entry.page, entry.stream, session)
        stream = streams.setdefault(key, _Stream(key))
        match entry.did:
            case "sent":
                stream.sent[entry.n] = entry
            case "refused":
                stream.refused[entry.n] = entry.text
            case "arrived":
                stream.arrived.append(entry)
            case "called":
                stream.called.add(entry.n)
            case "completed":
                stream.completed[entry.n].append(entry.text)
            case _:
                pass
    return streams.values()


def _count(stream: _Stream, notices: _Notices, verdict: Verdict) -> None:
    verdict.messages += len(stream.sent) - len(stream.refused)
    verdict.calls += len(stream.called)
    if stream.refused and not notices.killed(stream):
        verdict.refused += len(stream.refused)
        n, why = next(iter(stream.refused.items()))
        verdict.found(f"{stream}: {n} was refused: {why}")


def _check_order(stream: _Stream, verdict: Verdict) -> None:
    highest, seen = 0, set[int]()
    for entry in stream.arrived:
        if entry.n not in stream.sent:
            verdict.invented += 1
            verdict.found(f"{stream}: {entry.n} arrived, and nobody sent it")
        elif entry.n in seen:
            verdict.duplicated += 1
            verdict.found(f"{stream}: {entry.n} arrived again")
        elif entry.n < highest:
            verdict.reordered += 1
            verdict.found(f"{stream}: {entry.n} arrived behind {highest}")
        seen.add(entry.n)
        highest = max(highest, entry.n)


class _Notices:
    """Who was killed, and what the others were told."""

    def __init__(self, history: Sequence[Entry]) -> None:
        self._gaps = [entry for entry in history if entry.did == "gap"]
        self._ended = [entry for entry in history if entry.did == "ended"]
        self._unheard = {e.session for e in history if e.did == "unheard"}
        killed = [entry for entry in history if entry.did == "killed"]
        # With both, it is main's end of a page's session.
        self.pages = {entry.page for entry in killed if not entry.session}
        self.mains = {entry.session for entry in killed if entry.session}
        self._left: dict[int, float] = {
            place: gap.count for place, gap in enumerate(self._gaps)
        }
        self._left_down: dict[int, float] = {
            place: inf if gap.missing is None else gap.missing
            for place, gap in enumerate(self._gaps)
        }

    def killed(self, stream: _Stream) -> bool:
        """Tell whether one of the processes was, that this stream had at its ends."""
        if stream.key.page in self.pages:
            return True
        if stream.up:
            return bool(self.mains)
        return self.main_killed(stream)

    def main_killed(self, stream: _Stream) -> bool:
        """Tell whether the session that a stream goes down in was, or all of main."""
        session = stream.key.session
        return bool({session, session.partition(":")[0]} & self.mains)

    def cover(self, stream: _Stream, run: _Run) -> bool:
        """Tell whether somebody was told of what is missing."""
        if not run.between:
            return False  # whatever was told: it can only be the end of a session
        if stream.key.session in self._unheard:
            return not stream.arrived
        if stream.key.page in self.pages:
            return run.tail and any(
                entry.page == stream.key.page for entry in self._ended
            )
        numbers = range(run.first, run.last + 1)
        return all(self._gap(stream, n) for n in numbers if n not in stream.refused)

    def _gap(self, stream: _Stream, n: int) -> bool:
        """Find a notice that came when this was sent, with a message left in it."""
        left = self._left if stream.up else self._left_down
        for place, gap in enumerate(self._gaps):
            late = gap.at >= stream.sent[n].at
            if gap.page == stream.key.page and late and left[place] > 0:
                left[place] -= 1
                return True
        return False


def _check_holes(stream: _Stream, notices: _Notices, verdict: Verdict) -> None:
    killed = notices.killed(stream)
    for run in _runs(stream):
        covered = notices.cover(stream, run)
        if killed and covered:
            verdict.announced += run.size
            continue
        verdict.lost += run.size
        verdict.unannounced_gaps += not covered
        told = "" if covered else ", and nobody was told"
        verdict.found(f"{stream}: {run.first}…{run.last} never arrived{told}")


def _runs(stream: _Stream) -> Iterable[_Run]:
    sessions = {entry.n: entry.session for entry in stream.arrived}
    missing = sorted(stream.sent.keys() - stream.refused.keys() - sessions.keys())
    runs: list[list[int]] = []
    for n in missing:
        # A number that was refused in the middle does not make two of one.
        if runs and not any(k in sessions for k in range(runs[-1][-1], n)):
            runs[-1].append(n)
        else:
            runs.append([n])
    numbers = sorted(sessions)
    for run in runs:
        before = [n for n in numbers if n < run[0]]
        behind = [n for n in numbers if n > run[-1]]
        tail = not behind
        between = (
            tail or not before or sessions[before[-1]] != sessions[behind[0]]
        ) and (tail or stream.up)
        yield _Run(run[0], run[-1], len(run), tail, between)


def _check_calls(stream: _Stream, notices: _Notices, verdict: Verdict) -> None:
    killed = notices.killed(stream)
    dead = (
        stream.key.page in notices.pages if stream.up else notices.main_killed(stream)
    )  # the caller itself
    for n in sorted(stream.called):
        outcomes = stream.completed[n]
        if dead and len(outcomes) <= 1:
            continue
        if len(outcomes) != 1:
            what = f"completed {len(outcomes)} times"
        elif outcomes[0] != "ok" and not killed:
            what = f"failed: {outcomes[0]}"
        else:
            continue
        verdict.calls_wrong += 1
        verdict.found(f"{stream}: call {n} {what}")


def recoveries(entries: Iterable[Entry]) -> list[float]:
    """Return the seconds from each cut until messages pass again, both ways.

    Only what was sent after the cut counts. A cut that is followed by another before
    that is not told of: its time ends with the other's.
    """
    history = sorted(entries, key=lambda entry: entry.at)
    sent: dict[tuple[_Key, int], float] = {}
    passing: list[tuple[float, float, bool]] = []  # arrived, sent, goes up
    for entry in history:
        if entry.did not in ("sent", "arrived") or entry.stream == "sync":
            continue
        up = entry.stream != "down"
        name = (_Key(entry.page, entry.stream, "" if up else entry.session), entry.n)
        if entry.did == "sent":
            sent[name] = entry.at
        elif name in sent:
            passing.append((entry.at, sent[name], up))
    cuts = [entry.at for entry in history if entry.did == "cut"]
    found = []
    for cut, following in zip(cuts, [*cuts[1:], float("inf")], strict=True):
        first: dict[bool, float] = {}
        for arrived, begun, up in passing:
            if begun > cut:
                first.setdefault(up, arrived)
        if len(first) == 2 and max(first.values()) < following:
            found.append(max(first.values()) - cut)
    return found
