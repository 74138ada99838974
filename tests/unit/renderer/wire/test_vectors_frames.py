"""Reads and writes proto/vectors/frames.json; README.md there has the notation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.frames import head_of, join, parse_request, parse_response

FILE = Path(__file__).parents[4] / "proto" / "vectors" / "frames.json"
VECTORS = json.loads(FILE.read_text())
PARSE: dict[str, Callable[[bytes], pb.StreamRequest | pb.StreamResponse]] = {
    "requests": parse_request,
    "responses": parse_response,
}

Json = dict[str, Any]
BOTH = [{"as": side, **entry} for side in PARSE for entry in VECTORS[side]]
# This implementation says `first` with all messages, and it is never 0. Greetings and
# Goodbye have frames of their own, and it does not ping.
JOINED = [
    entry
    for entry in BOTH
    if ("messages" not in entry["frame"] or entry["frame"].get("first", "0") != "0")
    and not entry["frame"].keys() & {"hello", "welcome", "goodbye", "ping"}
]


def title(entry: Json) -> str:
    return f"{entry['as']}: {entry['name']}"


def read(entry: Json) -> pb.StreamRequest | pb.StreamResponse:
    return PARSE[entry["as"]](bytes.fromhex(entry["hex"]))


def described(entry: Json) -> pb.StreamRequest | pb.StreamResponse:
    frame: pb.StreamRequest | pb.StreamResponse
    frame = pb.StreamRequest() if entry["as"] == "requests" else pb.StreamResponse()
    json_format.ParseDict(entry["frame"], frame)
    return frame


@pytest.mark.parametrize("entry", BOTH, ids=title)
def test_a_frame_is_read_and_written(entry: Json) -> None:
    assert read(entry) == described(entry)
    assert described(entry).SerializeToString().hex() == entry["hex"]


@pytest.mark.parametrize("entry", JOINED, ids=title)
def test_a_frame_is_joined(entry: Json) -> None:
    frame = described(entry)
    parts: list[bytes] = []
    for message in frame.messages:
        data = message.SerializeToString()
        parts += head_of(len(data)), data
    joined = join(
        frame.first,
        parts,
        ack=frame.ack if frame.HasField("ack") else None,
        want_ack=frame.want_ack,
        pong=frame.pong if frame.HasField("pong") else None,
    )
    assert joined.hex() == entry["hex"]


@pytest.mark.parametrize("entry", VECTORS["read_only"], ids=title)
def test_a_frame_that_nobody_here_would_write_is_read(entry: Json) -> None:
    frame = read(entry)
    frame.DiscardUnknownFields()
    assert frame == described(entry)


@pytest.mark.parametrize("entry", VECTORS["malformed"], ids=title)
def test_bytes_that_are_no_frame_are_refused(entry: Json) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed frame"):
        read(entry)
