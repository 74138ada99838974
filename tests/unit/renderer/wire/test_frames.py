import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.frames import (
    CONTROL_RESERVE,
    as_field,
    entitled,
    goodbye_of,
    join,
    parse_hello,
    parse_request,
    parse_response,
    refusal,
    varint,
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


@pytest.mark.parametrize("size", [0, 1, 200, 70_000])
def test_a_joined_frame_is_protobufs_own(size: int) -> None:
    messages = [
        pb.Message(event=pb.Event(channel="a", packed=bytes(size))),
        pb.Message(id=7, cancel=pb.Cancel()),
    ]
    control = pb.StreamRequest(ack=12, want_ack=True, pong=LARGEST)
    entries = [as_field(message.SerializeToString()) for message in messages]
    whole = pb.StreamRequest(first=300, messages=messages)
    whole.MergeFrom(control)
    assert join(control, 300, entries) == whole.SerializeToString()


def test_without_messages_a_frame_is_its_control_fields() -> None:
    control = pb.StreamResponse(ack=0)
    assert join(control, 0, []) == control.SerializeToString() == b"\x18\x00"


def test_the_reserve_is_enough_for_all_fields_around_a_message() -> None:
    message = pb.Message(event=pb.Event(packed=bytes(5_000_000))).SerializeToString()
    control = pb.StreamRequest(ack=LARGEST, want_ack=True, ping=LARGEST, pong=LARGEST)
    frame = join(control, LARGEST, [as_field(message)])
    assert len(frame) <= len(message) + CONTROL_RESERVE


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
        parse_request(as_field(message))


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
