from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.greeting import (
    Admission,
    check_welcome,
    grace_of,
    hello_of,
    peer_of_hello,
    peer_of_welcome,
    welcome_of,
)
from renderer.wire.limits import DEFAULT_LIMITS, MAX_TOKEN_BYTES, Limits, Peer

OWN = Limits(
    window_messages=10,
    window_bytes=2_000,
    max_frame_bytes=5_000,
    max_message_bytes=6_000,
)
GRANT = Admission(b"secret", "s1", 3, grace=2.5, server_name="main", server_version="1")


def test_a_renderers_hello_says_what_it_takes() -> None:
    hello = hello_of(pb.Hello(client_name="c", url="u"), OWN, resume=True)
    assert hello == pb.Hello(
        client_name="c",
        url="u",
        window_messages=10,
        window_bytes=2_000,
        max_frame_bytes=5_000,
        max_message_bytes=6_000,
        acks=True,
        resume=True,
        encodings=[pb.ENCODING_PACKED],
        features=["chunks", "lanes"],
    )


def test_mains_welcome_to_a_new_session() -> None:
    peer = Peer(resume=True, features=frozenset({"chunks"}))
    assert welcome_of(GRANT, OWN, peer, None) == pb.Welcome(
        token=b"secret",
        session_id="s1",
        web_contents_id=3,
        window_messages=10,
        window_bytes=2_000,
        max_frame_bytes=5_000,
        max_message_bytes=6_000,
        grace_ms=2_500,
        features=["chunks"],
        server_name="main",
        server_version="1",
    )


def test_mains_welcome_to_a_session_that_goes_on() -> None:
    welcome = welcome_of(GRANT, OWN, Peer(resume=True), 0)
    assert (welcome.resumed, welcome.received) == (True, 0)
    assert welcome_of(GRANT, OWN, Peer(resume=True), 7).received == 7


def test_who_does_not_resume_gets_no_grace() -> None:
    assert welcome_of(GRANT, OWN, Peer(), None).grace_ms == 0


def test_what_was_not_said_is_the_default() -> None:
    peer = peer_of_hello(pb.Hello(), DEFAULT_LIMITS)
    assert peer == Peer(acks=False)
    assert peer_of_welcome(pb.Welcome(), DEFAULT_LIMITS, resume=True) == Peer()


def test_our_own_limits_bound_what_a_peer_may_grant() -> None:
    huge = 2**64 - 1
    peer = peer_of_hello(
        pb.Hello(
            window_messages=huge,
            window_bytes=huge,
            max_frame_bytes=huge,
            max_message_bytes=huge,
        ),
        OWN,
    )
    assert peer == Peer(10, 2_000, 5_000, 6_000, acks=False, narrowed=True)


def test_a_smaller_grant_holds() -> None:
    hello = pb.Hello(
        window_messages=1, window_bytes=1, max_frame_bytes=4_096, max_message_bytes=1
    )
    assert peer_of_hello(hello, OWN) == Peer(1, 1, 4_096, 1, acks=False)


@pytest.mark.parametrize(
    ("granted", "narrowed"),
    [
        ({"window_messages": 10, "window_bytes": 2_000}, False),
        ({"window_messages": 11, "window_bytes": 2_000}, True),
        ({"window_messages": 10, "window_bytes": 2_001}, True),
    ],
)
def test_a_window_used_in_part(granted: dict[str, Any], narrowed: bool) -> None:
    assert peer_of_hello(pb.Hello(**granted), OWN).narrowed is narrowed


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_messages": 0},
        {"window_bytes": 0},
        {"max_frame_bytes": 0},
        {"max_frame_bytes": 4_095},
        {"max_message_bytes": 0},
    ],
    ids=str,
)
def test_limits_nobody_can_keep_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match=r"lets nothing through|less than"):
        peer_of_hello(pb.Hello(**wrong), OWN)
    with pytest.raises(RemoteProtocolError, match=r"lets nothing through|less than"):
        peer_of_welcome(pb.Welcome(**wrong), OWN, resume=True)


@pytest.mark.parametrize(
    ("acks", "resume", "expected"),
    [
        (False, False, (False, False)),
        (True, False, (True, False)),
        (True, True, (True, True)),
        (False, True, (False, False)),
    ],
)
def test_resume_needs_acks(
    acks: bool, resume: bool, expected: tuple[bool, bool]
) -> None:
    peer = peer_of_hello(pb.Hello(acks=acks, resume=resume), OWN)
    assert (peer.acks, peer.resume) == expected


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("grace_ms", [0, 1])
def test_a_renderer_resumes_where_main_keeps_sessions(
    resume: bool, grace_ms: int
) -> None:
    peer = peer_of_welcome(pb.Welcome(grace_ms=grace_ms), OWN, resume=resume)
    assert peer.acks
    assert peer.resume == (resume and grace_ms > 0)


def test_only_features_that_both_name_are_used() -> None:
    said = ["chunks", "chunks", "metadata"]
    assert peer_of_hello(pb.Hello(features=said), OWN).features == {"chunks"}
    peer = peer_of_welcome(pb.Welcome(features=["metadata"]), OWN, resume=False)
    assert peer.features == frozenset()
    everything = peer_of_hello(pb.Hello(features=[*said, "lanes"]), OWN).features
    assert everything == {"chunks", "lanes"}


@pytest.mark.parametrize("named", [[], [pb.ENCODING_TREE], [0, 7]])
def test_packed_values_need_both(named: list[pb.Encoding.ValueType]) -> None:
    assert not peer_of_hello(pb.Hello(encodings=named), OWN).packed
    assert not peer_of_welcome(pb.Welcome(encodings=named), OWN, resume=True).packed
    both = [*named, pb.ENCODING_PACKED]
    assert peer_of_hello(pb.Hello(encodings=both), OWN).packed
    assert peer_of_welcome(pb.Welcome(encodings=both), OWN, resume=True).packed


def test_a_welcome_names_what_both_named() -> None:
    packed = welcome_of(GRANT, OWN, Peer(packed=True), None)
    assert packed.encodings == [pb.ENCODING_PACKED]
    assert not welcome_of(GRANT, OWN, Peer(), None).encodings


def test_a_token_is_a_kibibyte_at_most() -> None:
    peer_of_hello(pb.Hello(token=bytes(MAX_TOKEN_BYTES)), OWN)
    with pytest.raises(RemoteProtocolError, match="a token exceeds 1,024 bytes"):
        peer_of_hello(pb.Hello(token=bytes(MAX_TOKEN_BYTES + 1)), OWN)
    check_welcome(pb.Welcome(token=bytes(MAX_TOKEN_BYTES)), established=False)
    with pytest.raises(RemoteProtocolError, match="a token of 1025 bytes"):
        check_welcome(pb.Welcome(token=bytes(MAX_TOKEN_BYTES + 1)), established=False)


def test_a_welcome_has_a_token() -> None:
    with pytest.raises(RemoteProtocolError, match="a token of 0 bytes"):
        check_welcome(pb.Welcome(), established=True)


def test_a_renderer_gives_up_a_little_before_main() -> None:
    assert grace_of(pb.Welcome(grace_ms=10_000)) == pytest.approx(9.0)
    assert grace_of(pb.Welcome()) == 0
