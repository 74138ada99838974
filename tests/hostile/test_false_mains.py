"""Main processes that break the contract: a renderer of ours says so, and lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import (
    ConnectionClosed,
    DataCloneError,
    IpcError,
    RemoteError,
    RemoteProtocolError,
)
from tests.hostile.false_main import (
    FACES,
    MOST,
    Pause,
    Step,
    false_main,
    reply,
    said,
    welcome,
)
from tests.hostile.house import event, field
from tests.hostile.test_values import deep_tree
from tests.support.packed import packed_ext

pytestmark = pytest.mark.parametrize("ask", FACES.values(), ids=FACES)
Ask = Callable[..., Any]
PACKED: Any = {"encodings": [pb.ENCODING_PACKED]}
CALL = pb.Call(channel="x")

BREACHES: dict[str, list[Step]] = {
    "no frame": [b"\xff\xff"],
    "no welcome": [b""],
    "messages and no welcome": [said(event("x"))],
    "no token": [welcome(token=b"")],
    "a long token": [welcome(token=bytes(1_025))],
    "resumes nothing": [welcome(resumed=True, received=7)],
    "a window of 0": [welcome(window_messages=0)],
    "small frames": [welcome(max_frame_bytes=1)],
    "a second welcome": [welcome(), welcome()],
    "numbers that jump": [welcome(), said(event("x"), first=3)],
    "the number 0": [welcome(), said(event("x"), first=0)],
    "huge numbers": [welcome(), said(event("x"), first=MOST)],
    "no number": [welcome(), pb.StreamResponse(messages=[event("x")])],
    "an ack of nothing": [welcome(), pb.StreamResponse(ack=MOST)],
    "a huge id": [welcome(), said(pb.Message(id=MOST, call=CALL))],
    "no id": [welcome(), said(pb.Message(call=CALL))],
    "a lane": [welcome(), said(pb.Message(lane=1, cancel=pb.Cancel()))],
    "chunks": [welcome(), said(pb.Message(chunk=pb.Chunk(transfer=1)))],
    "given up": [welcome(), said(pb.Message(dropped=pb.Dropped(count=MOST)))],
    "deep": [
        welcome(),
        b"\x08\x01" + field(2, field(3, field(1, b"x") + field(2, deep_tree(99_999)))),
    ],
    "many": [welcome(), b"\x08\x01" + b"\x12\x00" * 2**20],
}


@pytest.mark.parametrize("script", BREACHES.values(), ids=BREACHES)
def test_a_main_that_breaks_the_contract(ask: Ask, script: list[Step]) -> None:
    broken = pytest.raises(ConnectionClosed, match="contract")
    with false_main(*script) as address, broken:
        ask(address)


ANSWERS: dict[str, tuple[pb.StreamResponse, type[IpcError], str]] = {
    "nothing": (reply(), RemoteProtocolError, "nothing"),
    "an unset value": (reply(value=pb.Value()), DataCloneError, "nothing set"),
    "a deep one": (
        reply(packed=b"\x91" * 500 + b"\xc0"),
        DataCloneError,
        "deeper than 64",
    ),
    "a deeper one": (
        reply(packed=b"\x91" * 100_000 + b"\xc0"),
        DataCloneError,
        "deeper than 64",
    ),
    "no MessagePack": (reply(packed=b"\xc1"), DataCloneError, "malformed"),
    "a reference": (
        reply(packed=packed_ext(8, b"\x91\x01")),
        DataCloneError,
        "reference",
    ),
    "an unknown reason": (
        reply(failure=pb.Failure(reason="\0" * 99, message="x" * 2**20)),
        RemoteError,
        "question",
    ),
    "an odd outcome": (
        reply(
            failure=pb.Failure(
                reason="CONNECTION_CLOSED", message="odd", details=pb.Value(int_value=1)
            )
        ),
        ConnectionClosed,
        "odd",
    ),
    "odd details": (
        reply(failure=pb.Failure(reason="REMOTE_ERROR", details=pb.Value())),
        RemoteError,
        "question",
    ),
}


@pytest.mark.parametrize(
    ("answer", "error", "text"), ANSWERS.values(), ids=list(ANSWERS)
)
def test_a_main_that_answers_what_is_no_answer(
    ask: Ask, answer: pb.StreamResponse, error: type[IpcError], text: str
) -> None:
    script = welcome(**PACKED), Pause.WAIT, answer
    with false_main(*script) as address, pytest.raises(error, match=text):
        ask(address)


def test_a_main_that_sends_what_cannot_be_read(ask: Ask) -> None:
    heard: list[object] = []
    bad = [
        pb.Message(event=pb.Event(channel="event", packed=b"\xc1")),
        pb.Message(event=pb.Event(channel="event", args=[pb.Value()])),
        pb.Message(id=9, reply=pb.Reply()),
        pb.Message(id=9, cancel=pb.Cancel()),
        pb.Message(id=77),
        event("event", "good"),
    ]
    answer = said(
        pb.Message(id=1, reply=pb.Reply(value=pb.Value(int_value=7))), first=7
    )
    script = welcome(**PACKED), said(*bad), Pause.WAIT, answer
    with false_main(*script) as address:
        assert ask(address, heard.append) == 7
    assert heard == ["good"]


def test_a_main_that_grants_more_than_there_is(ask: Ask) -> None:
    grant = welcome(
        web_contents_id=MOST,
        window_messages=MOST,
        window_bytes=MOST,
        max_frame_bytes=MOST,
        max_message_bytes=MOST,
        grace_ms=MOST,
        keepalive_ms=MOST,
        features=["x"] * 10_000,
        server_name="\0" * 10_000,
    )
    answer = reply(value=pb.Value(int_value=7))
    with false_main(grant, Pause.WAIT, answer) as address:
        assert ask(address) == 7


def test_a_main_that_says_goodbye_for_ever(ask: Ask) -> None:
    goodbye = pb.Goodbye(
        message="\n" * 10_000,
        retry_after_ms=MOST,
        address="unix:/nowhere",
        last_sent=MOST,
        reason=pb.GoodbyeReason.ValueType(99),
    )
    frame = pb.StreamResponse(goodbye=goodbye)
    scripts: list[list[Step]] = [
        [frame],
        [welcome(), frame],
        [welcome(), Pause.WAIT, frame, frame],
    ]
    for script in scripts:
        with false_main(*script) as address, pytest.raises(ConnectionClosed):
            ask(address)


KEPT: list[Step] = [welcome(grace_ms=MOST), Pause.WAIT, Pause.CUT]


def test_a_main_that_keeps_a_session_for_ever(ask: Ask) -> None:
    again = welcome(resumed=True, received=1, grace_ms=MOST)
    answer = reply(value=pb.Value(int_value=7))
    answer.ack = 1
    with false_main(*KEPT, then=[again, answer]) as address:
        assert ask(address, reconnect=True) == 7


RETURNS: dict[str, list[Step]] = {
    "a new session": [welcome(grace_ms=MOST)],
    "a new session without grace": [welcome()],
    "received too much": [welcome(resumed=True, received=MOST, grace_ms=MOST)],
    "no frame": [b"\xff"],
    "no welcome": [b""],
    "goodbye": [pb.StreamResponse(goodbye=pb.Goodbye())],
    "replaced": [
        pb.StreamResponse(goodbye=pb.Goodbye(reason=pb.GOODBYE_REASON_REPLACED))
    ],
}


@pytest.mark.parametrize("then", RETURNS.values(), ids=RETURNS)
def test_a_main_that_is_another_after_the_cut(ask: Ask, then: list[Step]) -> None:
    with false_main(*KEPT, then=then) as address, pytest.raises(ConnectionClosed):
        ask(address, reconnect=True)


def test_a_main_that_never_lets_one_come_back(ask: Ask) -> None:
    script: list[Step] = [welcome(grace_ms=500), Pause.WAIT, Pause.CUT]
    never = false_main(*script, then=[Pause.CUT])
    with never as address, pytest.raises(ConnectionClosed, match="gave up"):
        ask(address, reconnect=True)


def test_a_main_that_wants_one_back_when_the_sun_is_cold(ask: Ask) -> None:
    later = pb.Goodbye(may_resume=True, retry_after_ms=MOST)
    goodbye = pb.StreamResponse(goodbye=later)
    script: list[Step] = [welcome(grace_ms=500), Pause.WAIT, goodbye, Pause.CUT]
    with false_main(*script) as address, pytest.raises(ConnectionClosed):
        ask(address, reconnect=True)
