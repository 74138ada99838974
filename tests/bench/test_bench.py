"""The benchmark itself. No test asserts a time: those are read by people."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.bench.measuring import Arrivals
from tests.bench.needs import packages
from tests.bench.peers.commands import OURS
from tests.bench.programs import ROOT, Broken, python, running
from tests.bench.ratios import RATIOS, Ratio
from tests.bench.report import Report
from tests.bench.results import Samples, Span, effort, together
from tests.bench.rounds import Comparison
from tests.bench.sides import Side
from tests.bench.table import table

GOALS = {
    "send_sync_stream_vs_raw_sync_stream": "≤ 1.25",
    "send_sync_unary_vs_raw_unary": "≤ 1.15",
    "aio_invoke_vs_raw_aio_stream": "≤ 1.4",
    "invoke_100_vs_python_socketio": "≥ 5",
    "echo_vs_python_socketio": "≥ 10",
    "echo_vs_node_socketio": "≥ 1.3",
    "echo_vs_raw_unbatched": "≥ 15",
    "push_vs_python_socketio": "≥ 5",
    "broadcast_vs_python_socketio": "≥ 15",
    "records_echo_vs_python_socketio": "≤ 0.8",
    "mib_echo_vs_raw_unary": "≤ 1",
    "memory_per_idle_renderer_vs_raw_stream": "≤ 1.6",
    "growth_many_vs_alone": "≤ 1.15",
}
"""What the project is held to. Scripts know the names."""


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = python("-m", "tests.bench", *arguments)
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def ratio(name: str) -> Ratio:
    (found,) = (ratio for ratio in RATIOS if ratio.name == name)
    return found


def test_the_ratios_are_those_we_are_held_to() -> None:
    assert {r.name: r.goal_text for r in RATIOS} == GOALS


def test_processor_time_is_that_of_all_rounds_for_each_thing() -> None:
    assert effort([Span(10, 0.0, 1.0, 2.0), Samples([1.0] * 30, 2.0)]) == 0.1
    assert effort([Span(10, 0.0, 1.0, 2.0), Span(10, 0.0, 1.0)]) is None


def test_a_ratio_is_the_median_of_its_rounds() -> None:
    rounds = [
        (Span(10, 0.0, 1.0), Span(10, 0.0, 20.0)),
        (Span(10, 5.0, 6.0), Span(10, 7.0, 17.0)),  # 10 and 1 a second
        (Span(10, 0.0, 1.0), Span(10, 0.0, 1.0)),
    ]
    comparison = Comparison(ratio("echo_vs_python_socketio"), list(rounds))
    assert comparison.ratios == [20, 10, 1]
    assert comparison.median == 10
    assert comparison.ratio.is_met(comparison.median)
    assert not comparison.ratio.is_met(9.99)


def test_less_time_is_better() -> None:
    pair = Samples([3.0, 1.0, 2.0]), Samples([4.0, 1.0, 2.0, 1.0])
    comparison = Comparison(ratio("aio_invoke_vs_raw_aio_stream"), [pair])
    assert comparison.median == 2.0 / 1.5
    assert comparison.ratio.is_met(1.4)
    assert not comparison.ratio.is_met(1.41)


def test_growth_compares_times_though_rates_are_measured() -> None:
    pair = Span(100, 0.0, 2.0), Span(100, 0.0, 1.0)
    assert Comparison(ratio("growth_many_vs_alone"), [pair]).median == 2.0


def test_processes_share_a_span_from_the_first_to_the_last() -> None:
    assert together([Span(3, 1.0, 5.0), Span(4, 2.0, 9.0)]) == Span(7, 1.0, 9.0)


async def test_what_arrives_is_counted_also_before_it_is_expected() -> None:
    arrivals = Arrivals()
    arrivals.one()
    arrivals.one()
    arrivals.expect(2)
    await arrivals.all_there()
    arrivals.expect(3)
    arrivals.one()
    await arrivals.no_more_missing_than(2)
    waiting = asyncio.create_task(arrivals.no_more_missing_than(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    arrivals.one()
    await waiting


def test_what_is_missed_skipped_and_broken_is_told() -> None:
    report = Report()
    pair = Span(1, 0.0, 1.0), Span(1, 0.0, 1.0)
    report.comparisons.append(Comparison(ratio("echo_vs_raw_unbatched"), [pair]))
    with report.told_of("echo_vs_node_socketio"):
        packages("no_such_package")()
    with report.told_of("push_vs_python_socketio"):
        raise Broken("server has ended")
    text = table(report)
    assert "goal missed" in text
    assert "skipped  echo_vs_node_socketio: no_such_package not installed" in text
    assert "broken   push_vs_python_socketio: server has ended" in text
    assert report.as_json()["ratios"] == {"echo_vs_raw_unbatched": 1.0}


async def test_a_program_that_fails_shows_what_it_said() -> None:
    command = python("-c", "raise SystemExit('no such luck')")
    with pytest.raises(Broken, match="has ended\nno such luck"):
        async with running(command) as program:
            await program.answer()


@pytest.mark.slow
async def test_ours_can_be_measured() -> None:
    async with Side(OURS, "echo").opened(1.0) as trial:
        result = await trial.measure(3)
    assert isinstance(result, Span)
    assert result.count == 3


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    done = bench("--only", "echo")
    assert done.returncode == 2
    assert "no such ratio or figure: echo" in done.stderr


@pytest.mark.bench
def test_small_pieces_can_be_measured() -> None:
    command = python("-m", "tests.bench.micro")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count(" µs  ") > 20


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_all_of_it_works(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    done = bench("--quick", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(file.read_text())
    skipped = results["environment"].get("skipped", {})
    assert set(results["ratios"]) | set(skipped) == set(GOALS)
    assert all(value > 0 for value in results["ratios"].values())
    assert set(results) == {"ratios", "figures", "environment"}
