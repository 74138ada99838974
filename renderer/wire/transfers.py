"""Large messages as they arrive: put together from their chunks."""

from __future__ import annotations

from collections import deque
from typing import Final, cast, final

from google.protobuf.message import DecodeError

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.frames import call_id
from renderer.wire.limits import MAX_TRANSFERS, MIN_CHUNK_BYTES

_REMEMBERED: Final = 64  # finished transfers whose number must not come again


@final
class _Transfer:
    __slots__ = ("data", "lane", "number", "reply")

    def __init__(self, number: int, lane: int, reply: bool) -> None:
        self.number: Final = number
        self.lane: Final = lane
        self.reply: Final = reply
        self.data: Final = bytearray()


@final
class Reassembly:
    """The large messages of one direction that are not whole yet.

    Args:
        max_bytes: what they may have together.
    """

    __slots__ = ("_bytes", "_max_bytes", "_open", "_used")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._open: dict[int, _Transfer] = {}  # by lane
        self._used: deque[int] = deque(maxlen=_REMEMBERED)

    def holds(self, lane: int) -> bool:
        """Tell whether a transfer has begun on a lane and is not whole yet."""
        return lane in self._open

    def add(self, lane: int, chunk: pb.Chunk) -> tuple[str, pb.Message] | None:
        """Store a chunk; return the message, with its kind, if it is whole now.

        Raises:
            RemoteProtocolError: too many bytes or transfers, a chunk that does not
                belong to its lane's transfer, or bytes that are no event, call or
                reply.
        """
        data = chunk.data
        if len(data) < MIN_CHUNK_BYTES and not chunk.last:
            raise RemoteProtocolError(
                f"a chunk of {len(data)} bytes that is not the last"
            )
        transfer = self._transfer_of(lane, chunk)
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise RemoteProtocolError(
                f"large messages exceed {self._max_bytes:,} bytes"
            )
        transfer.data.extend(data)
        if not chunk.last:
            self._keep(transfer)
            return None
        self._close(transfer)
        return _whole(transfer)

    def abort(self, lane: int, chunk: pb.Chunk) -> bool:
        """Throw a transfer away; return whether an event is lost with it.

        An aborted reply is followed by another one, and nobody waits for a call any
        more that is aborted.

        Raises:
            RemoteProtocolError: the chunk does not belong to its lane's transfer.
        """
        transfer = self._transfer_of(lane, chunk)
        self._close(transfer)
        return not transfer.reply and not call_id(bytes(transfer.data[:11]))

    def _transfer_of(self, lane: int, chunk: pb.Chunk) -> _Transfer:
        number, transfer = chunk.transfer, self._open.get(lane)
        if transfer is None:
            others = (other.number for other in self._open.values())
            if not number or number in self._used or number in others:
                raise RemoteProtocolError(f"a transfer cannot have the number {number}")
            return _Transfer(number, lane, chunk.reply)
        if (transfer.number, transfer.reply) != (number, chunk.reply):
            raise RemoteProtocolError(
                f"a chunk of transfer {number} within transfer {transfer.number}"
            )
        return transfer

    def _keep(self, transfer: _Transfer) -> None:
        self._open[transfer.lane] = transfer
        if len(self._open) > MAX_TRANSFERS:
            raise RemoteProtocolError(f"more than {MAX_TRANSFERS} open transfers")

    def _close(self, transfer: _Transfer) -> None:
        self._open.pop(transfer.lane, None)
        self._bytes -= len(transfer.data)
        self._used.append(transfer.number)


def _whole(transfer: _Transfer) -> tuple[str, pb.Message]:
    try:
        # It takes a bytearray as it is; the stubs do not say so.
        message = pb.Message.FromString(cast("bytes", transfer.data))
    except DecodeError as error:
        raise RemoteProtocolError(f"malformed large message: {error}") from None
    kind = message.WhichOneof("kind")
    if kind not in ("event", "call", "reply"):
        raise RemoteProtocolError(f"a large message cannot be a {kind}")
    if message.lane != transfer.lane or (kind == "reply") != transfer.reply:
        raise RemoteProtocolError("a large message differs from its chunks")
    return kind, message
