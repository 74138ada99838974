"""Plays proto/vectors/sessions against `Session`; README.md there has the notation."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf import json_format

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import events
from renderer.wire.errors import (
    LocalProtocolError,
    Overloaded,
    PayloadTooLarge,
    RemoteProtocolError,
)
from renderer.wire.frames import parse_hello
from renderer.wire.greeting import Admission
from renderer.wire.limits import Limits
from renderer.wire.parcel import Parcel
from renderer.wire.session import Role, Session

FOLDER = Path(__file__).parents[4] / "proto" / "vectors" / "sessions"
TRACES = sorted(FOLDER.glob("*.json"))

Json = dict[str, Any]

# Of fields that stand in a trace and not in a frame.
DEFAULTS = {"token": "", "attempt": "0", "received": "0", "resumed": False}


def to_json(message: Any) -> Json:
    found: Json = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return found


def without_text(frame: Json) -> Json:
    """Leave out what each implementation says in its own words."""
    frame.get("goodbye", {}).pop("message", None)
    for message in frame.get("messages", []):
        message.get("reply", {}).get("failure", {}).pop("message", None)
    return frame


def only(said: Json, wanted: Json) -> None:
    """Leave out of Hello and Welcome what the trace does not mention."""
    for name in {"hello", "welcome"} & said.keys() & wanted.keys():
        keys = wanted[name]
        said[name] = {k: said[name].get(k, DEFAULTS.get(k)) for k in keys}


def reason_name(reason: int) -> str:
    return pb.GoodbyeReason.Name(cast("pb.GoodbyeReason.ValueType", reason))


class Player:
    def __init__(self, trace: Json) -> None:
        self.role = Role(trace["role"])
        self.now = 0.0
        grant = json_format.ParseDict(trace.get("grant", {}), pb.Welcome())
        self.session = Session(
            self.role,
            limits=Limits(**trace.get("limits", {})),
            resume=trace.get("resume", False),
            admission=Admission(
                grant.token,
                grant.session_id,
                grant.web_contents_id,
                grace=grant.grace_ms / 1000,
            ),
        )

    def play(self, step: Json) -> Json:
        """Do what a step says; return what came of it."""
        result = self.do(step)
        happened = [self.event(event) for event in self.session.take_events()]
        frames: list[Json] = []
        while (data := self.session.next_frame(self.now)) is not None:
            kind = pb.StreamResponse if self.role is Role.MAIN else pb.StreamRequest
            frames.append(without_text(to_json(kind.FromString(data))))
        if happened:
            result["events"] = happened
        if frames:
            result["frames"] = frames
        return result | {"state": self.session.state.value}

    def do(self, step: Json) -> Json:
        session = self.session
        match step:
            case {"attach": True}:
                return {"link": session.attach()}
            case {"accept": frame}:
                return self.accept(self.bytes_of(frame))
            case {"frame": frame}:
                link = step.get("on", session.epoch)
                session.receive(link, self.bytes_of(frame), self.now)
            case {"hex": data}:
                session.receive(session.epoch, bytes.fromhex(data), self.now)
            case {"cut": link}:
                session.cut(link, self.now)
            case {"put": message}:
                return self.put(message)
            case {"consume": count}:
                for _ in range(count):
                    session.consume()
            case {"time": now}:
                self.now = now
                session.tick(now)
            case {"goodbye": reason}:
                session.goodbye(pb.GoodbyeReason.Value(reason))
            case {"suspend": asked}:
                session.suspend(
                    retry_after=int(asked["retry_after_ms"]) / 1000,
                    address=asked["address"],
                )
            case _:
                raise AssertionError(f"no such step: {step}")
        return {}

    def bytes_of(self, frame: Json) -> bytes:
        kind = pb.StreamRequest if self.role is Role.MAIN else pb.StreamResponse
        return json_format.ParseDict(frame, kind()).SerializeToString()

    def accept(self, data: bytes) -> Json:
        try:
            link = self.session.accept(parse_hello(data))
        except RemoteProtocolError:
            return {"refused": "protocol"}
        except LocalProtocolError:
            return {"refused": "over"}
        if link is None:
            return {"refused": "replaced"}
        self.session.receive(link, data, self.now)
        return {"link": link}

    def put(self, said: Json) -> Json:
        message = json_format.ParseDict(said, pb.Message())
        kind = message.WhichOneof("kind")
        parcel = Parcel(
            message.SerializeToString(),
            counted=kind in ("event", "call"),
            reply=kind == "reply",
            lane=message.lane,
        )
        try:
            receipt = self.session.put(parcel)
            return {"number": str(receipt)} if receipt > 0 else {}
        except Overloaded:
            return {"refused": "overloaded"}
        except PayloadTooLarge:
            return {"refused": "too-large"}
        except LocalProtocolError:
            return {"refused": "over"}

    def event(self, event: events.SessionEvent) -> Json:
        match event:
            case events.Arrived():
                message = to_json(event.message)
                return {"arrived": {"number": str(event.number), "message": message}}
            case events.Replied():
                said = to_json(pb.Message(id=event.id, reply=event.reply))
                return {"replied": said}
            case events.Cancelled():
                return {"cancelled": {"id": str(event.id)}}
            case events.GivenUp():
                told = {"channel": event.channel, "count": str(event.count)}
                return {"given_up": told}
            case events.Acked():
                return {"acked": str(event.number)}
            case events.Opened():
                return {"opened": {"resumed": event.welcome.resumed}}
            case events.Gap():
                assert event.received_missing is None
                return {"gap": {"unconfirmed": str(event.sent_unconfirmed)}}
            case events.Detached():
                wait = str(round(event.retry_after * 1000))
                told = {"retry_after_ms": wait, "address": event.address}
                return {"detached": told}
            case events.GoodbyeHeard():
                return {"goodbye": reason_name(event.reason)}
            case events.Ended():
                told = {
                    "reason": reason_name(event.reason),
                    "unconfirmed": str(event.unconfirmed),
                    "missing": str(event.missing or 0),
                }
                return {"ended": told}


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_trace(path: Path) -> None:
    trace = json.loads(path.read_text())
    player = Player(trace)
    for number, step in enumerate(trace["steps"], 1):
        came = player.play(step["do"])
        wanted = step["then"]
        for said, frame in zip(
            came.get("frames", []), wanted.get("frames", []), strict=False
        ):
            only(said, frame)
        assert came == wanted, f"step {number}: {step['do']}"


def test_there_are_traces() -> None:
    assert len(TRACES) > 10
