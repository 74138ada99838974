"""`mainproc run`, `mainproc.run()` and the addresses, as processes."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import mainproc
from mainproc import IpcError, IpcMain, ipc
from mainproc.address import AddressInUse
from mainproc.cli import main as command
from mainproc.program import runner
from tests.integration.conftest import Write
from tests.integration.main_support import ask
from tests.support.ports import reserved
from tests.support.processes import PATIENCE, noteworthy, run_python, running_main

ANSWERING = """
    import sys
    from mainproc import ipc

    @ipc.on("who")
    def who(event):
        event.return_value = [__name__, sys.argv[1:]]
"""


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "127.0.0.1:{1}".format(*server.getsockname())


@pytest.fixture
def unspoilt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undoes what running a script does to this process."""
    monkeypatch.setattr(runner, "overrides", {})
    monkeypatch.setattr(runner, "in_charge", False)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    yield
    ipc.remove_handler("x")
    for name in "app", "app.main":
        sys.modules.pop(name, None)


def run_command(*arguments: str | Path, **options: Any) -> tuple[int, str, str]:
    return run_python("-m", "mainproc", "run", *arguments, **options)


# ---- running -------------------------------------------------------------------------


def test_a_script_and_its_arguments(write: Write) -> None:
    main = write("main.py", ANSWERING)
    with running_main(main) as running:
        assert ask(running.address, "who") == ["__main__", []]
        assert running.stop() == (0, "", "")


