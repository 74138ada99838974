"""What the command says of itself, and what it says to people only."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner

import renderer
from mainproc.cli import main as command
from mainproc.clients.json_values import FORMS
from tests.integration.cli_support import patient
from tests.integration.conftest import Write
from tests.support.processes import (
    PATIENCE,
    environment,
    noteworthy,
    run_python,
    running_command,
    running_main,
)

COMMANDS = ["demo", "invoke", "listen", "run", "send", "send-sync"]
LONG_ENOUGH = "5.5"
"""Seconds: a doubt comes after one, and the end not before that, whatever pauses."""
PROGRAM = str(Path(sysconfig.get_path("scripts")) / "mainproc")


def help_of(*words: str) -> str:
    result = CliRunner().invoke(command, [*words, "--help"], prog_name="mainproc")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_groups_help_is_where_codes_and_forms_stand() -> None:
    text = help_of()
    codes = re.findall(r"^    (\d+) ", text, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "130"]
    assert all(f"    {line}\n" in text for line in FORMS.splitlines())
    assert "\b" not in text
    assert [name for name in COMMANDS if f"\n  {name} " in text] == COMMANDS
    assert "..." not in text.replace("[ARGS]...", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_commands_help(name: str) -> None:
    text = help_of(name)
    assert text.startswith(f"Usage: mainproc {name} ")
    assert max(map(len, text.splitlines())) <= 80
    options = text.partition("Options:")[2]
    for option in re.findall(r"--[a-z-]+", text.partition("Options:")[0]):
        assert option in help_of() + help_of("run") + options, "an example is wrong"


@pytest.mark.parametrize("name", ["send", "send-sync", "invoke", "listen"])
def test_defaults_are_shown(name: str) -> None:
    text = re.sub(r"\s+", " ", help_of(name))
    assert "[env var: ELECTRON_IPC_ADDRESS; default: 127.0.0.1:50051]" in text
    assert "[default: 2.0; x>=0]" in text
    assert text.count("[default: ") + text.count("; default: ") >= 3


def test_version() -> None:
    for program in [sys.executable, "-m", "mainproc"], [PROGRAM]:
        out = subprocess.check_output([*program, "--version"], text=True)
        assert re.fullmatch(r"mainproc, version \d+\.\d+\.\d+\n", out)


def test_help_is_quick() -> None:
    program = (
        "import sys\n"
        "from mainproc.cli import main\n"
        "main(['invoke', '--help'], standalone_mode=False)\n"
        "print({'grpc', 'uvloop'} & set(sys.modules))"
    )
    code, out, err = run_python("-c", program)
    assert (code, err) == (0, "")
    assert out.endswith("\nset()\n")


def complete(*words: str) -> list[str]:
    """Return what bash would offer for the last word."""
    environment = {
        **os.environ,
        "_MAINPROC_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["mainproc", *words]),
        "COMP_CWORD": str(len(words)),
    }
    return subprocess.check_output([PROGRAM], env=environment, text=True).split()


def test_completion() -> None:
    assert complete("se") == ["plain,send", "plain,send-sync"]
    assert complete("invoke", "--connect") == ["plain,--connect-timeout"]
    assert complete("run", "--trace", "f") == ["plain,frames"]
    assert complete("run", "ma") == ["file,ma"]
    environment = {**os.environ, "_MAINPROC_COMPLETE": "zsh_source"}
    script = subprocess.check_output([PROGRAM], env=environment, text=True)
    assert "compdef" in script


# ---- for people only -----------------------------------------------------------------

GREETING = """
    from mainproc import app, ipc

    @app.on("web-contents-created")
    def _(contents):
        contents.send("x", 1)
"""


def on_a_terminal(address: str, *words: str) -> tuple[int, str, str]:
    """Run a client with stderr on a terminal; return code, output, what was shown."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [PROGRAM, *words],
            env=environment(address),
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        os.write(theirs, b"<end>")
        shown = b""
        while not shown.endswith(b"<end>"):
            shown += os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout, shown.decode().removesuffix("<end>")


def test_a_listener_tells_people_that_it_listens(write: Write) -> None:
    with running_main(write("main.py", GREETING)) as main:
        code, out, shown = on_a_terminal(
            main.address, *patient("listen", "x", "--count=1")
        )
    assert (code, out) == (0, '{"channel": "x", "args": [1]}\n')
    assert noteworthy(shown) == (
        f"mainproc: listening for 'x'; connected to {main.address}, as renderer 1; "
        "Ctrl-C ends it\r\n"
    )


def test_people_are_told_that_it_takes_a_while() -> None:
    words = ("invoke", "x", "--connect-timeout", LONG_ENOUGH)
    code, out, shown = on_a_terminal("127.0.0.1:1", *words)
    assert (code, out) == (3, "")
    waiting, error, why = shown.splitlines()
    assert waiting == (
        "mainproc: no answer from a main process at 127.0.0.1:1 yet; waiting"
    )
    assert error.startswith(
        f"mainproc: no main process at 127.0.0.1:1 after {LONG_ENOUGH} s"
    )
    assert why.startswith("mainproc: the last attempt: UNAVAILABLE: ")
    assert "Connection refused" in why


def test_the_demos_main_can_be_traced() -> None:
    """As its help says."""
    program = [sys.executable, "-m", "mainproc", "run", "mainproc.demo.main"]
    options = ["--listen=127.0.0.1:0", "--ready=json", "--trace=frames"]
    with running_command(*program, *options) as main:
        with renderer.connect(main.address) as page:
            assert page.invoke("add", 1, 2).result(PATIENCE) == 3
        code, _, err = main.stop()
    assert code == 0
    assert '"channel": "add"' in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demos_main_is_one_process(number: signal.Signals) -> None:
    """Who ends it by its id leaves nothing behind that listens."""
    words = [sys.executable, "-m", "mainproc", "demo", "--main", "127.0.0.1:0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        address = said.removeprefix("mainproc: listening on ").strip()
        with renderer.connect(address) as page:
            assert page.invoke("add", 1, 2).result(PATIENCE) == 3
        process.send_signal(number)
        # Ends when nobody has this pipe any more: no child does.
        assert process.communicate(timeout=PATIENCE)[1] == ""
        assert process.returncode == 0


def test_ctrl_c_in_the_demo() -> None:
    words = [sys.executable, "-m", "mainproc", "demo"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert noteworthy(process.communicate(timeout=PATIENCE)[1]) == ""
        assert process.returncode == 130


def test_a_demo_that_is_killed_leaves_nothing_behind() -> None:
    words = [sys.executable, "-m", "mainproc", "demo"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate(timeout=PATIENCE)  # nobody has its pipe any more


def test_a_page_of_a_demo_that_is_gone_does_not_wait_for_its_main(
    tmp_path: Path,
) -> None:
    """Ctrl-C may come between the start of a process and the note of it."""
    words = [sys.executable, "-m", "mainproc.demo.labelled", "renderer"]
    address = {"ELECTRON_IPC_ADDRESS": f"unix:{tmp_path}/ipc.sock"}
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **address},
    ) as process:
        assert noteworthy(process.communicate(timeout=PATIENCE)[1]) == ""
        assert process.returncode == 130


def test_ctrl_c_before_a_command_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mainproc.cli._fill_standard_files", interrupted)
    result = CliRunner().invoke(command, ["demo"])
    assert (result.exit_code, result.output) == (130, "")
