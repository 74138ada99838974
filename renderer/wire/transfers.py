"""Large messages: cut into chunks on one end, put together on the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.limits import MAX_OPEN_TRANSFERS, MIN_CHUNK_BYTES


def split(
    data: bytes, *, size: int, transfer: int, lane: int, reply: bool
) -> Iterator[bytes]:
    """Yield serialized chunk messages that carry a serialized message.

    Args:
        data: the message, longer than nothing.
        size: bytes of it in one chunk.
        transfer: a number not used before in this session.
        lane: the message's lane.
        reply: the message is a reply.
    """
    view = memoryview(data)
    for start in range(0, len(data), size):
        chunk = pb.Chunk(
            transfer=transfer,
            data=bytes(view[start : start + size]),
            last=start + size >= len(data),
            reply=reply,
        )
        yield pb.Message(lane=lane, chunk=chunk).SerializeToString()


@dataclass(slots=True)
class _Transfer:
    lane: int
    reply: bool
    parts: list[bytes] = field(default_factory=list)


class Reassembly:
    """The large messages of one direction that are not whole yet."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._open: dict[int, _Transfer] = {}

    def add(self, chunk: pb.Chunk, lane: int) -> tuple[str, pb.Message] | None:
        """Store a chunk; return the message, with its kind, if it is whole now.

        Raises:
            RemoteProtocolError: too many transfers or bytes, a chunk that does not
                belong to its transfer, or bytes that are no event, call or reply.
        """
        transfer = self._open.get(chunk.transfer)
        if chunk.abort:
            if transfer is not None:
                self._forget(chunk.transfer)
            return None
        if len(chunk.data) < MIN_CHUNK_BYTES and not chunk.last:
            raise RemoteProtocolError(
                f"a chunk of {len(chunk.data)} bytes that is not the last"
            )
        if transfer is None:
            transfer = self._begin(chunk, lane)
        elif (transfer.lane, transfer.reply) != (lane, chunk.reply):
            raise RemoteProtocolError(
                f"transfer {chunk.transfer} changed its lane or kind on the way"
            )
        self._bytes += len(chunk.data)
        if self._bytes > self._max_bytes:
            raise RemoteProtocolError(
                f"open transfers hold more than {self._max_bytes:,} bytes"
            )
        transfer.parts.append(chunk.data)
        if not chunk.last:
            return None
        self._forget(chunk.transfer)
        return _whole(transfer)

    def _begin(self, chunk: pb.Chunk, lane: int) -> _Transfer:
        if not chunk.transfer:
            raise RemoteProtocolError("a chunk without transfer number")
        if len(self._open) >= MAX_OPEN_TRANSFERS:
            raise RemoteProtocolError(
                f"more than {MAX_OPEN_TRANSFERS} transfers open at once"
            )
        transfer = _Transfer(lane, chunk.reply)
        self._open[chunk.transfer] = transfer
        return transfer

    def _forget(self, number: int) -> None:
        transfer = self._open.pop(number)
        self._bytes -= sum(map(len, transfer.parts))


def _whole(transfer: _Transfer) -> tuple[str, pb.Message]:
    try:
        message = pb.Message.FromString(b"".join(transfer.parts))
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed large message: {error}") from None
    kind = message.WhichOneof("kind")
    if kind not in ("event", "call", "reply"):
        raise RemoteProtocolError(f"a large message cannot be a {kind}")
    if (message.lane, kind == "reply") != (transfer.lane, transfer.reply):
        raise RemoteProtocolError("a large message differs from its chunks")
    return kind, message