def test_arguments_for_the_script(write: Write) -> None:
    main = write("main.py", ANSWERING + "\n    print(ipc.event_names(), flush=True)")
    words = [sys.executable, "-m", "mainproc", "run", "--listen", "127.0.0.1:0"]
    words += ["--ready=json", str(main), "--", "one", "--listen", "two"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "['who']\n"
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        assert ask(ready["address"], "who") == ["__main__", ["one", "--listen", "two"]]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


MODULE = """
    from mainproc import IpcMain

    window = IpcMain()
    window.on("who", lambda event: setattr(event, "return_value", __name__))
    number = 7
"""


@pytest.mark.parametrize("target", ["app.main:window", "app.main"])
def test_a_module(write: Write, target: str) -> None:
    path = write("app/main.py", MODULE)
    words = [sys.executable, "-m", "mainproc", "run", target]
    with subprocess.Popen(
        [*words, "--listen", "127.0.0.1:0", "--ready", "json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=path.parent.parent,
    ) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        if target.endswith(":window"):
            assert ask(address, "who") == "app.main"
        else:
            with pytest.raises(IpcError, match="no listener for 'who'"):
                ask(address, "who")
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_script_that_runs_itself_is_served_once(write: Write) -> None:
    """Where `--listen` says, not where the script says, and whichever `IpcMain`."""
    main = write(
        "main.py",
        """
        import mainproc

        mine = mainproc.IpcMain()
        mine.on("who", lambda event: setattr(event, "return_value", "mine"))
        mainproc.run(mine, listen="127.0.0.1:1", ready="json")
        print("and after")
        """,
    )
    with running_main(main) as running:
        assert ask(running.address, "who") == "mine"
        assert running.stop() == (0, "and after\n", "")


def test_a_script_alone(write: Write) -> None:
    text = 'import mainproc\n    mainproc.run(listen="127.0.0.1:0")'
    main = write("main.py", f"{ANSWERING}\n    {text}")
    with subprocess.Popen(
        [sys.executable, str(main), "argument"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("mainproc: listening on 127.0.0.1:")
        address = line.split()[-1]
        assert ask(address, "who") == ["__main__", ["argument"]]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert noteworthy(process.stderr.read()) == ""


def test_the_script_is_the_main_module_for_good(write: Write) -> None:
    main = write(
        "main.py",
        """
        import pickle
        from mainproc import ipc

        class Mine: ...

        @ipc.on("pickle")
        def _(event):
            event.return_value = type(pickle.loads(pickle.dumps(Mine()))) is Mine
        """,
    )
    with running_main(main) as running:
        assert ask(running.address, "pickle") is True


# ---- exit codes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "last"),
    [
        ("main.py", "def f():\n    raise ValueError('boom')\nf()", "ValueError: boom"),
        ("main.py", "import nothing_like_it", "No module named 'nothing_like_it'"),
        ("main.py", "x = ", "SyntaxError: invalid syntax"),
        (
            "main.py",
            "from mainproc import ipc\nipc.handle('x', id)\nipc.handle('x', id)",
            "DuplicateHandler: Attempted to register a second handler for 'x'",
        ),
        ("app/main.py", "raise ValueError('boom')", "ValueError: boom"),
        ("app/main.py", "import nothing_like_it", "No module named 'nothing_like_it'"),
    ],
)
@pytest.mark.usefixtures("unspoilt")
def test_a_script_that_raises(
    write: Write,
    name: str,
    text: str,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own traceback, and no line of ours."""
    path = write(name, text)
    target = "app.main" if name.startswith("app") else str(path)
    monkeypatch.chdir(path.parent.parent)
    result = CliRunner().invoke(command, ["run", target])
    assert (result.exit_code, result.stdout) == (1, "")
    err = result.stderr
    assert err.rstrip().endswith(last)
    assert f'File "{path}", line' in err
    assert "mainproc/script.py" not in err
    assert "importlib" not in err


def test_a_script_that_raises_as_a_process(write: Write) -> None:
    code, out, err = run_command(write("main.py", f"{ANSWERING}\n    1 / 0"))
    assert (code, out) == (1, "")
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_a_script_that_exits(write: Write) -> None:
    main = write("main.py", f"{ANSWERING}\n    sys.exit(7)")
    assert run_command(main) == (7, "", "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing.py"], "no such file: nothing.py"),
        (["no.such.module"], "no such file or module: no.such.module"),
        (["json:dumps"], "json has no IpcMain called 'dumps'"),
        (["json:nothing"], "json has no IpcMain called 'nothing'"),
        ([], "Missing argument"),
        (["--nonsense", "main.py"], "No such option"),
        (["--ready", "xml", "main.py"], "Invalid value for '--ready'"),
        (["--grace", "-1", "main.py"], "Invalid value for '--grace'"),
    ],
)
@pytest.mark.usefixtures("unspoilt")
def test_usage(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(command, ["run", *arguments])
    assert result.exit_code == 2
    assert text in result.stderr


def test_the_address_is_taken(write: Write, taken: str) -> None:
    text = (
        f"mainproc: {taken} is in use (another main process?); "
        "choose another with --listen\n"
    )
    main = write("main.py", ANSWERING)
    assert run_command(main, "--listen", taken) == (3, "", text)
    runs = write("runs.py", f"{ANSWERING}\n    import mainproc\n    mainproc.run()")
    assert run_command(runs, "--listen", taken) == (3, "", text)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("50051", "50051 is no address to listen on; give HOST:PORT or unix:PATH"),
        (":50051", ":50051 is no address to listen on; give HOST:PORT or unix:PATH"),
        ("127.0.0.1:many", "no address to listen on"),
        ("127.0.0.1:70000", "no address to listen on"),
        ("192.0.2.1:50051", "cannot listen on 192.0.2.1:50051: "),
        ("unix:/no/such/folder/x.sock", "cannot listen on unix:/no/such/folder/x.sock"),
    ],
)
async def test_no_address(address: str, text: str) -> None:
    with pytest.raises(AddressInUse, match="listen on") as caught:
        async with mainproc.serve(
            IpcMain(), listen=address, insecure_plaintext_from_anywhere=True
        ):
            pass
    assert text in str(caught.value)


# ---- the end -------------------------------------------------------------------------


def test_ctrl_c_before_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_main", interrupted)
    with pytest.raises(SystemExit) as ended:
        mainproc.run(IpcMain())
    assert ended.value.code == 130


async def test_a_socket_path(tmp_path: Path) -> None:
    path = tmp_path / "ipc.sock"
    async with mainproc.serve(IpcMain(), listen=f"unix:{path}") as main:
        assert main.address == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = rf"^unix:{path} is in use \(another main process\?\); choose another"
        with pytest.raises(AddressInUse, match=text):
            async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
                pass
    assert not path.exists()


async def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ipc.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
        pass
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen()
        with pytest.raises(AddressInUse, match="is in use"):
            async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
                pass
    path.unlink()
    path.write_text("precious")
    with pytest.raises(AddressInUse, match="exists and is no socket"):
        async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
            pass
    assert path.read_text() == "precious"


async def test_a_socket_path_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120)
    with pytest.raises(AddressInUse, match="is no socket to listen on; give unix:PATH"):
        async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
            pass


async def test_all_addresses_or_none(taken: str) -> None:
    with reserved() as free:
        with pytest.raises(AddressInUse):
            async with mainproc.serve(IpcMain(), listen=[free, taken]):
                pass
        async with mainproc.serve(IpcMain(), listen=free) as main:
            assert main.addresses == (free,)


@pytest.mark.parametrize("turns", range(6))
async def test_a_start_that_is_cancelled_leaves_nothing_behind(
    turns: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ipc.sock"
    complaints: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    serving = mainproc.serve(IpcMain(), listen=f"unix:{path}")
    starting = asyncio.ensure_future(serving.__aenter__())
    for _ in range(turns):
        await asyncio.sleep(0)  # a turn of the loop: it is cancelled after each once
    cancelled = starting.cancel()
    await asyncio.wait([starting])
    if not starting.cancelled():  # it was quicker
        assert not cancelled or turns > 1
        await serving.__aexit__(None, None, None)
    assert not path.exists()
    async with mainproc.serve(IpcMain(), listen=f"unix:{path}"):
        pass
    gc.collect()
    assert not complaints
    assert not caplog.records


async def test_a_loop_that_ends_while_main_stops_gives_its_path_up(
    tmp_path: Path,
) -> None:
    path, leaving = tmp_path / "ipc.sock", asyncio.Event()

    async def leave() -> None:
        leaving.set()
        await asyncio.Future()

    serving = mainproc.serve(IpcMain(), listen=f"unix:{path}")
    main = await serving.__aenter__()
    with mainproc.app.on("before-quit", leave):
        stopping = main._stop(PATIENCE)  # noqa: SLF001
        await asyncio.wait_for(leaving.wait(), PATIENCE)
    stopping.cancel()  # as asyncio.run does it with whatever is left
    await asyncio.wait([stopping])
    assert not path.exists()
    await main._server.stop(0)  # noqa: SLF001


async def test_no_address_at_all() -> None:
    async with mainproc.serve(IpcMain(), listen=()) as main:
        assert (main.address, main.addresses) == ("", ())


async def test_the_environment_moves_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELECTRON_IPC_ADDRESS", f"unix:{tmp_path}/ipc.sock")
    async with mainproc.serve(IpcMain()) as main:
        assert main.address == f"unix:{tmp_path}/ipc.sock"


# ---- a word at exit ------------------------------------------------------------------


def test_a_script_that_never_ran(write: Write) -> None:
    main = write("main.py", f"{ANSWERING}\n    ipc.handle('y', lambda event: 1)")
    code, out, err = run_python(main)
    assert (code, out) == (0, "")
    assert err == (
        "mainproc: main.py registered 2 channels but never ran; end it with "
        "mainproc.run() or start it with 'mainproc run main.py'\n"
    )


@pytest.mark.parametrize(
    "end", ["raise ValueError", "ipc.remove_all_listeners()", "import os; os._exit(0)"]
)
def test_nothing_to_say_at_exit(write: Write, end: str) -> None:
    _, _, err = run_python(write("main.py", f"{ANSWERING}\n    {end}"))
    assert "never ran" not in err


NOTHING = "has registered no listener and no handler on the IpcMain that is served"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from mainproc import IpcMain\nIpcMain().handle('x', id)", True),
        ("from mainproc import ipc\nipc.handle('x', id)", False),
        ("from mainproc import app\napp.on('web-contents-created', id)", False),
    ],
)
def test_a_word_on_nothing_to_serve(write: Write, text: str, said: bool) -> None:
    path = write("main.py", text)
    with running_main(path) as running:
        _, _, err = running.stop()
    line = (
        f"mainproc: {path} {NOTHING}; another one is served by "
        "'mainproc run MODULE:NAME'\n"
    )
    assert err == (line if said else "")
