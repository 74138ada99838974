from typing import Any

import pytest

from renderer.wire.limits import (
    DEFAULT_LIMITS,
    KIB,
    MAX_NUMBER,
    MIB,
    MIN_FRAME_BYTES,
    Limits,
    Peer,
)


def test_the_defaults_are_the_contracts() -> None:
    assert DEFAULT_LIMITS.window_messages == 65_536
    assert DEFAULT_LIMITS.window_bytes == 64 * MIB
    assert DEFAULT_LIMITS.max_frame_bytes == 4 * MIB
    assert DEFAULT_LIMITS.max_message_bytes == 64 * MIB
    assert DEFAULT_LIMITS.batch_messages == 256
    assert DEFAULT_LIMITS.batch_bytes == 256 * KIB
    assert DEFAULT_LIMITS.ack_delay == 1.0
    assert MAX_NUMBER == 2**63 - 1


def test_a_peer_that_said_nothing_has_the_defaults() -> None:
    peer = Peer()
    assert peer.window_messages == DEFAULT_LIMITS.window_messages
    assert peer.window_bytes == DEFAULT_LIMITS.window_bytes
    assert peer.max_frame_bytes == DEFAULT_LIMITS.max_frame_bytes
    assert peer.max_message_bytes == DEFAULT_LIMITS.max_message_bytes
    assert peer.features == frozenset()


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_messages": 0},
        {"window_bytes": 0},
        {"resume_grace": -1.0},
        {"resume_grace": 1e9},
        {"max_frame_bytes": MIN_FRAME_BYTES - 1},
        {"max_message_bytes": 0},
        {"max_rate": 0},
        {"max_rate": -1},
        {"max_rate": float("nan")},
        {"batch_messages": 0},
        {"batch_messages": 4_097},
        {"batch_bytes": KIB - 1},
    ],
    ids=str,
)
def test_limits_nobody_could_keep_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"window|frame|message|batch|rate|grace"):
        Limits(**wrong)


def test_the_least_limits() -> None:
    least = Limits(
        window_messages=1,
        window_bytes=1,
        max_frame_bytes=MIN_FRAME_BYTES,
        max_message_bytes=1,
        batch_messages=1,
        batch_bytes=KIB,
    )
    assert least.window_bytes == 1
