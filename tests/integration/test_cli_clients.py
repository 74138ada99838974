"""`mainproc send`, `send-sync` and `invoke`, as processes: results and exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import renderer
from mainproc.cli import main as command
from renderer import IpcRenderer
from renderer.wire import reasons
from renderer.wire.frames import refusal
from tests.integration.cli_support import (
    MAIN,
    client,
    clients,
    patient,
    running_client,
)
from tests.support.memory import MemoryMain, served
from tests.support.processes import PATIENCE, RunningMain, environment, running_main
from tests.support.waiting import TIMEOUTS

NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMain]:
    path = tmp_path_factory.mktemp("main") / "main.py"
    path.write_text(textwrap.dedent(MAIN))
    with running_main(path) as running:
        yield running


@pytest.fixture
def page(main: RunningMain) -> Iterator[IpcRenderer]:
    with renderer.connect(main.address) as page:
        yield page


# ---- what goes, and what comes back --------------------------------------------------


@pytest.mark.parametrize("timeout", ["inf", "1e300"])
def test_a_timeout_may_be_endless(main: RunningMain, timeout: str) -> None:
    result = client(main.address, "invoke", "echo", "1", "--timeout", timeout)
    assert result == (0, '["mainproc invoke", 1]\n', "")


def test_invoke_prints_the_result(main: RunningMain, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\0\xff")
    words = ["1", "-1", "-2.5e3", '{"a": [null]}', "a word", '"12"', "NaN", "@file"]
    out = client(main.address, "invoke", "echo", *words, cwd=tmp_path)
    values = [1, -1, -2500.0, {"a": [None]}, "a word", "12", "NaN", {"$bytes": "AP8="}]
    text = json.dumps(["mainproc invoke", *values])
    assert out == (0, f"{text}\n", "")


def test_arguments_from_standard_input_and_behind_two_dashes(main: RunningMain) -> None:
    words = ("send-sync", "sync", "--timeout", "20", "--", "-", "--timeout", '"@x"')
    code, out, err = client(main.address, *words, input='{"é":1}')
    assert (code, err) == (0, "")
    assert json.loads(out) == ["mainproc send-sync", {"é": 1}, "--timeout", "@x"]


def test_values_that_json_lacks(main: RunningMain) -> None:
    code, out, err = client(main.address, "invoke", "values")
    assert (code, err) == (0, "")
    assert out.endswith(', "\\u009b31m \\u202e é", null]\n')
    assert json.loads(out) == [
        {"$bytes": "aGVsbG8="},
        {"$date": "2026-01-31T12:00:00+00:00"},
        {"$integer": "0x10000000000000000"},
        -(2**63),
        {"$number": "NaN"},
        {"$number": "-Infinity"},
        -0.0,
        {"$set": [7]},
        {"$map": [[1, "one"]]},
        {"$map": [["$set", 1]]},
        {"$a": 1, "$b": 2},
        {"$regexp": ["a+b", "i"]},
        {"$error": ["E", "boom", [1]]},
        [1, {"back": {"$cycle": 2}}],
        [1.5, {"$number": "Infinity"}],
        "\x9b31m \u202e é",
        None,
    ]


def test_what_send_sent_is_consumed_when_it_ends(
    main: RunningMain, page: IpcRenderer
) -> None:
    assert client(main.address, "send", "event", "1", "two") == (0, "", "")
    assert page.invoke("seen").result()[-1] == ["mainproc send", 1, "two"]


def test_an_event_that_nobody_hears_is_sent_all_the_same(main: RunningMain) -> None:
    assert client(main.address, "send", "nobody") == (0, "", "")


def test_the_address_as_an_option_wins(main: RunningMain) -> None:
    words = ("invoke", "--main", main.address, "echo")
    assert client(NOBODY, *words) == (0, '["mainproc invoke"]\n', "")


# ---- exit codes ----------------------------------------------------------------------


FAILURES = {
    ("invoke", "boom"): (
        "Error invoking remote method 'boom': ValueError: two\\nlines, and \\x1b[31mred"
    ),
    ("invoke", "nobody"): "No handler registered for 'nobody'",
    ("send-sync", "snyc"): "no listener for 'snyc'; did you mean 'sync'?",
}


def test_1_for_an_error_in_answer(main: RunningMain) -> None:
    expected = [(1, "", f"mainproc: {text}\n") for text in FAILURES.values()]
    assert clients(main.address, *FAILURES) == expected


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["invoke"], "Missing argument 'CHANNEL'"),
        (["listen"], "Missing argument 'CHANNEL…'"),
        (["invoke", "x", "--nonsense"], "No such option '--nonsense'"),
        (["invoke", "x", "--timout=1"], "Did you mean"),
        (["invoke", "x", "-n1"], "No such option '-n1'"),
        (["invoke", "x", "--timeout", "-1"], "Invalid value for '--timeout'"),
        (["invoke", "x", "--timeout", "soon"], "Invalid value for '--timeout'"),
        (["listen", "x", "--timeout", "nan"], "NaN is no number of seconds"),
        (["listen", "x", "--count", "0"], "Invalid value for '--count'"),
        (["send", "x", "@no/such/file"], "@no/such/file: No such file or directory"),
        (["send", "x", "@."], "@.: Is a directory"),
        (["send", "x", "-"], "standard input is not JSON"),
        (["send", "x", "1", "[" * 100_000], "nested too deeply"),
        (["send", "x", "[" * 70 + "]" * 70], "args[0]"),
        (["send", "x", "1" * 5_000], "limit"),
        (["send", "x", "\udcff"], "args[0]: lone surrogate"),
        (["send", "\udcff"], "lone surrogate"),
        (["listen", "\udcff"], "lone surrogate"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_2_for_usage(words: list[str], text: str) -> None:
    result = CliRunner().invoke(command, words, input="[1, 2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr


def test_standard_input_is_read_once() -> None:
    result = CliRunner().invoke(command, ["send", "x", "-", "-"], input="1")
    assert result.exit_code == 2
    assert "standard input can be read once" in result.stderr


def test_2_as_a_process() -> None:
    code, out, err = client(NOBODY, "send", "x", "-", input="[1, 2")
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_3_without_a_main_process() -> None:
    text = (
        f"mainproc: no main process at {NOBODY} after 0.1 s; start one with "
        "'mainproc run main.py' or set ELECTRON_IPC_ADDRESS\n"
    )
    names = ("send", "send-sync", "invoke", "listen")
    words = [(name, "x", "--connect-timeout", "0.1") for name in names]
    assert clients(NOBODY, *words) == [(3, "", text)] * len(names)


@pytest.mark.parametrize("address", ["nowhere", "http://127.0.0.1:50051"])
def test_3_for_an_address_that_is_none(address: str) -> None:
    code, out, err = client(address, "invoke", "x")
    assert (code, out) == (3, "")
    text = f"mainproc: '{address}' is no address; give HOST:PORT or unix:PATH\n"
    assert err == text


class RefusingMain(MemoryMain):
    """Lets nobody in, and hears nothing more of them."""

    refused = False

    def _take(self, frame: bytes) -> None:
        if not self.refused:
            self.refused = True
            self._refuse(refusal(reasons.ACCESS_DENIED, "who are you?"))


def test_3_when_main_does_not_let_us_in() -> None:
    with served(RefusingMain()) as (_, address):
        code, out, err = client(address, "invoke", "x")
    assert (code, out) == (3, "")
    assert err.startswith("mainproc: ")
    assert "who are you?" in err
    assert err.count("\n") == 1


def test_3_when_main_dies(tmp_path: Path) -> None:
    path = tmp_path / "main.py"
    path.write_text(
        "import os\nfrom mainproc import ipc\n"
        "ipc.handle('die', lambda event: os._exit(9))"
    )
    with running_main(path) as mortal:
        code, out, err = client(mortal.address, "invoke", "die")
    assert (code, out) == (3, "")
    assert err.startswith("mainproc: the connection to main")
    assert err.count("\n") == 1


def test_4_when_it_takes_too_long(main: RunningMain, page: IpcRenderer) -> None:
    for timeout in TIMEOUTS:
        name = f"for {timeout:g} s"
        words = ("invoke", "slow", name, "--timeout", str(timeout))
        text = f"mainproc: no reply to 'slow' within {timeout:g} s\n"
        assert client(main.address, *words) == (4, "", text)
        if page.invoke("has mark", "begun", name).result(PATIENCE):
            page.invoke("marked", "cancelled", name).result(PATIENCE)
            break
    else:
        pytest.fail("it never began")
    code, out, err = client(main.address, "send-sync", "silent", "--timeout=0.2")
    assert (code, out) == (4, "")
    # In the words of whoever was first to find out.
    assert re.fullmatch(r"mainproc: .*'silent'.*\n", err)


def test_4_when_main_does_nothing_at_all(tmp_path: Path) -> None:
    """Nor does it hold the command up when that leaves."""
    path = tmp_path / "main.py"
    path.write_text(
        "import time\nfrom mainproc import ipc\n"
        "ipc.on('x', lambda event: time.sleep(1_000))"
    )
    with running_main(path) as main:
        code, out, err = client(main.address, "send", "x", "--timeout", "0.2")
    assert (code, out) == (4, "")
    assert err == "mainproc: main has not consumed it all within 0.2 s\n"


def test_130_for_ctrl_c(main: RunningMain, page: IpcRenderer) -> None:
    with running_client(main.address, "invoke", "slow", "two") as process:
        page.invoke("marked", "begun", "two").result(PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 130
    page.invoke("marked", "cancelled", "two").result(PATIENCE)


# ---- standard output -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "code", "text"),
    [
        (">&-", 0, ""),
        (">/dev/full", 1, "mainproc: cannot write to stdout: No space left on device"),
    ],
)
def test_a_result_that_cannot_be_written(
    main: RunningMain, where: str, code: int, text: str
) -> None:
    words = patient("invoke", "echo")
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m mainproc "$@" {where}', sys.executable, *words],
        env=environment(main.address),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (code, text)
