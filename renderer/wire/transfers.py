"""Large messages: cut into chunks on one end, put together on the other.

The feature "lanes" is not known here, so everything travels on lane 0, and a lane
has at most one open transfer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import PayloadTooLarge, RemoteProtocolError
from renderer.wire.frames import CONTROL_RESERVE
from renderer.wire.limits import MIN_CHUNK_BYTES, Limits, Peer
from renderer.wire.parcel import Parcel

_CHUNK_OVERHEAD: Final = 32  # the most that a chunk's message adds to its data
_REMEMBERED: Final = 64  # finished transfers whose number must not come again


class Cutter:
    """Cuts messages that fit into no frame of the peer's."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._transfers = 0

    def price(self, size: int, peer: Peer) -> tuple[int, int]:
        """Return what a message takes of the window at most, as (messages, bytes)."""
        if _fits(size, peer):
            return 1, size
        chunks = -(-size // self._chunk_bytes(peer))
        return chunks, size + chunks * _CHUNK_OVERHEAD

    def check(self, size: int, peer: Peer) -> None:
        """Raise PayloadTooLarge if a message cannot reach the peer even in chunks."""
        if _fits(size, peer):
            return
        chunks = "chunks" in peer.features
        limit = peer.max_message_bytes if chunks else peer.max_frame_bytes
        if size > limit or not chunks:
            raise PayloadTooLarge(
                f"the message has {size:,} bytes; the other side takes {limit:,}"
            )

    def cut(self, parcel: Parcel, peer: Peer) -> list[bytes]:
        """Return the messages that carry a parcel: itself, or chunks of it."""
        if _fits(len(parcel.data), peer):
            return [parcel.data]
        self._transfers += 1
        data = memoryview(parcel.data)
        size = self._chunk_bytes(peer)
        return [
            pb.Message(
                chunk=pb.Chunk(
                    transfer=self._transfers,
                    data=bytes(data[start : start + size]),
                    last=start + size >= len(data),
                    reply=parcel.reply,
                )
            ).SerializeToString()
            for start in range(0, len(data), size)
        ]

    def _chunk_bytes(self, peer: Peer) -> int:
        return min(self._limits.batch_bytes, peer.max_frame_bytes // 2)


def _fits(size: int, peer: Peer) -> bool:
    return size + CONTROL_RESERVE <= peer.max_frame_bytes


@dataclass(slots=True)
class _Transfer:
    number: int
    reply: bool
    size: int = 0
    parts: list[bytes] = field(default_factory=list[bytes])


class Reassembly:
    """The large message of one direction that is not whole yet."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._open: _Transfer | None = None
        self._used: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def is_open(self) -> bool:
        """A transfer has begun and is not whole yet."""
        return self._open is not None

    def add(self, chunk: pb.Chunk) -> tuple[str, pb.Message] | None:
        """Store a chunk; return the message, with its kind, if it is whole now.

        Raises:
            RemoteProtocolError: too many bytes, a chunk that does not belong to the
                open transfer, or bytes that are no event, call or reply.
        """
        if len(chunk.data) < MIN_CHUNK_BYTES and not chunk.last:
            raise RemoteProtocolError(
                f"a chunk of {len(chunk.data)} bytes that is not the last"
            )
        transfer = self._transfer_of(chunk)
        transfer.size += len(chunk.data)
        if transfer.size > self._max_bytes:
            raise RemoteProtocolError(
                f"a large message exceeds {self._max_bytes:,} bytes"
            )
        transfer.parts.append(chunk.data)
        if not chunk.last:
            self._open = transfer
            return None
        self._close(transfer)
        return _whole(transfer)

    def abort(self, chunk: pb.Chunk) -> bool:
        """Throw a transfer away; return whether an event or call is lost with it.

        An aborted reply is followed by another one.

        Raises:
            RemoteProtocolError: the chunk does not belong to the open transfer.
        """
        transfer = self._transfer_of(chunk)
        self._close(transfer)
        return not transfer.reply

    def _transfer_of(self, chunk: pb.Chunk) -> _Transfer:
        number, transfer = chunk.transfer, self._open
        if transfer is None:
            if not number or number in self._used:
                raise RemoteProtocolError(f"a transfer cannot have the number {number}")
            return _Transfer(number, chunk.reply)
        if (transfer.number, transfer.reply) != (number, chunk.reply):
            raise RemoteProtocolError(
                f"a chunk of transfer {number} within transfer {transfer.number}"
            )
        return transfer

    def _close(self, transfer: _Transfer) -> None:
        self._open = None
        self._used.append(transfer.number)


def _whole(transfer: _Transfer) -> tuple[str, pb.Message]:
    try:
        message = pb.Message.FromString(b"".join(transfer.parts))
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed large message: {error}") from None
    kind = message.WhichOneof("kind")
    if kind not in ("event", "call", "reply"):
        raise RemoteProtocolError(f"a large message cannot be a {kind}")
    if message.lane or (kind == "reply") != transfer.reply:
        raise RemoteProtocolError("a large message differs from its chunks")
    return kind, message
