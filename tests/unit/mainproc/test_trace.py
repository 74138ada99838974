"""What a trace shows of a link, and what it leaves alone."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Sequence

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc.ipc_main import IpcMain
from mainproc.sessions import Sessions
from mainproc.trace import Style, Trace
from renderer.wire import messages
from renderer.wire.errors import ConnectionClosed, IpcTimeout
from renderer.wire.parcel import Parcel
from tests.unit.mainproc.page import kept

HELLO = pb.StreamRequest(hello=pb.Hello(client_name="c", title="left", token=b"T0KEN"))
WELCOME = pb.StreamResponse(
    welcome=pb.Welcome(token=b"T0KEN", session_id="s", web_contents_id=3)
)


class FakeLink:
    """Yields what it was given, keeps what it is given."""

    def __init__(self, arriving: Sequence[bytes | None]) -> None:
        self.arriving = list(arriving)
        self.written: list[bytes] = []

    async def read(self) -> bytes | None:
        return self.arriving.pop(0)

    async def write(self, frame: bytes) -> None:
        self.written.append(frame)
        if frame == b"cut":
            raise ConnectionClosed("gone")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(*parcels: Parcel) -> list[pb.Message]:
    return [pb.Message.FromString(parcel.data) for parcel in parcels]


async def traced(
    *said: pb.StreamRequest | pb.StreamResponse | bytes | None,
    style: Style = "messages",
    file: io.StringIO | None = None,
) -> list[str]:
    """Let frames pass in this order; return the lines of the trace, without times."""
    file = io.StringIO() if file is None else file
    fake = FakeLink([])
    with Trace(style, file).link(fake, "peer:1") as link:
        for item in said:
            if isinstance(item, pb.StreamResponse):
                await link.write(item.SerializeToString())
                assert fake.written == [item.SerializeToString()]
                fake.written.clear()
                continue
            if isinstance(item, pb.StreamRequest):
                item = item.SerializeToString()
            fake.arriving.append(item)
            assert await link.read() == item
        return lines_in(file)


def lines_in(file: io.StringIO) -> list[str]:
    """Return the lines of a trace, without times."""
    time = r"\d\d:\d\d:\d\d\.\d{3}"
    without = re.compile(rf'^{time} |"time": "{time}", ')
    return [without.sub("", line) for line in file.getvalue().splitlines()]


async def test_both_directions() -> None:
    call = messages.call(1, "add", [1, {"a": b"x"}])
    ask = messages.call(8, "ask\n", [], sync=False)
    lines = await traced(
        HELLO,
        WELCOME,
        pb.StreamRequest(first=1, messages=said(messages.event("x", ["a"]), call)),
        pb.StreamResponse(first=1, messages=said(messages.reply(1, 2), ask)),
        pb.StreamRequest(first=3, messages=said(messages.raised(8, KeyError("k")))),
        pb.StreamRequest(goodbye=pb.Goodbye(reason=pb.GOODBYE_REASON_CLOSED)),
        pb.StreamResponse(goodbye=pb.Goodbye(reason=pb.GOODBYE_REASON_CLOSED)),
        None,
    )
    lines = [re.sub(r"\d+\.\d ms", "T ms", line) for line in lines]
    assert lines == [
        "peer:1 'left' -> hello     c comes back, attempt 0",
        "3 'left'     <- welcome   session s",
        "3 'left'     -> send      'x' \"a\"",
        "3 'left'     -> invoke    'add' 1, {\"a\": <1 bytes>}",
        "3 'left'     <- reply     'add' 2 (T ms)",
        r"3 'left'     <- invoke    'ask\n'",
        r"3 'left'     -> error     'ask\n' REMOTE_ERROR: KeyError: 'k' (T ms)",
        "3 'left'     -> goodbye   CLOSED",
        "3 'left'     <- goodbye   CLOSED",
    ]


async def test_cancels_and_late_replies() -> None:
    lines = await traced(
        WELCOME,
        pb.StreamRequest(messages=said(messages.call(1, "slow", [], sync=True))),
        pb.StreamRequest(messages=said(messages.cancel(1), messages.cancel(2))),
        pb.StreamResponse(messages=said(messages.reply(1, 1), messages.reply(1, 2))),
    )
    assert lines[2:4] == ["3            -> cancel    'slow'", "3            -> cancel"]
    assert re.fullmatch(r"3 +<- reply     'slow' 1 \(\d+\.\d ms\)", lines[4])
    assert lines[5] == "3            <- reply     2"


@pytest.mark.parametrize("arriving", [[], [None], [None, None]])
async def test_a_cut_is_told_once(arriving: list[None]) -> None:
    file = io.StringIO()
    await traced(HELLO, *arriving, file=file)
    assert lines_in(file) == [
        "peer:1 'left' -> hello     c comes back, attempt 0",
        "peer:1 'left' -> end       without goodbye",
    ]


@pytest.mark.parametrize(
    ("style", "end"),
    [
        ("messages", "{id:<12} -> end       without goodbye"),
        ("frames", '{{"renderer": {id}, "title": "", "to": "main", "end": true}}'),
    ],
    ids=["messages", "frames"],
)
async def test_a_cut_that_cancels_who_serves(style: Style, end: str) -> None:
    """As gRPC cancels a call whose connection is gone, in place of ending its reads."""
    file = io.StringIO()
    ipc = IpcMain()
    async with kept(ipc, Sessions(ipc, Trace(style, file))) as page:
        await page.cut()
        *_, last = lines_in(file)
    assert last == end.format(id=page.contents.id)


async def test_what_cannot_be_read() -> None:
    unknown = pb.StreamRequest(messages=[pb.Message(id=3)])
    (garbage, kind) = await traced(b"\xff\xff", unknown)
    assert garbage.startswith("peer:1       -> unknown   2 bytes: malformed frame: ")
    assert kind.endswith("-> unknown   a message of a kind that is not known here")
    (line,) = await traced(b"\xff\xff", style="frames")
    told = json.loads(line)
    assert (told["unreadable"], told["to"]) == (2, "main")
    assert "malformed frame" in told["error"]


async def test_lines_are_bounded() -> None:
    name = "\U000e0001" * 10_000
    lines = await traced(
        pb.StreamRequest(hello=pb.Hello(client_name=name, title=name)),
        pb.StreamRequest(messages=said(messages.event(name, [name] * 100))),
        pb.StreamRequest(messages=said(messages.raised(1, ValueError(name)))),
    )
    assert len(lines) == 3
    assert all(len(line) < 3_000 and line.isprintable() for line in lines)
    lines = await traced(
        pb.StreamRequest(hello=pb.Hello(client_name=name, url=name)),
        pb.StreamRequest(first=1, messages=said(messages.event(name, []))),
        style="frames",
    )
    assert [json.loads(line)["frame"] for line in lines] == [{}, {"first": "1"}]
    assert json.loads(lines[0])["left_out"]["bytes"] > 80_000
    assert json.loads(lines[1])["left_out"]["messages"] == 1


async def test_frames() -> None:
    frame = pb.StreamRequest(first=1, messages=said(messages.event("x", ["a"])))
    lines = await traced(HELLO, WELCOME, frame, None, style="frames")
    hello, welcome, event, end = map(json.loads, lines)
    assert hello == {
        "renderer": None,
        "title": "left",
        "to": "main",
        "frame": {"hello": {"clientName": "c", "title": "left", "token": "redacted"}},
    }
    assert (welcome["renderer"], welcome["to"]) == (3, "renderer")
    assert welcome["frame"]["welcome"]["token"] == "redacted"
    assert event["frame"]["messages"] == [
        {"event": {"channel": "x", "args": [{"stringValue": "a"}]}}
    ]
    assert end == {"renderer": 3, "title": "left", "to": "main", "end": True}


async def test_the_calls_of_a_hostile_peer_are_forgotten() -> None:
    calls = [
        message
        for i in range(10_001)
        for message in said(messages.call(i + 1, "x", []))
    ]
    lines = await traced(
        WELCOME,
        pb.StreamRequest(messages=calls),
        pb.StreamResponse(messages=said(messages.reply(1, 1), messages.reply(2, 2))),
    )
    assert lines[-2] == "3            <- reply     1"
    assert re.fullmatch(r"3 +<- reply     'x' 2 \(.* ms\)", lines[-1])


# ---- sync messages outside a link ----------------------------------------------------


async def answer(data: bytes) -> bytes:
    return data


async def fail(error: BaseException) -> bytes:
    raise error


PONG = messages.sync_response(messages.reply(0, "pong"))


@pytest.mark.parametrize("known", [False, True])
async def test_unary(known: bool) -> None:
    file = io.StringIO()
    trace = Trace("messages", file)
    request = messages.sync_request("x", ["ping"])
    if known:
        request.token = b"T0KEN"
    data = request.SerializeToString()
    with trace.link(FakeLink([HELLO.SerializeToString()]), "peer:1") as link:
        await link.read()
        await link.write(WELCOME.SerializeToString())
        assert await trace.sync(data, answer(PONG)) == PONG
    who = "3 'left'    " if known else "one-shot    "
    ask, reply, end = (line[13:] for line in file.getvalue().splitlines()[2:])
    assert ask == f"{who} -> send_sync 'x' \"ping\""
    assert re.fullmatch(rf"{who} <- reply     'x' \"pong\" \(\d+\.\d ms\)", reply)
    assert end == "3 'left'     -> end       without goodbye"


async def test_unary_frames() -> None:
    file = io.StringIO()
    request = messages.sync_request("x", ["ping"])
    request.token = b"T0KEN"
    await Trace("frames", file).sync(request.SerializeToString(), answer(PONG))
    ask, reply = map(json.loads, file.getvalue().splitlines())
    assert ask["unary"]["token"] == "redacted"
    assert ask["unary"]["channel"] == "x"
    assert reply["unary"] == {"value": {"stringValue": "pong"}}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (IpcTimeout("the deadline\nis over"), r"the deadline\nis over"),
        (asyncio.CancelledError(), "CancelledError"),
    ],
)
async def test_unary_without_response(error: BaseException, text: str) -> None:
    for style in ("messages", "frames"):
        file = io.StringIO()
        request = messages.sync_request("x", []).SerializeToString()
        with pytest.raises(type(error)):
            await Trace(style, file).sync(request, fail(error))
        line = file.getvalue().splitlines()[-1]
        told = json.loads(line)["error"] if style == "frames" else line
        assert text in told


async def test_unary_that_cannot_be_read() -> None:
    file = io.StringIO()
    assert await Trace("messages", file).sync(b"\xff", answer(b"\xff")) == b"\xff"
    ask, reply = file.getvalue().splitlines()
    assert "-> unknown   1 bytes: malformed request" in ask
    assert "<- unknown   1 bytes: malformed response" in reply


# ---- what it leaves alone ------------------------------------------------------------


async def test_a_link_that_is_gone_is_gone() -> None:
    trace = Trace("messages", io.StringIO())
    with trace.link(FakeLink([]), "peer") as link, pytest.raises(ConnectionClosed):
        await link.write(b"cut")


async def test_a_trace_that_cannot_be_written_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for trace in closed_traces(monkeypatch):
        with trace.link(FakeLink([b"x"]), "peer") as link:
            assert await link.read() == b"x"


def closed_traces(monkeypatch: pytest.MonkeyPatch) -> list[Trace]:
    file = io.StringIO()
    closed = Trace("messages", file)
    file.close()
    monkeypatch.setattr("sys.stderr", None)
    return [closed, Trace("messages")]


async def test_a_fault_of_the_trace_is_a_line_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("mainproc.trace_lines.Transcript.entries", fault)
    (line,) = await traced(HELLO)
    assert line == "mainproc: cannot trace this: 'ZeroDivisionError('boom')'"


# ---- colour --------------------------------------------------------------------------


async def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    error = pb.StreamRequest(messages=said(messages.raised(1, ValueError("x"))))
    (hello, failure) = await traced(HELLO, error, file=Terminal())
    assert "\x1b[36m-> hello" in hello
    assert "\x1b[31m-> error" in failure
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(await traced(HELLO, file=Terminal()))
