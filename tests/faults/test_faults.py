"""The ledger itself: quickly, and that it notices what is wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.bench.programs import ROOT, python
from tests.faults.checker import Verdict
from tests.faults.episodes import Outcome, scripts
from tests.faults.history import Entry, Reader, Recorder
from tests.faults.kinds import KINDS
from tests.faults.ledger import Ledger, markdown, table
from tests.faults.outstanding import Outstanding
from tests.faults.peers.commands import OURS

FIGURES = {
    "messages",
    "cuts",
    "lost",
    "duplicated",
    "reordered",
    "unannounced_gaps",
    "recovery_ms_p50",
    "recovery_ms_p99",
}
"""What scripts read."""


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = python("-m", "tests.faults", *arguments)
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    done = faults("--quick", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = json.loads(file.read_text())
    wrong = ("lost", "duplicated", "reordered", "unannounced_gaps", "calls_wrong")
    assert {name: ledger[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert ledger["messages"] >= 3_000
    assert ledger["cuts"] >= 20
    assert ledger["calls"] >= 200
    assert set(ledger["casts"]) == {"threads", "asyncio"}
    for kind in ledger["kinds"].values():
        assert set(kind) >= FIGURES
        assert kind["messages"] > 0


def test_kinds_have_names() -> None:
    names = [line.split()[0] for line in faults("--list").stdout.splitlines()]
    assert names == [kind.name for kind in KINDS]


def test_what_is_wrong_is_told_and_counted() -> None:
    (script,) = scripts(OURS[:1], KINDS[:1], messages=10, cuts=1, seed=1)
    ledger = Ledger(7)
    ledger.outcomes.append(Outcome(script, Verdict(messages=10), [0.25, 0.5], 1, True))
    assert ledger.wrong == 0
    verdict = Verdict(messages=10, lost=2, duplicated=1, findings=["page 1: gone"])
    ledger.outcomes.append(Outcome(script, verdict, [], 1, True))
    assert ledger.wrong == 3
    figures = ledger.as_json()
    assert figures["seed"] == 7
    assert (figures["messages"], figures["lost"], figures["cuts"]) == (20, 2, 2)
    assert figures["recovery_ms_p50"] == 375.0
    assert figures["kinds"]["reset"].keys() >= FIGURES
    assert f"threads, reset, seed {script.seed}: page 1: gone" in table(ledger)
    assert "| threads | 20 | 2 | 0 | 2 | 1 | 0 | 375 ms |" in markdown(ledger)
    ledger.broken["threads, reset"] = "main has ended"
    assert ledger.wrong == 4
    assert "broken   threads, reset: main has ended" in table(ledger)


def test_scripts_share_messages_and_cuts() -> None:
    found = scripts(OURS, KINDS, messages=10_000, cuts=120, seed=1)
    assert sum(script.messages for script in found) == 20_000
    assert sum(script.cuts for script in found) >= 100
    assert found == scripts(OURS, KINDS, messages=10_000, cuts=120, seed=1)
    assert found != scripts(OURS, KINDS, messages=10_000, cuts=120, seed=2)


def test_a_history_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "history"
    recorder = Recorder(path)
    reader = Reader(path)
    recorder.note("sent", page="page 1", stream="up", n=1)
    (entry,) = reader.new()
    assert (entry.did, entry.page, entry.stream, entry.n) == ("sent", "page 1", "up", 1)
    assert list(reader.new()) == []
    with path.open("a") as file:
        file.write('{"at": 1.0, "did": ')
        file.flush()
        assert list(reader.new()) == []
        file.write('"cut"}\n')
    assert list(reader.new()) == [Entry(1.0, "cut")]
    recorder.close()
    reader.close()


def up(did: str, n: int) -> Entry:
    return Entry(0.0, did, "page 1", stream="up", n=n)  # type: ignore[arg-type]  # one of them


def test_what_is_outstanding() -> None:
    outstanding = Outstanding()
    assert outstanding.settled
    outstanding.take(up("sent", 1))
    assert not outstanding.settled
    outstanding.take(up("sent", 2))
    outstanding.take(up("arrived", 2))
    assert outstanding.settled, "the first one is lost"
    outstanding.take(up("sent", 3))
    outstanding.take(up("refused", 3))
    assert outstanding.settled
    outstanding.take(up("called", 2))
    assert not outstanding.settled
    outstanding.take(up("completed", 2))
    outstanding.take(up("sent", 4))
    outstanding.take(Entry(0.0, "gap", "page 1", count=1))
    assert outstanding.settled
    outstanding.take(up("sent", 5))
    outstanding.take(Entry(0.0, "killed", "page 1"))
    assert outstanding.settled
