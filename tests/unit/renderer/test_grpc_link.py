"""What gRPC's own threads hand over; the rest is tried over real streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from renderer.grpc_link import GrpcLink


class Source:
    def next_frame(self) -> bytes | None:
        return None

    def patience(self) -> float | None:
        return None


def link_of(frames: list[bytes]) -> GrpcLink:
    """Return a link whose responses come as gRPC has them: deserialized elsewhere."""

    def start(_: Iterator[bytes], take: Callable[[bytes], object]) -> Any:
        return (take(frame) for frame in frames)

    return GrpcLink(start, Source())


def test_frames_are_delivered_where_they_are_deserialized() -> None:
    delivered: list[bytes] = []
    link_of([b"1", b"2"]).carry(delivered.append)
    assert delivered == [b"1", b"2"]


def test_what_taking_a_frame_raises_ends_the_link() -> None:
    taken: list[bytes] = []

    def deliver(frame: bytes) -> None:
        taken.append(frame)
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        link_of([b"1", b"2"]).carry(deliver)
    assert taken == [b"1"]
