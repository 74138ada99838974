"""What frames say, for people: nothing lost, nothing secret, nothing fatal."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import ParseDict

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.errors import NoListener
from renderer.wire.parcel import Parcel
from renderer.wire.transcript import Entry, Transcript, as_json, entry_of_unary


def message_of(parcel: Parcel) -> pb.Message:
    return pb.Message.FromString(parcel.data)


def entries_of(
    *messages: pb.Message, transcript: Transcript | None = None
) -> list[Entry]:
    transcript = transcript or Transcript()
    return list(transcript.entries(pb.StreamRequest(messages=messages)))


@pytest.mark.parametrize(
    ("message", "entry"),
    [
        (message_of(messages.event("x", [1, "a"])), Entry("send", '1, "a"', "x")),
        (message_of(messages.call(3, "x", [1])), Entry("invoke", "1", "x", 3)),
        (
            message_of(messages.call(3, "x", [1], sync=True)),
            Entry("send_sync", "1", "x", 3),
        ),
        (
            pb.Message(id=3, call=pb.Call(channel="x", kind=9)),  # type: ignore[arg-type]  # a newer peer's
            Entry("unknown", "a call of kind 9", "x", 3),
        ),
        (message_of(messages.reply(3, [1])), Entry("reply", "[1]", id=3)),
        (
            message_of(messages.raised(3, ValueError("a\nb"))),
            Entry("error", r"REMOTE_ERROR: ValueError: a\nb", id=3),
        ),
        (
            message_of(messages.refusal(3, NoListener("no listener"))),
            Entry("error", "NO_LISTENER: no listener", id=3),
        ),
        (
            pb.Message(id=3, reply=pb.Reply(packed=b"\x81\xa1a\xc4\x01b")),
            Entry("reply", '{"a": <1 bytes>}', id=3),
        ),
        (
            pb.Message(id=3, reply=pb.Reply(packed=b"123")),
            Entry("reply", "<3 bytes, packed>", id=3),
        ),
        (pb.Message(id=3, reply=pb.Reply()), Entry("reply", "<nothing set>", id=3)),
        (message_of(messages.cancel(3)), Entry("cancel", id=3)),
        (
            pb.Message(dropped=pb.Dropped(channel="x", count=2)),
            Entry("dropped", "2 messages", "x"),
        ),
        (
            pb.Message(dropped=pb.Dropped(channel="x")),
            Entry("dropped", "1 messages", "x"),
        ),
        (
            pb.Message(event=pb.Event(channel="x", packed=b"\x92\x01\xc0")),
            Entry("send", "1, null", "x"),
        ),
        (
            pb.Message(event=pb.Event(channel="x", packed=b"\xdb" + bytes(20_000))),
            Entry("send", "<20,001 bytes, packed>", "x"),
        ),
        (
            pb.Message(event=pb.Event(channel="x", packed=b"123")),
            Entry("send", "<3 bytes, packed>", "x"),
        ),
        (
            pb.Message(event=pb.Event(channel="x", args=[pb.Value()])),
            Entry("send", "<nothing set>", "x"),
        ),
        (
            pb.Message(id=3),
            Entry("unknown", "a message of a kind that is not known here", id=3),
        ),
    ],
)
def test_messages(message: pb.Message, entry: Entry) -> None:
    assert entries_of(message) == [entry]


def test_a_renderers_frame_in_the_order_of_its_reading() -> None:
    frame = pb.StreamRequest(
        hello=pb.Hello(
            client_name="c\n", client_version="1", token=b"secret", attempt=2
        ),
        messages=[message_of(messages.event("x", []))],
        goodbye=pb.Goodbye(reason=pb.GOODBYE_REASON_CLOSED, message="bye\x1b"),
        ack=1,
    )
    assert list(Transcript().entries(frame)) == [
        Entry("hello", r"c\n 1 comes back, attempt 2"),
        Entry("send", "", "x"),
        Entry("goodbye", r"CLOSED: bye\x1b"),
    ]


def test_mains_frame() -> None:
    frame = pb.StreamResponse(
        welcome=pb.Welcome(token=b"secret", session_id="s\n"),
        goodbye=pb.Goodbye(reason=99),  # type: ignore[arg-type]  # a newer peer's
    )
    assert list(Transcript().entries(frame)) == [
        Entry("welcome", r"session s\n"),
        Entry("goodbye", "99"),
    ]
    frame = pb.StreamResponse(welcome=pb.Welcome(session_id="s", resumed=True))
    assert list(Transcript().entries(frame)) == [Entry("welcome", "session s, resumed")]


def test_frames_that_say_nothing() -> None:
    assert list(Transcript().entries(pb.StreamRequest(ack=1))) == []
    assert list(Transcript().entries(pb.StreamResponse(ack=1))) == []
    hello = pb.StreamRequest(hello=pb.Hello())
    assert list(Transcript().entries(hello)) == [
        Entry("hello", "a client without name")
    ]


# ---- large messages ------------------------------------------------------------------


def chunk(data: bytes, **fields: bool) -> pb.Message:
    return pb.Message(chunk=pb.Chunk(transfer=1, data=data, **fields))


def test_a_large_message_is_told_when_it_is_whole() -> None:
    large = messages.event("x", ["a" * 3_000]).data
    transcript = Transcript()
    assert entries_of(chunk(large[:2_000]), transcript=transcript) == [
        Entry("chunk", "2,000 bytes of transfer 1")
    ]
    (last, whole) = entries_of(chunk(large[2_000:], last=True), transcript=transcript)
    assert last.kind == "chunk"
    assert whole == Entry("send", '"' + "a" * 60 + '…"', "x")


def test_a_large_message_that_is_given_up() -> None:
    transcript = Transcript()
    entries_of(chunk(bytes(2_000)), transcript=transcript)
    assert entries_of(chunk(b"", abort=True), transcript=transcript) == [
        Entry("chunk", "0 bytes of transfer 1, which is given up")
    ]


def test_a_chunk_that_breaks_the_contract() -> None:
    entries = entries_of(chunk(b"short"))
    assert [entry.kind for entry in entries] == ["chunk", "unknown"]
    assert "5 bytes" in entries[1].text


# ---- unary ---------------------------------------------------------------------------


def test_a_sync_message_outside_a_stream() -> None:
    request = messages.sync_request("x", ["ping"])
    assert entry_of_unary(request) == Entry("send_sync", '"ping"', "x")
    reply = messages.reply(0, "pong")
    response = messages.parse_sync_response(messages.sync_response(reply))
    assert entry_of_unary(response) == Entry("reply", '"pong"')
    assert entry_of_unary(pb.SendSyncResponse()).text == "<nothing set>"


# ---- JSON ----------------------------------------------------------------------------


def test_json_is_proto3_json() -> None:
    frame = pb.StreamRequest(
        first=1, messages=[message_of(messages.event("x", [b"y"]))]
    )
    fields, left_out = as_json(frame, 1_000)
    assert left_out == {}
    assert ParseDict(fields, pb.StreamRequest()) == frame


def test_json_has_no_secrets() -> None:
    hello = pb.Hello(title="t", token=b"secret", authorization="Bearer secret")
    fields, _ = as_json(pb.StreamRequest(hello=hello), 0)
    assert fields == {
        "hello": {"title": "t", "token": "redacted", "authorization": "redacted"}
    }
    welcome = pb.StreamResponse(welcome=pb.Welcome(token=b"secret"))
    fields, _ = as_json(welcome, 0)
    assert fields == {"welcome": {"token": "redacted"}}
    ParseDict(fields, pb.StreamResponse())
    fields, _ = as_json(pb.SendSyncRequest(channel="x", token=b"secret"), 0)
    assert fields == {"channel": "x", "token": "redacted"}
    assert as_json(pb.StreamRequest(hello=pb.Hello()), 0) == ({"hello": {}}, {})


def test_json_of_a_large_frame_lacks_some_messages() -> None:
    small = message_of(messages.event("x", []))
    large = message_of(messages.event("x", ["a" * 1_000]))
    frame = pb.StreamResponse(first=1, messages=[small, large, small])
    fields, left_out = as_json(frame, 100)
    assert fields == {"first": "1", "messages": [{"event": {"channel": "x"}}]}
    size = large.ByteSize() + small.ByteSize()
    assert left_out == {"left_out": {"messages": 2, "bytes": size}}
