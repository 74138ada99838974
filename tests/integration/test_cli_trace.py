"""`mainproc run --trace`, as a process with real renderers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from itertools import zip_longest

import grpc
import pytest
from google.protobuf.json_format import ParseDict

import renderer
from electron_ipc.v1 import ipc_pb2 as pb, ipc_pb2_grpc
from renderer import RemoteError
from tests.integration.conftest import Write
from tests.support.processes import (
    PATIENCE,
    RunningMain,
    run_python,
    running_command,
    running_main,
)

MAIN = """
    import asyncio, sys
    from mainproc import ipc

    @ipc.on("event")
    def _(event, *args):
        event.reply("answer", args)

    @ipc.on("sync")
    def _(event, arg):
        event.return_value = arg

    @ipc.handle("boom")
    def _(event):
        raise ValueError("boom")

    @ipc.handle("slow")
    async def _(event):
        await asyncio.Event().wait()

    @ipc.handle("ask")
    async def _(event):
        return await event.sender.invoke("name", 1)

    @ipc.handle("argv")
    def _(event):
        return sys.argv[1:]
"""


def talk(main: RunningMain) -> None:
    """Say one of everything."""
    with renderer.connect(main.address, title="left", token="T0KEN") as page:
        page.handle("name", lambda number: f"page {number}")
        page.send("event", 1, {"a": b"x"})
        assert page.send_sync("sync", "ping\x1b") == "ping\x1b"
        with pytest.raises(RemoteError):
            page.invoke("boom").result(PATIENCE)
        assert page.invoke("ask").result(PATIENCE) == "page 1"
        slow = page.invoke("slow")
        slow.cancel()
        page.flush()
    one_shot = renderer.IpcRenderer(main.address)
    assert one_shot.send_sync("sync", "alone") == "alone"
    one_shot.close()


def lines_of(main: RunningMain) -> list[str]:
    code, out, err = main.stop()
    assert (code, out) == (0, "")
    return err.splitlines()


TO_MAIN = [
    r"hello     electron-ipc-python \S+",
    r"""send      'event' 1, {"a": <1 bytes>}""",
    r"""send_sync 'sync' "ping\\x1b\"""",
    r"invoke    'boom'",
    r"invoke    'ask'",
    r"""reply     'name' "page 1" \(\d+\.\d ms\)""",
    r"invoke    'slow'",
    r"cancel    'slow'",
    r"goodbye   CLOSED",
]
FROM_MAIN = [
    r"welcome   session \w+",
    r"""send      'answer' \[1, {"a": <1 bytes>}\]""",
    r"""reply     'sync' "ping\\x1b" \(\d+\.\d ms\)""",
    r"error     'boom' REMOTE_ERROR: ValueError: boom \(\d+\.\d ms\)",
    r"invoke    'name' 1",
    r"""reply     'ask' "page 1" \(\d+\.\d ms\)""",
    r"error     'slow' CANCELLED.* \(\d+\.\d ms\)",
    r"goodbye   CLOSED",
]
ONE_SHOT = [
    r"""one-shot     -> send_sync 'sync' "alone\"""",
    r"""one-shot     <- reply     'sync' "alone" \(\d+\.\d ms\)""",
]


def alike(lines: Sequence[str], patterns: Sequence[str]) -> bool:
    pairs = zip_longest(patterns, lines, fillvalue="")
    return all(re.fullmatch(pattern, line) for pattern, line in pairs)


