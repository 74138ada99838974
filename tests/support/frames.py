"""Frames that no obedient peer would write, for property tests."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from electron_ipc.v1 import ipc_pb2 as pb
from tests.support.packed import packed_ext
from tests.support.values import TREES

Frame = pb.StreamRequest | pb.StreamResponse

# MessagePack that no sender would write, more often than chance would have it.
RAW: st.SearchStrategy[bytes] = st.recursive(
    st.binary(max_size=4)
    | st.sampled_from([b"\xd6\xff" + bytes(4), b"\xd4\xfe\x90"])
    | st.sampled_from([b"\xc0", b"\x01", b"\xa1a", b"\xcb\x3f\xf0" + bytes(6), b"\x80"])
    | st.builds(packed_ext, st.integers(0, 12), st.binary(max_size=6)),
    lambda inner: (
        st.lists(inner, max_size=3).map(
            lambda items: bytes([0x90 + len(items)]) + b"".join(items)
        )
        | st.lists(st.tuples(inner, inner), max_size=3).map(
            lambda pairs: bytes([0x80 + len(pairs)]) + b"".join(map(b"".join, pairs))
        )
        | st.builds(
            lambda number, items: packed_ext(
                number, bytes([0x90 + len(items)]) + b"".join(items)
            ),
            st.integers(0, 12) | st.integers(0, 127),
            st.lists(inner, max_size=3),
        )
    ),
    max_leaves=12,
)

NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
MAYBE = st.one_of(st.none(), NUMBERS)
TEXT = st.sampled_from(["", "a", "ö" * 600])
BYTES = st.sampled_from([b"", b"a", bytes(1_024), b"\x1a\x03\x0a\x01x", bytes(1_600)])
FLAG = st.booleans()

ARGS = st.lists(TREES, max_size=2)
PACKED = st.one_of(st.none(), st.none(), RAW.map(lambda one: b"\x91" + one), RAW)
METADATA = st.lists(
    st.builds(
        pb.Metadata, key=st.sampled_from(["traceparent", "x", "X", ""]), value=TEXT
    ),
    max_size=2,
)
REASONS = [
    "",
    "NO_HANDLER",
    "REMOTE_ERROR",
    "DATA_CLONE",
    "CONNECTION_CLOSED",
    "TIMEOUT",
]
FAILURES = st.builds(
    pb.Failure,
    reason=st.sampled_from(REASONS) | TEXT,
    name=TEXT,
    message=TEXT,
    details=st.one_of(st.none(), TREES),
    traceback=st.one_of(st.none(), TEXT),
)

Body = pb.Event | pb.Call | pb.Reply | pb.Cancel | pb.Chunk | pb.Dropped | None
BODIES: st.SearchStrategy[Body] = st.one_of(
    st.builds(pb.Event, channel=TEXT, args=ARGS, packed=PACKED),
    st.builds(
        pb.Call,
        channel=TEXT,
        kind=st.integers(0, 4),
        args=ARGS,
        packed=PACKED,
        remaining_ms=MAYBE,
        metadata=METADATA,
    ),
    st.builds(pb.Reply),
    st.builds(pb.Reply, value=TREES),
    st.builds(pb.Reply, packed=RAW),
    st.builds(pb.Reply, failure=FAILURES),
    st.builds(pb.Cancel),
    st.builds(
        pb.Chunk, transfer=NUMBERS, data=BYTES, last=FLAG, abort=FLAG, reply=FLAG
    ),
    st.builds(pb.Dropped, channel=TEXT, count=NUMBERS),
    st.none(),
)


def message(number: int, lane: int, body: Body) -> pb.Message:
    made = pb.Message(id=number, lane=lane)
    match body:
        case pb.Event():
            made.event.CopyFrom(body)
        case pb.Call():
            made.call.CopyFrom(body)
        case pb.Reply():
            made.reply.CopyFrom(body)
        case pb.Cancel():
            made.cancel.CopyFrom(body)
        case pb.Chunk():
            made.chunk.CopyFrom(body)
        case pb.Dropped():
            made.dropped.CopyFrom(body)
        case None:
            pass
    return made


MESSAGES = st.builds(
    message,
    st.one_of(st.just(1), NUMBERS),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1]),
    BODIES,
)
GOODBYES = st.builds(
    pb.Goodbye,
    reason=st.integers(0, 9),
    message=TEXT,
    may_resume=FLAG,
    retry_after_ms=NUMBERS,
    last_sent=NUMBERS,
)
HELLOS = st.builds(
    pb.Hello,
    window_messages=MAYBE,
    window_bytes=MAYBE,
    max_frame_bytes=st.sampled_from([None, 0, 4_095, 4_096, 2**64 - 1]),
    acks=FLAG,
    resume=FLAG,
    features=st.lists(st.sampled_from(["chunks", "lanes", ""])),
    token=st.sampled_from([b"", b"token", bytes(1_025)]),
    attempt=NUMBERS,
    received=NUMBERS,
)
WELCOMES = st.builds(
    pb.Welcome,
    token=st.sampled_from([b"", b"token", bytes(1_025)]),
    resumed=FLAG,
    received=NUMBERS,
    window_messages=MAYBE,
    window_bytes=MAYBE,
    max_frame_bytes=st.sampled_from([None, 0, 4_095, 4_096, 2**64 - 1]),
    grace_ms=st.sampled_from([0, 30_000, 2**64 - 1]),
    features=st.lists(st.sampled_from(["chunks", "lanes", ""])),
)


def frames(
    kind: Callable[..., Frame], **greeting: st.SearchStrategy[object]
) -> st.SearchStrategy[Frame]:
    return st.builds(
        kind,
        first=MAYBE,
        messages=st.lists(MESSAGES, max_size=6),
        ack=MAYBE,
        want_ack=FLAG,
        ping=MAYBE,
        pong=MAYBE,
        goodbye=st.one_of(st.none(), st.none(), st.none(), GOODBYES),
        **greeting,
    )


RARELY_HELLO = st.one_of(st.none(), st.none(), st.none(), HELLOS)
RARELY_WELCOME = st.one_of(st.none(), st.none(), st.none(), WELCOMES)
REQUESTS = frames(pb.StreamRequest, hello=RARELY_HELLO)
RESPONSES = frames(pb.StreamResponse, welcome=RARELY_WELCOME)
DAMAGE = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3)


def damaged(frame: Frame, damage: list[tuple[int, int]]) -> bytes:
    data = bytearray(frame.SerializeToString())
    for place, byte in damage:
        if data:
            data[place % len(data)] = byte
    return bytes(data)


SYNC_REQUESTS = st.builds(
    pb.SendSyncRequest,
    channel=TEXT,
    args=ARGS,
    packed=PACKED,
    token=st.sampled_from([b"", b"token"]),
    after=NUMBERS,
    id=NUMBERS,
    first=NUMBERS,
    messages=st.lists(MESSAGES, max_size=4),
    metadata=METADATA,
)
