from collections.abc import Callable

import pytest
from msgpack import packb

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.errors import (
    DataCloneError,
    IpcTimeout,
    NoListener,
    RemoteError,
    RemoteProtocolError,
)
from renderer.wire.parcel import Parcel, refused
from renderer.wire.values import Default


def said(parcel: Parcel) -> pb.Message:
    return pb.Message.FromString(parcel.data)


def test_an_event() -> None:
    parcel = messages.event("", [1, "two", None])
    assert (parcel.counted, parcel.reply) == (True, False)
    message = said(parcel)
    assert message.WhichOneof("kind") == "event"
    assert (message.id, message.event.channel) == (0, "")
    assert messages.read_args(message.event) == [1, "two", None]


@pytest.mark.parametrize(
    ("sync", "kind"),
    [(False, pb.CALL_KIND_INVOKE), (True, pb.CALL_KIND_SEND_SYNC)],
)
def test_a_call(sync: bool, kind: int) -> None:
    parcel = messages.call(7, "c", [b"x"], sync=sync, timeout=1.5)
    assert (parcel.counted, parcel.reply) == (True, False)
    message = said(parcel)
    assert (message.id, message.call.channel, message.call.kind) == (7, "c", kind)
    assert message.call.remaining_ms == 1_500
    assert messages.read_args(message.call) == [b"x"]


def test_a_call_that_may_take_for_ever() -> None:
    message = said(messages.call(7, "c", []))
    assert not message.call.HasField("remaining_ms")


def test_a_call_whose_time_is_over() -> None:
    message = said(messages.call(7, "c", [], timeout=-3.0))
    assert message.call.HasField("remaining_ms")
    assert message.call.remaining_ms == 0


def test_a_reply() -> None:
    parcel = messages.reply(7, {"a": [1]})
    assert (parcel.counted, parcel.reply) == (False, True)
    message = said(parcel)
    assert message.id == 7
    assert messages.read_result(message.reply, "c") == {"a": [1]}


def test_a_reply_of_nothing_is_a_value() -> None:
    message = said(messages.reply(7, None))
    assert messages.read_result(message.reply, "c") is None


def test_a_refusal_arrives_as_the_same_class() -> None:
    parcel = messages.refusal(7, NoListener("nobody"))
    assert (parcel.counted, parcel.reply) == (False, True)
    assert said(parcel).id == 7
    with pytest.raises(NoListener, match="nobody"):
        messages.read_result(said(parcel).reply, "c")


@pytest.mark.parametrize("debug", [False, True])
def test_what_was_raised_is_the_handlers(debug: bool) -> None:
    parcel = messages.raised(7, IpcTimeout("my own"), debug=debug)
    assert (parcel.counted, parcel.reply) == (False, True)
    with pytest.raises(RemoteError) as error:
        messages.read_result(said(parcel).reply, "c")
    assert str(error.value) == "Error invoking remote method 'c': IpcTimeout: my own"
    assert said(parcel).reply.failure.HasField("traceback") is debug


def test_a_cancel() -> None:
    parcel = messages.cancel(7)
    assert (parcel.counted, parcel.reply) == (False, False)
    assert said(parcel) == pb.Message(id=7, cancel=pb.Cancel())


def convert(_: object) -> object:
    return "converted"


def event_of(odd: object, default: Default | None) -> Parcel:
    return messages.event("c", [odd], default)


def call_of(odd: object, default: Default | None) -> Parcel:
    return messages.call(1, "c", [odd], default=default)


def reply_of(odd: object, default: Default | None) -> Parcel:
    return messages.reply(1, odd, default)


@pytest.mark.parametrize("make", [event_of, call_of, reply_of])
def test_what_has_no_form_may_be_converted(
    make: Callable[[object, Default | None], Parcel],
) -> None:
    assert b"converted" in make(object(), convert).data
    with pytest.raises(DataCloneError):
        make(object(), None)


@pytest.mark.parametrize(
    "reply", [pb.Reply(), pb.SendSyncResponse()], ids=["reply", "response"]
)
def test_a_reply_without_result(reply: pb.Reply | pb.SendSyncResponse) -> None:
    with pytest.raises(RemoteProtocolError, match="the reply to 'c' has nothing set"):
        messages.read_result(reply, "c")


# ---- unary SendSync ----------------------------------------------------------------


def test_a_request_and_its_response() -> None:
    request = messages.sync_request("c", [1, 2])
    read = messages.parse_sync_request(request.SerializeToString())
    assert (read.channel, messages.read_args(read)) == ("c", [1, 2])
    response = messages.sync_response(messages.reply(0, "pong"))
    result = pb.SendSyncResponse.FromString(response)
    assert messages.read_result(result, "c") == "pong"


@pytest.mark.parametrize("size", [0, 100, 127, 128, 20_000, 3_000_000])
@pytest.mark.parametrize("packed", [False, True], ids=["tree", "packed"])
def test_a_response_of_any_size(size: int, packed: bool) -> None:
    reply = messages.reply(0, "x" * size, packed=packed)
    for response in (
        messages.sync_response(reply, packed=True),
        messages.sync_response(reply),
    ):
        result = pb.SendSyncResponse.FromString(response)
        assert messages.read_result(result, "c") == "x" * size


def test_a_response_that_there_is_no_result() -> None:
    response = messages.sync_response(messages.refusal(0, NoListener("nobody")))
    with pytest.raises(NoListener, match="nobody"):
        messages.read_result(pb.SendSyncResponse.FromString(response), "c")


