"""Messages as values in and values out, for those who do not speak protobuf.

A message is encoded once, outside every lock, into a `Parcel`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.assembly import (
    call_bytes,
    event_bytes,
    is_packed,
    reply_bytes,
    reply_of,
)
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.failures import exception_from, failure_from, raised_failure
from renderer.wire.metadata import current_metadata, write_metadata
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.packed_encode import pack_args, pack_value
from renderer.wire.parcel import Parcel, failed, parcel
from renderer.wire.pieces import join
from renderer.wire.values import (
    Default,
    decode_args,
    decode_value,
    encode_args,
    encode_value,
)

SyncRequest = pb.SendSyncRequest
"""A sync message outside a stream."""


def event(
    channel: str,
    args: Sequence[object],
    default: Default | None = None,
    *,
    lane: int = 0,
    packed: bool = False,
) -> Parcel:
    """Return `ipc.send`'s message.

    Args:
        channel: its channel.
        args: its arguments.
        default: converts what has no form on the wire, as json's `default`.
        lane: whose order it keeps.
        packed: the receiver reads packed values.

    Raises:
        DataCloneError: an argument cannot be carried.
    """
    if packed and (values := pack_args(args)) is not None:
        return parcel((event_bytes(channel, values, lane), True, False, lane))
    message = pb.Message(lane=lane)
    body = message.event
    body.channel = channel
    encode_args(args, body.args, default)
    return Parcel(message.SerializeToString(), counted=True, reply=False, lane=lane)


def call(
    id: int,
    channel: str,
    args: Sequence[object],
    *,
    sync: bool = False,
    timeout: float | None = None,
    default: Default | None = None,
    lane: int = 0,
    packed: bool = False,
) -> Parcel:
    """Return the message of `ipc.invoke` or, if `sync`, of `ipc.send_sync`.

    It carries the trace context in which this is called.

    Args:
        id: the call's id.
        channel: its channel.
        args: its arguments.
        sync: for listeners, not for the handler.
        timeout: seconds the caller will wait; None for ever.
        default: converts what has no form on the wire, as json's `default`.
        lane: whose order it keeps.
        packed: the receiver reads packed values.

    Raises:
        DataCloneError: an argument cannot be carried.
    """
    remaining_ms = None if timeout is None else max(0, round(timeout * 1000))
    metadata = current_metadata()
    if packed and (values := pack_args(args)) is not None:
        data = call_bytes(
            id,
            channel,
            values,
            sync=sync,
            remaining_ms=remaining_ms,
            lane=lane,
            metadata=metadata,
        )
        return parcel((data, True, False, lane))
    message = pb.Message(id=id, lane=lane)
    body = message.call
    body.channel = channel
    encode_args(args, body.args, default)
    body.kind = pb.CALL_KIND_SEND_SYNC if sync else pb.CALL_KIND_INVOKE
    if remaining_ms is not None:
        body.remaining_ms = remaining_ms
    write_metadata(metadata, body)
    return Parcel(message.SerializeToString(), counted=True, reply=False, lane=lane)


def reply(
    id: int,
    value: object,
    default: Default | None = None,
    name: str = "result",
    *,
    lane: int = 0,
    packed: bool = False,
) -> Parcel:
    """Return the reply with a result.

    Args:
        id: the call's id.
        value: the result.
        default: converts what has no form on the wire, as json's `default`.
        name: what the result is called in the path of an error.
        lane: that of the call.
        packed: the receiver reads packed values.

    Raises:
        DataCloneError: the result cannot be carried.
    """
    if packed and (result := pack_value(value)) is not None:
        return parcel((reply_bytes(id, result, lane), False, True, lane))
    message = pb.Message(id=id, lane=lane)
    encode_value(value, message.reply.value, default, name)
    return Parcel(message.SerializeToString(), counted=False, reply=True, lane=lane)


def refusal(id: int, error: Exception, *, lane: int = 0) -> Parcel:
    """Return the reply that a call cannot be served: no listener, a timeout, ….

    Args:
        id: the call's id.
        error: why; an `IpcError` arrives as the same class.
        lane: that of the call.
    """
    return failed(id, failure_from(error), lane=lane)


def raised(
    id: int,
    error: BaseException,
    default: Default | None = None,
    *,
    debug: bool = False,
    lane: int = 0,
) -> Parcel:
    """Return the reply that a handler or listener raised.

    Args:
        id: the call's id.
        error: what was raised.
        default: for its details.
        debug: send the traceback, too.
        lane: that of the call.
    """
    failure = raised_failure(error, debug=debug, default=default)
    return failed(id, failure, lane=lane)


def cancel(id: int, *, lane: int = 0) -> Parcel:
    """Return the message that nobody waits for a call any more.

    Args:
        id: the call's id.
        lane: that of the call.
    """
    message = pb.Message(id=id, lane=lane, cancel=pb.Cancel())
    return Parcel(message.SerializeToString(), counted=False, reply=False, lane=lane)


def read_args(body: pb.Event | pb.Call | pb.SendSyncRequest) -> list[Any]:
    """Return the arguments of an event, call or sync request.

    Packed ones are read whether or not that was agreed on: there is but one way to.

    Raises:
        DataCloneError: an argument cannot be read.
    """
    packed = body.packed
    if packed or body.HasField("packed"):  # which takes longer to ask
        return unpack_args(packed)
    return decode_args(body.args)


def read_result(result: pb.Reply | pb.SendSyncResponse, channel: str) -> Any:
    """Return the result of a call.

    Args:
        result: its reply.
        channel: the call's channel, for the text of an error.

    Raises:
        IpcError: the failure that stands in its place.
        DataCloneError: the result cannot be read.
        RemoteProtocolError: there is none.
    """
    kind = result.WhichOneof("result")
    if kind == "packed":
        return unpack_value(result.packed)
    if kind == "value":
        return decode_value(result.value)
    if kind == "failure":
        raise exception_from(result.failure, channel)
    raise RemoteProtocolError(f"the reply to {channel!r} has nothing set")


# ---- unary SendSync ------------------------------------------------------------------


def sync_request(
    channel: str,
    args: Sequence[object],
    default: Default | None = None,
    *,
    packed: bool = False,
) -> pb.SendSyncRequest:
    """Return a sync message for the unary method, without the fields of a session.

    It carries the trace context in which this is called.

    Args:
        channel: its channel.
        args: its arguments.
        default: converts what has no form on the wire, as json's `default`.
        packed: it belongs to a session whose main reads packed values.

    Raises:
        DataCloneError: an argument cannot be carried.
    """
    request = pb.SendSyncRequest(channel=channel)
    write_metadata(current_metadata(), request)
    if packed and (values := pack_args(args)) is not None:
        request.packed = join(b"", values)
        return request
    encode_args(args, request.args, default)
    return request


def bring(request: pb.SendSyncRequest, first: int, unacked: Iterable[bytes]) -> None:
    """Let a sync message of a session bring messages along: see `Outbox.unacked`.

    Args:
        request: the sync message.
        first: the number of the first message.
        unacked: the messages, serialized.
    """
    request.messages.extend(map(pb.Message.FromString, unacked))
    if request.messages:
        request.first = first


def parse_sync_request(data: bytes) -> pb.SendSyncRequest:
    """Return the request in these bytes.

    Raises:
        RemoteProtocolError: they are none.
    """
    try:
        return pb.SendSyncRequest.FromString(data)
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed request: {error}") from None


def parse_sync_response(data: bytes) -> pb.SendSyncResponse:
    """Return the response in these bytes.

    Raises:
        RemoteProtocolError: they are none.
    """
    try:
        return pb.SendSyncResponse.FromString(data)
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed response: {error}") from None


def sync_response(reply: Parcel, *, packed: bool = False) -> bytes:
    """Return the unary response that says the same as a reply on the stream.

    Reply and SendSyncResponse have the same fields, so they have the same bytes.

    Args:
        reply: the reply, on no lane and without an id.
        packed: the request was packed, so the response may be.
    """
    said = reply_of(reply.data)
    if packed or not is_packed(said):
        return said
    response = pb.SendSyncResponse()
    encode_value(
        unpack_value(pb.SendSyncResponse.FromString(said).packed), response.value
    )
    return response.SerializeToString()
