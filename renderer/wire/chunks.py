"""Large messages on their way out, which go in chunks.

They are cut when they are written, out of the bytes that they came in: however large
a message is, there is no second copy of it.
"""

from __future__ import annotations

from typing import Final, final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import PayloadTooLarge
from renderer.wire.frames import CONTROL_RESERVE, head_of, varint
from renderer.wire.limits import Limits, Peer
from renderer.wire.parcel import Parcel

CHUNK_OVERHEAD: Final = 32
"""The most that a chunk's message adds to its data."""


def fits(size: int, peer: Peer) -> bool:
    """Tell whether a message of so many bytes goes in one frame."""
    return size + CONTROL_RESERVE <= peer.max_frame_bytes


def check_size(size: int, peer: Peer, *, reply: bool = False) -> None:
    """Raise PayloadTooLarge if a message cannot reach the peer even in chunks.

    Args:
        size: its bytes.
        peer: what takes it.
        reply: it is one; who called reads the error, too.
    """
    if fits(size, peer):
        return
    chunks = "chunks" in peer.features
    limit = peer.max_message_bytes if chunks else peer.max_frame_bytes
    if size > limit or not chunks:
        what, taker = "message", "the other side"
        if reply:
            what, taker = "reply", "its caller"
        raise PayloadTooLarge(f"the {what} has {size:,} bytes; {taker} takes {limit:,}")


def chunk_bytes(limits: Limits, peer: Peer) -> int:
    """Return how much of a large message goes in one chunk."""
    return min(limits.batch_bytes, peer.max_frame_bytes // 2)


def price(size: int, limits: Limits, peer: Peer) -> tuple[int, int]:
    """Return what a message takes of the window, as (messages, bytes)."""
    if fits(size, peer):
        return 1, size
    return price_in_chunks(size, chunk_bytes(limits, peer))


def price_in_chunks(size: int, chunk: int) -> tuple[int, int]:
    """Return the same for so many bytes in chunks."""
    chunks = -(-size // chunk)
    return chunks, size + chunks * CHUNK_OVERHEAD


@final
class Piece:
    """A chunk that has its number. Its bytes stay where they are until it is written.

    Args:
        parcel: the large message.
        transfer: the number of its transfer.
        start: where the chunk begins in it.
        end: where it ends.
        spared: its bytes take no room in the window.
    """

    __slots__ = ("_end", "_start", "_transfer", "parcel", "spared")

    def __init__(
        self, parcel: Parcel, transfer: int, start: int, end: int, *, spared: bool
    ) -> None:
        self.parcel: Final = parcel
        self.spared: Final = spared
        self._transfer = transfer
        self._start = start
        self._end = end

    @property
    def last(self) -> bool:
        """With it, the message is whole."""
        return self._end == len(self.parcel.data)

    @property
    def price(self) -> int:
        """The bytes that it takes of the window."""
        return 0 if self.spared else self._end - self._start + CHUNK_OVERHEAD

    def parts(self) -> tuple[bytes, memoryview, bytes]:
        """Return the chunk as an entry of a frame, in parts."""
        data = memoryview(self.parcel.data)[self._start : self._end]
        # Written by hand, or protobuf would copy the data twice. The numbers are those
        # of the fields of Chunk, Message and StreamRequest, in this order.
        head = b"\x08%b\x12%b" % (varint(self._transfer), varint(len(data)))
        tail = b"\x18\x01" * self.last + b"\x28\x01" * self.parcel.reply
        size = len(head) + len(data) + len(tail)
        lane = self.parcel.lane
        outer = b"\x10" + varint(lane) if lane else b""
        outer += b"\x3a" + varint(size)
        return head_of(len(outer) + size) + outer + head, data, tail


def abort(parcel: Parcel, transfer: int) -> Parcel:
    """Return the chunk that gives a transfer up."""
    chunk = pb.Chunk(transfer=transfer, abort=True, reply=parcel.reply)
    message = pb.Message(lane=parcel.lane, chunk=chunk)
    data = message.SerializeToString()
    return Parcel(data, parcel.counted, parcel.reply, parcel.lane)
