"""Renderers that cannot even say Hello, or say it too often."""

from __future__ import annotations

from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain
from renderer.wire.limits import Limits
from tests.hostile.house import OK, echoing, event, hostile_house, intruded

SHORT = Limits(hello_timeout=0.05)
HELLO = pb.StreamRequest(hello=pb.Hello())


async def test_no_hello() -> None:
    async with hostile_house() as house:
        house.ipc.limits = SHORT  # not for the neighbour, who is in already
        async with house.intruder(silent=True) as intruder:
            await intruder.refused("no hello in time")


def test_no_hello_is_waited_for_ten_seconds() -> None:
    assert IpcMain().limits.hello_timeout == 10.0


async def test_messages_before_hello() -> None:
    ipc = echoing()
    heard: list[object] = []
    ipc.on("too early", lambda event: heard.append(event.channel))
    async with intruded(ipc, silent=True) as intruder:
        await intruder.put(event("too early"), first=1)
        await intruder.refused("must carry hello")
    assert heard == []


async def test_a_second_hello() -> None:
    async with intruded() as intruder:
        await intruder.write(HELLO)
        await intruder.refused("must carry hello, and no other frame may")


@pytest.mark.parametrize(
    ("hello", "text"),
    [
        (pb.Hello(window_messages=0), "window_messages of 0"),
        (pb.Hello(window_bytes=0), "window_bytes of 0"),
        (pb.Hello(max_frame_bytes=4_095), "max_frame_bytes is less than 4,096"),
        (pb.Hello(max_message_bytes=0), "max_message_bytes of 0"),
        (pb.Hello(token=bytes(1_025)), "a token exceeds 1,024 bytes"),
    ],
    ids=["no-messages", "no-bytes", "no-frame", "no-message", "token"],
)
async def test_a_hello_with_limits_that_nobody_can_keep(
    hello: pb.Hello, text: str
) -> None:
    async with intruded(silent=True) as intruder:
        await intruder.say(hello=hello)
        await intruder.refused(text)


async def test_a_hello_that_grants_too_much() -> None:
    most = 2**64 - 1
    limits = ("window_messages", "window_bytes", "max_frame_bytes", "max_message_bytes")
    grant: Any = dict.fromkeys(limits, most)
    async with intruded(echoing(), acks=True, **grant) as intruder:
        await intruder.put(event("echo", "x"), first=1)
        await intruder.until(intruder.events)
        assert intruder.events() == [("echo", ["x"])]


async def test_a_hello_that_is_very_large() -> None:
    async with hostile_house() as house:
        mib = "x" * 2**20
        async with house.intruder(
            client_name=mib, title=mib, url=mib, features=["x"] * 200_000
        ):
            (contents,) = [c for c in house.ipc.web_contents if c.title]
            assert len(contents.title) == len(contents.url) == 8 * 1024


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff", b"\x12\x05", b"\x22\x03abc"],
    ids=["no-tag", "cut-short", "no-hello"],
)
async def test_a_frame_that_is_none(data: bytes) -> None:
    async with (
        hostile_house() as house,
        house.intruder(silent=True) as first,
        house.intruder() as later,
    ):
        await first.write(data)
        await first.refused("malformed frame")
        await later.write(data)
        await later.refused("malformed frame")


async def test_frames_behind_the_goodbye() -> None:
    ipc, heard = echoing(), list[object]()
    ipc.on("too late", lambda event: heard.append(event.channel))
    async with intruded(ipc) as intruder:
        await intruder.say(goodbye=pb.Goodbye())
        await intruder.put(event("too late"), first=99)
        assert await intruder.code() is OK
        goodbye = await intruder.goodbye()
        assert goodbye.reason == pb.GOODBYE_REASON_CLOSED
    assert heard == []