def test_messages(write: Write) -> None:
    with running_main(write("main.py", MAIN), "--trace") as main:
        talk(main)
        lines = [line for line in lines_of(main) if re.match(r"\d\d:\d\d:", line)]
    said = [re.sub(r"^\S+ ", "", line) for line in lines]
    mine = [re.fullmatch("(.*) 'left' +([-<>]+) (.*)", line) for line in said]
    hello, *others = [match.groups() for match in mine if match]
    assert hello[0].startswith("ipv4:127.0.0.1:")
    assert {who for who, _, _ in others} == {"1"}
    for arrow, patterns in ("->", TO_MAIN), ("<-", FROM_MAIN):
        texts = [text for _, side, text in (hello, *others) if side == arrow]
        assert alike(texts, patterns), texts
    assert alike([line for line in said if line.startswith("one-shot")], ONE_SHOT)
    assert "T0KEN" not in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_frames(write: Write) -> None:
    with running_main(write("main.py", MAIN), "--trace=frames") as main:
        talk(main)
        with grpc.insecure_channel(main.address) as channel:
            hello = pb.Hello(client_name="other", authorization="Bearer T0KEN")
            stub = ipc_pb2_grpc.IpcServiceStub(channel)
            stream = stub.Stream(iter([pb.StreamRequest(hello=hello)]))
            assert next(stream).HasField("welcome")
            assert [frame.HasField("goodbye") for frame in stream] == [True]
        lines = [line for line in lines_of(main) if line.startswith("{")]
    told = [json.loads(line) for line in lines]
    frames = [frame for frame in told if "frame" in frame]
    for line in frames:
        kind = pb.StreamRequest if line["to"] == "main" else pb.StreamResponse
        ParseDict(line["frame"], kind())
    assert len({frame["renderer"] for frame in frames} - {None}) == 2
    messages = [m for frame in frames for m in frame["frame"].get("messages", ())]
    kinds = {kind for message in messages for kind in message}
    assert kinds == {"id", "event", "call", "reply", "cancel"}
    assert [line["unary"] for line in told if "unary" in line] == [
        {"channel": "sync", "args": [{"stringValue": "alone"}]},
        {"value": {"stringValue": "alone"}},
    ]
    welcomes = [f["frame"]["welcome"] for f in frames if "welcome" in f["frame"]]
    assert {welcome["token"] for welcome in welcomes} == {"redacted"}
    assert "T0KEN" not in "".join(lines)


def test_it_shows_nothing_unasked_and_leaves_the_scripts_arguments(
    write: Write,
) -> None:
    path = write("main.py", MAIN)
    run = (sys.executable, "-m", "mainproc", "run")
    ours = ("--ready=json", "--listen=127.0.0.1:0")
    for traced, command in (
        (True, [*run, "--trace", str(path), *ours]),
        (False, [*run, *ours, str(path), "--", "--trace"]),
    ):
        with running_command(*command) as main:
            with renderer.connect(main.address) as page:
                argv = page.invoke("argv").result(PATIENCE)
            lines = lines_of(main)
        assert argv == ([] if traced else ["--trace"])
        assert any("'argv'" in line for line in lines) == traced


def test_a_renderer_that_is_gone(write: Write) -> None:
    main_py = write("main.py", MAIN)
    page = write(
        "page.py",
        """
        import os, sys
        from renderer import ipc

        ipc.on("answer", lambda *_: None)
        ipc.connect(sys.argv[1], title="left")
        ipc.send("event")
        ipc.flush()
        os._exit(0)
        """,
    )
    with running_main(main_py, "--trace") as main:
        assert run_python(page, main.address) == (0, "", "")
        assert main.process.stderr is not None
        line = next(line for line in main.process.stderr if "> end " in line)
    assert re.search(r"1 'left' +-> end       without goodbye$", line)


def test_main_lives_without_stderr(write: Write) -> None:
    path = write("main.py", MAIN)
    shell = 'exec "$0" -m mainproc run --trace --ready=json "$1" --listen "$2" 2>&-'
    command = ["sh", "-c", shell, sys.executable, str(path), "127.0.0.1:0"]
    with running_command(*command) as main:
        talk(main)
        assert main.stop() == (0, "", "")


@pytest.mark.parametrize("value", ["--trace=", "--trace=all"])
def test_no_such_trace(value: str) -> None:
    code, out, err = run_python("-m", "mainproc", "run", value, "main.py")
    assert (code, out) == (2, "")
    assert "Invalid value for '--trace'" in err
