"""What frames say, for people: to follow a session without having a part in it.

What cannot be understood is said to be so; nothing in here fails for it. Secrets do
not come out of here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from google.protobuf.json_format import MessageToDict

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import DataCloneError, RemoteProtocolError, quote
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.packed_decode import unpack_args, unpack_value
from renderer.wire.summary import summary
from renderer.wire.transfers import Reassembly
from renderer.wire.values_encode import encode_args

Frame: TypeAlias = "pb.StreamRequest | pb.StreamResponse"
Unary: TypeAlias = "pb.SendSyncRequest | pb.SendSyncResponse"

CALLS: Final = ("invoke", "send_sync")
"""Kinds of entry to which a reply belongs."""
REPLIES: Final = ("reply", "error")
"""The kinds of entry that belong to the call of the same id in the other direction."""

_LONGEST_ARGS: Final = 120
_LONGEST_UNPACKED: Final = 16 * 1024  # bytes: a trace must not hold up what it shows
_CALL_KINDS: Final = {
    pb.CALL_KIND_UNSPECIFIED: "invoke",
    pb.CALL_KIND_INVOKE: "invoke",
    pb.CALL_KIND_SEND_SYNC: "send_sync",
}
_REDACTED: Final = "redacted"  # also base64, so that it reads as a token
_SECRETS: Final = ("token", "authorization")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that one side says to the other."""

    kind: str
    """"send", "send_sync", "invoke", "reply", "error", "cancel", "hello", …."""
    text: str = ""
    """The rest of it: shortened, printable, on one line."""
    channel: str | None = None
    """As it came; None for what has none, or where only the call's id says it."""
    id: int = 0
    """The call that it is or is about; 0: none."""


@final
class Transcript:
    """One direction of a session, as entries."""

    def __init__(self) -> None:
        self._large = Reassembly(DEFAULT_LIMITS.max_message_bytes)

    def entries(self, frame: Frame) -> Iterator[Entry]:
        """Yield what a frame says, in the order in which it is to be read."""
        if isinstance(frame, pb.StreamRequest):
            if frame.HasField("hello"):
                yield _hello(frame.hello)
        elif frame.HasField("welcome"):
            yield _welcome(frame.welcome)
        for message in frame.messages:
            yield from self._message(message)
        if frame.HasField("goodbye"):
            yield _goodbye(frame.goodbye)

    def _message(self, message: pb.Message) -> Iterator[Entry]:
        if message.HasField("chunk"):
            yield from self._chunk(message.lane, message.chunk)
        else:
            yield _entry(message)

    def _chunk(self, lane: int, chunk: pb.Chunk) -> Iterator[Entry]:
        text = f"{len(chunk.data):,} bytes of transfer {chunk.transfer}"
        if chunk.abort:
            text += ", which is given up"
        yield Entry("chunk", text)
        try:
            if chunk.abort:
                self._large.abort(lane, chunk)
                return
            whole = self._large.add(lane, chunk)
        except RemoteProtocolError as error:
            yield Entry("unknown", str(error))
            return
        if whole is not None:
            yield _entry(whole[1])


def entry_of_unary(said: Unary) -> Entry:
    """Return what a sync message outside a stream says, or the response to one."""
    if isinstance(said, pb.SendSyncRequest):
        return Entry("send_sync", _args(said), said.channel)
    return _result(said, 0)