def test_a_packed_request_and_its_response() -> None:
    request = messages.sync_request("c", [1, (2,)], packed=True)
    assert (request.packed, len(request.args)) == (b"\x92\x01\x91\x02", 0)
    assert messages.read_args(request) == [1, [2]]
    reply = messages.reply(0, "pong", packed=True)
    response = messages.sync_response(reply, packed=True)
    result = pb.SendSyncResponse.FromString(response)
    assert result == pb.SendSyncResponse(packed=b"\xa4pong")
    assert messages.read_result(result, "c") == "pong"


def test_a_response_is_packed_only_if_the_request_was() -> None:
    for packed in (False, True):
        reply = messages.reply(0, "pong", packed=packed)
        response = messages.sync_response(reply)
        result = pb.SendSyncResponse.FromString(response)
        assert result == pb.SendSyncResponse(value=pb.Value(string_value="pong"))


def test_a_request_that_cannot_be_packed_is_a_tree() -> None:
    request = messages.sync_request(
        "c", [{1: {2}, "x": [{3}, print]}], str, packed=True
    )
    assert not request.HasField("packed")
    assert messages.read_args(request) == [{1: {2}, "x": [{3}, str(print)]}]


def test_a_request_brings_messages_along() -> None:
    request = messages.sync_request("c", [])
    messages.bring(request, 7, [])
    assert request == pb.SendSyncRequest(channel="c")
    first, second = (messages.event("x", [n]).data for n in (1, 2))
    messages.bring(request, 7, [first, second])
    assert request.first == 7
    assert [m.SerializeToString() for m in request.messages] == [first, second]


def test_a_request_that_is_none() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed request"):
        messages.parse_sync_request(b"\xff")


def test_an_uncloneable_argument_sends_nothing() -> None:
    with pytest.raises(DataCloneError):
        messages.sync_request("c", [object()])


# ---- packed ------------------------------------------------------------------------

CHANNELS = ["", "c", "\u00e9" * 100, "x" * 300]


@pytest.mark.parametrize("channel", CHANNELS, ids=len)
@pytest.mark.parametrize("lane", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_packed_messages_are_what_protobuf_writes(
    channel: str, lane: int, size: int
) -> None:
    value = "x" * size
    args, result = packb([value]), packb(value)
    parcel = messages.event(channel, [value], lane=lane, packed=True)
    message = pb.Message(lane=lane, event=pb.Event(channel=channel, packed=args))
    assert parcel == Parcel(message.SerializeToString(), True, False, lane)
    for sync in (False, True):
        parcel = messages.call(
            300, channel, [value], sync=sync, timeout=1.5, lane=lane, packed=True
        )
        message = pb.Message(id=300, lane=lane)
        message.call.channel, message.call.packed = channel, args
        message.call.remaining_ms = 1_500
        message.call.kind = pb.CALL_KIND_SEND_SYNC if sync else pb.CALL_KIND_INVOKE
        assert parcel == Parcel(message.SerializeToString(), True, False, lane)
    parcel = messages.reply(2**63 - 1, value, lane=lane, packed=True)
    message = pb.Message(id=2**63 - 1, lane=lane, reply=pb.Reply(packed=result))
    assert parcel == Parcel(message.SerializeToString(), False, True, lane)


def test_a_packed_call_that_may_take_for_ever() -> None:
    message = said(messages.call(0, "c", [], packed=True))
    assert message == pb.Message(
        call=pb.Call(channel="c", packed=b"\x90", kind=pb.CALL_KIND_INVOKE)
    )


def test_what_cannot_be_packed_goes_as_a_tree() -> None:
    odd = RemoteError("E", "m")
    for parcel in (
        messages.event("c", [odd], packed=True),
        messages.call(1, "c", [odd], packed=True),
        messages.reply(1, odd, packed=True),
    ):
        message = said(parcel)
        kind = message.WhichOneof("kind")
        assert kind
        assert not getattr(message, kind).HasField("packed")
    refusals = set[str]()
    for packed in (False, True):
        with pytest.raises(DataCloneError) as caught:
            messages.event("c", [1, {"a": [print]}], packed=packed)
        refusals.add(str(caught.value))
    assert len(refusals) == 1


def test_packed_messages_are_read() -> None:
    event = said(messages.event("c", [1, {"a": None}], packed=True)).event
    assert event.HasField("packed")
    assert messages.read_args(event) == [1, {"a": None}]
    reply = said(messages.reply(1, [None], packed=True)).reply
    assert messages.read_result(reply, "c") == [None]
    with pytest.raises(DataCloneError, match=r"^args: malformed MessagePack"):
        messages.read_args(pb.Event(packed=b"\xc1"))
    with pytest.raises(DataCloneError, match=r"^value: malformed MessagePack"):
        messages.read_result(pb.Reply(packed=b""), "c")


# ---- lanes -------------------------------------------------------------------------


@pytest.mark.parametrize("lane", [0, 1, 2**32 - 1])
def test_a_message_and_its_parcel_name_the_same_lane(lane: int) -> None:
    for parcel in (
        messages.event("c", [1], lane=lane),
        messages.call(7, "c", [1], lane=lane),
        messages.reply(7, 1, lane=lane),
        messages.refusal(7, NoListener("nobody"), lane=lane),
        messages.raised(7, ValueError("boom"), lane=lane),
        messages.cancel(7, lane=lane),
        refused(7, "UNIMPLEMENTED", "what is that?", lane=lane),
    ):
        assert (parcel.lane, said(parcel).lane) == (lane, lane)
