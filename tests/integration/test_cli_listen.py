"""`mainproc listen`, as a process: its lines, and how it ends."""

from __future__ import annotations

import json
import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import renderer
from electron_ipc.v1 import ipc_pb2 as pb
from renderer import IpcRenderer
from renderer.wire.parcel import Parcel
from tests.integration.cli_support import MAIN, client, running_client
from tests.support.memory import MemoryMain, served
from tests.support.processes import PATIENCE, RunningMain, running_main


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("main") / "main.py"
    path.write_text(textwrap.dedent(MAIN))
    return path


@pytest.fixture(scope="module")
def main(script: Path) -> Iterator[RunningMain]:
    with running_main(script) as running:
        yield running


@pytest.fixture
def page(main: RunningMain) -> Iterator[IpcRenderer]:
    with renderer.connect(main.address) as page:
        yield page


def tell(page: IpcRenderer, *messages: list[object]) -> None:
    """Let main send events to the next `mainproc listen`."""
    page.invoke("tell", *messages).result(PATIENCE)


def test_a_line_for_each_event_as_it_arrives(
    main: RunningMain, page: IpcRenderer
) -> None:
    words = ("listen", "x", "y", "x", "--count", "3", "--timeout", "60")
    with running_client(main.address, *words) as process:
        tell(page, ["x", 1, b"two"], ["z", 1], ["y"])
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[0] == '{"channel": "x", "args": [1, {"$bytes": "dHdv"}]}\n'
        assert json.loads(lines[1]) == {"channel": "y", "args": []}
        page.invoke("tell-again", ["x", "é"], ["x", "one too many"]).result(PATIENCE)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (
            0,
            '{"channel": "x", "args": ["é"]}\n',
            "",
        )


def test_0_for_goodbye(main: RunningMain, page: IpcRenderer) -> None:
    with running_client(main.address, "listen", "x") as process:
        page.invoke("part").result(PATIENCE)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_0_when_nobody_reads_any_more(main: RunningMain, page: IpcRenderer) -> None:
    """As with `mainproc listen x | head -1`, which needs no second event for it."""
    with running_client(main.address, "listen", "x") as process:
        tell(page, ["x", 1])
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE) == 0


def test_3_when_main_dies(script: Path) -> None:
    with (
        running_main(script) as mortal,
        renderer.connect(mortal.address) as page,
        running_client(mortal.address, "listen", "x") as process,
    ):
        tell(page, ["x"])
        assert process.stdout is not None
        assert process.stdout.readline()
        mortal.process.kill()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (3, "")
    assert err.startswith(f"mainproc: the connection to main at {mortal.address} broke")
    assert err.count("\n") == 1


def test_4_when_the_time_is_over(main: RunningMain, page: IpcRenderer) -> None:
    words = ("listen", "x", "--count=2", "--timeout=0.2")
    text = "mainproc: 0 of 2 events came within 0.2 s\n"
    assert client(main.address, *words) == (4, "", text)
    tell(page)  # it is not there for the next test


def test_130_for_ctrl_c(main: RunningMain, page: IpcRenderer) -> None:
    with running_client(main.address, "listen", "x") as process:
        tell(page, ["x", 1])
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 130


class GarblingMain(MemoryMain):
    """Greets a renderer with an event that cannot be read, and one that can."""

    greeted = False

    def _take(self, frame: bytes) -> None:
        super()._take(frame)
        if not self.greeted:
            self.greeted = True
            bad = pb.Message(event=pb.Event(channel="x", args=[pb.Value()]))
            self.session.put(Parcel(bad.SerializeToString(), counted=True, reply=False))
            self.send("x", 1)


def test_an_event_that_cannot_be_read_is_left_out() -> None:
    with served(GarblingMain()) as (_, address):
        out = client(address, "listen", "x", "--count", "1")
    text = "an event on 'x' is left out: args[0]: a Value with nothing set"
    line = '{"channel": "x", "args": [1]}\n'
    assert out == (0, line, f"mainproc: {text}\n")
