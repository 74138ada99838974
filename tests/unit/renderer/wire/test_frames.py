import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.frames import (
    CONTROL_RESERVE,
    call_id,
    entitled,
    goodbye_of,
    head_of,
    join,
    parse_hello,
    parse_request,
    parse_response,
    refusal,
    varint,
    without_lane,
)

LARGEST = 2**64 - 1
NO_FRAME = b"\x12\xff"  # a length without its bytes
NO_UTF8 = b"\x12\x05\x1a\x03\x0a\x01\xff"  # an event whose channel is no text


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (LARGEST, b"\xff" * 9 + b"\x01"),
    ],
)
def test_varint(number: int, expected: bytes) -> None:
    assert varint(number) == expected


def entry(message: pb.Message) -> bytes:
    data = message.SerializeToString()
    return head_of(len(data)) + data


@pytest.mark.parametrize("size", [0, 1, 110, 200, 1_010, 1_020, 70_000])
def test_a_joined_frame_is_protobufs_own(size: int) -> None:
    messages = [
        pb.Message(event=pb.Event(channel="a", packed=bytes(size))),
        pb.Message(id=7, cancel=pb.Cancel()),
    ]
    whole = pb.StreamRequest(
        first=300, messages=messages, ack=12, want_ack=True, pong=LARGEST
    )
    parts = map(entry, messages)
    frame = join(300, parts, ack=12, want_ack=True, pong=LARGEST)
    assert frame == whole.SerializeToString()


@pytest.mark.parametrize("ack", [None, 0, 12])
@pytest.mark.parametrize("want_ack", [False, True])
@pytest.mark.parametrize("pong", [None, 0, 200])
def test_without_messages_a_frame_is_its_control_fields(
    ack: int | None, want_ack: bool, pong: int | None
) -> None:
    whole = pb.StreamResponse(ack=ack, want_ack=want_ack, pong=pong)
    frame = join(0, [], ack=ack, want_ack=want_ack, pong=pong)
    assert frame == whole.SerializeToString()


def test_the_reserve_is_enough_for_all_fields_around_a_message() -> None:
    message = pb.Message(event=pb.Event(packed=bytes(5_000_000)))
    frame = join(LARGEST, [entry(message)], ack=LARGEST, want_ack=True, pong=LARGEST)
    ping = pb.StreamRequest(ping=LARGEST).SerializeToString()
    assert len(frame) + len(ping) <= message.ByteSize() + CONTROL_RESERVE


@pytest.mark.parametrize("id", [0, 1, 127, 128, 2**40, 2**63 - 1, LARGEST])
def test_the_id_of_a_message(id: int) -> None:
    message = pb.Message(id=id, lane=3, call=pb.Call(channel="x"))
    assert call_id(message.SerializeToString()) == id


@pytest.mark.parametrize("data", [b"", b"\x08", b"\x08\xff"])
def test_the_id_of_what_is_no_message(data: bytes) -> None:
    assert call_id(data) in (0, 127)


def test_a_message_without_its_lane() -> None:
    message = pb.Message(id=4, lane=2**32 - 1, event=pb.Event(channel="x"))
    data = without_lane(message.SerializeToString())
    message.ClearField("lane")
    assert pb.Message.FromString(data) == message


def test_frames_are_parsed() -> None:
    assert parse_request(b"\x18\x05") == pb.StreamRequest(ack=5)
    assert parse_response(b"\x18\x05") == pb.StreamResponse(ack=5)


@pytest.mark.parametrize("data", [NO_FRAME, NO_UTF8, b"\x00"])
def test_bytes_that_are_no_frame_are_refused(data: bytes) -> None:
    for parse in (parse_request, parse_response, parse_hello):
        with pytest.raises(RemoteProtocolError, match="malformed frame"):
            parse(data)


def test_a_value_nested_too_deep_for_protobuf_is_refused() -> None:
    value = pb.Value(null_value=True).SerializeToString()
    for _ in range(120):
        value = b"\x52" + varint(len(value)) + value
    event = b"\x12" + varint(len(value)) + value
    message = b"\x1a" + varint(len(event)) + event
    with pytest.raises(RemoteProtocolError, match="malformed frame"):
        parse_request(head_of(len(message)) + message)


def test_the_hello_of_a_first_frame() -> None:
    frame = pb.StreamRequest(hello=pb.Hello(url="x"))
    assert parse_hello(frame.SerializeToString()).url == "x"
    with pytest.raises(RemoteProtocolError, match="must carry hello"):
        parse_hello(b"")


def test_a_refusal_has_a_goodbye_and_no_welcome() -> None:
    frame = parse_response(refusal(pb.GOODBYE_REASON_ACCESS_DENIED, "who are you?"))
    assert not frame.HasField("welcome")
    assert frame.goodbye.reason == pb.GOODBYE_REASON_ACCESS_DENIED
    assert frame.goodbye.message == "who are you?"
    assert not frame.goodbye.last_sent
    again = parse_response(refusal(pb.GOODBYE_REASON_CLOSED, "", last_sent=7))
    assert again.goodbye.last_sent == 7


def test_the_text_of_a_goodbye_always_fits() -> None:
    goodbye = goodbye_of(pb.GOODBYE_REASON_CLOSED, "\ud800" * 1_000_000)
    assert goodbye.message.startswith("\\ud800")
    assert goodbye.ByteSize() < 4096 * 2


@pytest.mark.parametrize("title", ["own", ""])
def test_a_title_in_place_of_the_hellos(title: str) -> None:
    hello = pb.Hello(title=title, url="u", features=["chunks"])
    first = pb.StreamRequest(hello=hello, messages=[pb.Message(id=1)], first=1)
    frame = parse_request(entitled(first.SerializeToString(), "given"))
    first.hello.title = "given"
    assert frame == first


@pytest.mark.parametrize("first", [b"", NO_FRAME])
def test_no_hello_gets_no_title(first: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        entitled(first, "given")