def as_json(said: Frame | Unary, room: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return something said as proto3 JSON, without its secrets.

    Args:
        said: a frame, a sync request or its response. It is changed.
        room: how many bytes of messages to keep.

    Returns:
        It, and under `left_out` what it lacks if that is anything.
    """
    left_out: dict[str, Any] = {}
    if isinstance(said, pb.StreamRequest | pb.StreamResponse):
        kept = _fitting(said, room)
        rest = said.messages[kept:]
        if rest:
            size = sum(message.ByteSize() for message in rest)
            left_out["left_out"] = {"messages": len(rest), "bytes": size}
            del said.messages[kept:]
    fields: dict[str, Any] = MessageToDict(said)
    for part in (fields, fields.get("hello", {}), fields.get("welcome", {})):
        part.update({name: _REDACTED for name in _SECRETS if name in part})
    return fields, left_out


def _fitting(frame: Frame, room: int) -> int:
    for place, message in enumerate(frame.messages):
        room -= message.ByteSize()
        if room < 0:
            return place
    return len(frame.messages)


# ---- messages ------------------------------------------------------------------------


def _entry(message: pb.Message) -> Entry:
    kind = message.WhichOneof("kind")
    if kind == "event":
        return Entry("send", _args(message.event), message.event.channel)
    if kind == "call":
        return _call(message.call, message.id)
    if kind == "reply":
        return _result(message.reply, message.id)
    if kind == "cancel":
        return Entry("cancel", id=message.id)
    if kind == "dropped":
        dropped = message.dropped
        return Entry("dropped", f"{max(1, dropped.count)} messages", dropped.channel)
    return Entry("unknown", "a message of a kind that is not known here", id=message.id)


def _call(call: pb.Call, id: int) -> Entry:
    name = _CALL_KINDS.get(call.kind)
    if name is None:
        return Entry("unknown", f"a call of kind {call.kind}", call.channel, id)
    return Entry(name, _args(call), call.channel, id)


def _args(body: pb.Event | pb.Call | pb.SendSyncRequest) -> str:
    if body.HasField("packed"):
        return _packed(body.packed, unpack_args)
    return summary(body.args, _LONGEST_ARGS)


def _result(result: pb.Reply | pb.SendSyncResponse, id: int) -> Entry:
    kind = result.WhichOneof("result")
    if kind == "value":
        return Entry("reply", summary([result.value], _LONGEST_ARGS), id=id)
    if kind == "failure":
        return Entry("error", _failure(result.failure), id=id)
    if kind == "packed":
        text = _packed(result.packed, lambda data: [unpack_value(data)])
        return Entry("reply", text, id=id)
    return Entry("reply", "<nothing set>", id=id)


def _packed(data: bytes, unpack: Callable[[bytes], list[Any]]) -> str:
    """Return the summary of packed values, unless they are many, or malformed."""
    if len(data) <= _LONGEST_UNPACKED:
        trees = pb.Event()
        try:
            encode_args(unpack(data), trees.args)
        except DataCloneError:
            pass  # who has to read it will tell
        else:
            return summary(trees.args, _LONGEST_ARGS)
    return f"<{len(data):,} bytes, packed>"


def _failure(failure: pb.Failure) -> str:
    words = (failure.reason, failure.name, failure.message)
    return _plain(": ".join(filter(None, words)), _LONGEST_ARGS)


# ---- control -------------------------------------------------------------------------


def _hello(hello: pb.Hello) -> Entry:
    words = [hello.client_name or "a client without name", hello.client_version]
    if hello.token:
        words.append(f"comes back, attempt {hello.attempt}")
    return Entry("hello", _plain(" ".join(filter(None, words))))


def _welcome(welcome: pb.Welcome) -> Entry:
    text = f"session {_plain(welcome.session_id)}"
    return Entry("welcome", f"{text}, resumed" if welcome.resumed else text)


def _goodbye(goodbye: pb.Goodbye) -> Entry:
    known = goodbye.reason in pb.GoodbyeReason.values()
    name = pb.GoodbyeReason.Name(goodbye.reason) if known else str(goodbye.reason)
    words = (name.removeprefix("GOODBYE_REASON_"), _plain(goodbye.message))
    return Entry("goodbye", ": ".join(filter(None, words)))


def _plain(text: str, limit: int = _LONGEST_ARGS) -> str:
    return quote(text, limit)[1:-1]


__all__ = (
    "CALLS",
    "REPLIES",
    "Entry",
    "Frame",
    "Transcript",
    "Unary",
    "as_json",
    "entry_of_unary",
)
